"""Refusals of a request as such: its form, its key, its page, its answer's size, its age."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventory_grpc.domain.errors.base import DomainError
from inventory_grpc.domain.record import record


@record
class Violation:
    """One malformed field: its path and what is wrong with it."""

    field: str
    description: str


@dataclass(eq=False)
class InvalidFields(DomainError):
    """The request is malformed; lists every violation."""

    reason = "INVALID_FIELD"
    violations: Sequence[Violation]

    @property
    def message(self) -> str:
        first = self.violations[0]
        more = f" (and {len(self.violations) - 1} more)" if len(self.violations) > 1 else ""
        return f"{first.field}: {first.description}{more}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"violations_total": str(len(self.violations))}


@dataclass(eq=False)
class MalformedRequest(DomainError):
    """The bytes are not a message of the method's type."""

    reason = "MALFORMED_REQUEST"
    method: str

    @property
    def message(self) -> str:
        return "the request's bytes are not a valid message of this method's request type"

    @property
    def metadata(self) -> dict[str, str]:
        return {"method": self.method}


class PageTokenInvalid(DomainError):
    """The page token was not made here, or for another filter or order."""

    reason = "PAGE_TOKEN_INVALID"

    @property
    def message(self) -> str:
        return "page_token was not made by this service for this filter and order; start without"


@dataclass(eq=False)
class RequestIdReused(DomainError):
    """The request_id came before with another method or payload."""

    reason = "REQUEST_ID_REUSED"
    request_id: str

    @property
    def message(self) -> str:
        return "request_id was used before for another method or payload; make a new one"

    @property
    def metadata(self) -> dict[str, str]:
        return {"request_id": self.request_id}


@dataclass(eq=False)
class AnswerTooLarge(DomainError):
    """The answer would exceed what one message should carry."""

    reason = "ANSWER_TOO_LARGE"
    bytes: int
    bytes_max: int

    @property
    def message(self) -> str:
        return f"the answer would be {self.bytes} bytes, more than {self.bytes_max}; ask for fewer"

    @property
    def metadata(self) -> dict[str, str]:
        return {"bytes": str(self.bytes), "bytes_max": str(self.bytes_max)}


@dataclass(eq=False)
class VersionMismatch(DomainError):
    """The resource is no longer what the caller knew."""

    reason = "VERSION_MISMATCH"
    expected_version: int
    current_version: int
    current_on_hand: int | None = None
    expected_on_hand: int | None = None
    """What was expected instead of a version."""

    @property
    def message(self) -> str:
        if self.expected_on_hand is not None:
            return (
                f"{self.current_on_hand} are on hand, not {self.expected_on_hand}; "
                "read again and decide anew"
            )
        return f"the current version is {self.current_version}; read again and decide anew"

    @property
    def metadata(self) -> dict[str, str]:
        facts = {"current_version": str(self.current_version)}
        if self.expected_on_hand is not None:
            facts["expected_on_hand"] = str(self.expected_on_hand)
        else:
            facts["expected_version"] = str(self.expected_version)
        if self.current_on_hand is not None:
            facts["current_on_hand"] = str(self.current_on_hand)
        return facts
