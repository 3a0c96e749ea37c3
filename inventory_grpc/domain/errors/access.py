"""Refusals of callers, whatever they ask for."""

from dataclasses import dataclass

from inventory_grpc.domain.errors.base import DomainError


@dataclass(eq=False)
class Unauthenticated(DomainError):
    """No credential, or none that counts. The caller is not told which check it failed beyond
    ``problem``, which never quotes the credential."""

    reason = "UNAUTHENTICATED"
    problem: str

    @property
    def message(self) -> str:
        return f"who calls is not known: {self.problem}"


@dataclass(eq=False)
class PermissionDenied(DomainError):
    """The caller is known and may not do this, whether or not what it asks for exists."""

    reason = "PERMISSION_DENIED"
    caller: str
    needed: str
    """The least role that may."""

    @property
    def message(self) -> str:
        return f"{self.caller} lacks the role {self.needed}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"caller": self.caller, "needed": self.needed}


@dataclass(eq=False)
class RateLimited(DomainError):
    """The caller has used up what it may do for now; nobody else is affected."""

    reason = "RATE_LIMITED"
    subject_type = "caller"
    caller: str
    limit: str
    """What is limited: calls of a group of methods per second, or calls in flight."""
    allowed: int
    retry_after_ms: int

    @property
    def message(self) -> str:
        return f"{self.caller} is over its limit of {self.allowed} {self.limit}; wait as told"

    @property
    def metadata(self) -> dict[str, str]:
        return {"limit": self.limit, "allowed": str(self.allowed)}

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.caller
