"""Refusals that may be gone when the call is made again."""

from dataclasses import dataclass, field

from inventory_grpc.domain.errors.base import DomainError


@dataclass(eq=False)
class Contention(DomainError):
    """Every allowed attempt met a conflict with another transaction."""

    reason = "CONTENTION"
    attempts: int

    @property
    def message(self) -> str:
        return "another writer was faster every time; retry with the same request_id"

    @property
    def metadata(self) -> dict[str, str]:
        return {"attempts": str(self.attempts)}


@dataclass(eq=False)
class Unavailable(DomainError):
    """Not now; the caller may retry with the same request_id after ``retry_after_ms``."""

    retry_after_ms: int = field(default=1000, kw_only=True)


@dataclass(eq=False)
class Overloaded(Unavailable):
    """The server has as much work as it can hold."""

    reason = "OVERLOADED"
    limit: str

    @property
    def message(self) -> str:
        return f"the server is at its limit ({self.limit}); retry with the same request_id"

    @property
    def metadata(self) -> dict[str, str]:
        return {"limit": self.limit}


class Draining(Unavailable):
    """The server is shutting down."""

    reason = "DRAINING"

    @property
    def message(self) -> str:
        return "the server is shutting down; retry with the same request_id"


class DatabaseUnavailable(Unavailable):
    """The database does not answer; whether a mutation took effect is unknown."""

    reason = "DATABASE_UNAVAILABLE"

    @property
    def message(self) -> str:
        return "the database does not answer; retry with the same request_id"


@dataclass(eq=False)
class LockTimeout(Unavailable):
    """A row stayed locked by somebody else for too long."""

    reason = "LOCK_TIMEOUT"
    waited_ms: int

    @property
    def message(self) -> str:
        return "a row stayed locked by somebody else; retry with the same request_id"

    @property
    def metadata(self) -> dict[str, str]:
        return {"waited_ms": str(self.waited_ms)}
