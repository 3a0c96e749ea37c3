"""Refusals of a stream of changes."""

from dataclasses import dataclass

from inventory_grpc.domain.errors.base import DomainError


@dataclass(eq=False)
class ResumeTokenExpired(DomainError):
    """What came after the token is no longer kept."""

    reason = "RESUME_TOKEN_EXPIRED"
    oldest_token: str
    """Resumes before the oldest change that is kept."""

    @property
    def message(self) -> str:
        return "what came after the resume_token is no longer kept; list again and start anew"

    @property
    def metadata(self) -> dict[str, str]:
        return {"oldest_token": self.oldest_token}


@dataclass(eq=False)
class SlowConsumer(DomainError):
    """The client did not take what came; nobody else waits for it."""

    reason = "SLOW_CONSUMER"
    subject_type = "stream"
    subject = "WatchChanges"
    resume_token: str
    """Of the last message that was delivered."""
    allowed: int
    """Changes that a stream may be behind."""
    limit: str = "queued_changes"
    retry_after_ms: int = 1_000

    @property
    def message(self) -> str:
        return "the client did not keep up; resume by the last token"

    @property
    def metadata(self) -> dict[str, str]:
        return {"resume_token": self.resume_token}
