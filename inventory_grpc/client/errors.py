"""What a refused call raises, in families per gRPC code; `refusals` has a class per reason.

Catch the narrowest that there is something to do about:

    try:
        client.create_order([("MUG", 2)])
    except InsufficientStock as refused:
        for shortage in refused.shortages:
            ...

A reason that a newer server gives and this library does not know yet raises the family of its
code, with the name in `InventoryError.reason`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import grpc

from inventory_grpc.v1.errors_pb2 import FieldViolation, StockShortage

_Code = grpc.StatusCode
_OUTCOME_UNKNOWN: Final = frozenset(
    {_Code.UNAVAILABLE, _Code.CANCELLED, _Code.DEADLINE_EXCEEDED, _Code.UNKNOWN}
)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a refusal."""

    code: grpc.StatusCode
    message: str = ""
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    retry_forbidden: bool = False
    violations: Sequence[FieldViolation] = ()
    shortages: Sequence[StockShortage] = ()


class InventoryError(Exception):
    """A call, or a row of a batch, was refused or failed.

    `code` is the gRPC code. `reason` is the name of the ErrorReason without its prefix; empty when
    no handler answered: connection lost, deadline over, message too large. `metadata` has the
    facts behind the reason, as text. `retry_after` is how many seconds the server asks to wait, or
    None.
    """

    by_reason: ClassVar[dict[str, type["InventoryError"]]] = {}
    """The class of every reason."""

    def __init__(self, facts: Facts) -> None:
        """Usually made by `error_of`."""
        super().__init__(facts)
        self.facts = facts
        self.code = facts.code
        self.reason = facts.reason
        self.message = facts.message
        self.metadata = facts.metadata
        self.retry_after = facts.retry_after
        self.request_id = ""
        """The request_id that the refused mutation was sent with; empty for reads and batches."""
        self.attempts = 1
        """How often it was sent."""

    def __init_subclass__(cls, *, reason: str = "") -> None:
        """A class with a reason is raised for that reason."""
        if reason:
            cls.by_reason[reason] = cls

    def __str__(self) -> str:
        told = f"{self.reason or self.code.name}: {self.message}"
        return f"{told} (attempts: {self.attempts})" if self.attempts > 1 else told

    @property
    def outcome_unknown(self) -> bool:
        """True when it may have been done all the same: repeat it with the same request_id."""
        return self.code in _OUTCOME_UNKNOWN

    @property
    def row(self) -> int | None:
        """Index of the row that an ATOMIC batch was refused for."""
        return self._number("row")

    def _number(self, key: str) -> int | None:
        value = self.metadata.get(key)
        return None if value is None else int(value)

    def _text(self, key: str) -> str:
        return self.metadata.get(key, "")

    def _texts(self, key: str) -> list[str]:
        value = self._text(key)
        return value.split(",") if value else []


class InvalidArgument(InventoryError):
    """INVALID_ARGUMENT: the request is wrong, whatever the state of the inventory."""


class NotFound(InventoryError):
    """NOT_FOUND: something that the request names does not exist."""

    @property
    def missing(self) -> list[str]:
        """What was not found: ids, or products as `sku:MUG-1` or `product_id:0192…`."""
        return self._texts("missing")


class AlreadyExists(InventoryError):
    """ALREADY_EXISTS: the name is taken."""


class FailedPrecondition(InventoryError):
    """FAILED_PRECONDITION: the state of the inventory does not allow it."""


class Aborted(InventoryError):
    """ABORTED: somebody else changed the same."""


class OutOfRange(InventoryError):
    """OUT_OF_RANGE."""


class ResourceExhausted(InventoryError):
    """RESOURCE_EXHAUSTED: a quota is used up, or a message was larger than allowed."""


class Unavailable(InventoryError):
    """UNAVAILABLE: not now; the client has repeated the call until its time was up."""


class DeadlineExceeded(InventoryError):
    """DEADLINE_EXCEEDED: the time was up before an answer came."""


class ServerError(InventoryError):
    """INTERNAL: a bug in the server, or an answer that could not be read."""


FAMILIES: Final[Mapping[grpc.StatusCode, type[InventoryError]]] = {
    _Code.INVALID_ARGUMENT: InvalidArgument,
    _Code.NOT_FOUND: NotFound,
    _Code.ALREADY_EXISTS: AlreadyExists,
    _Code.FAILED_PRECONDITION: FailedPrecondition,
    _Code.ABORTED: Aborted,
    _Code.OUT_OF_RANGE: OutOfRange,
    _Code.RESOURCE_EXHAUSTED: ResourceExhausted,
    _Code.UNAVAILABLE: Unavailable,
    _Code.DEADLINE_EXCEEDED: DeadlineExceeded,
    _Code.INTERNAL: ServerError,
}
"""What is raised when there is no reason, or one that is not known here."""
