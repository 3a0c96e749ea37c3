"""What goes into the write path and what comes out of it."""

from collections.abc import Callable
from dataclasses import field
from typing import Final

from inventory_grpc.domain.commands import (
    CancelOrder,
    ChangeOrderStatus,
    Command,
    ConvertHold,
    CreateHold,
    CreateProduct,
    DeleteLocation,
    ExpireHolds,
    ExtendHold,
    PlaceOrder,
    ReleaseHold,
    ReturnOrder,
    ShipOrder,
    TransferStock,
)
from inventory_grpc.domain.errors import DomainError
from inventory_grpc.domain.record import record
from inventory_grpc.domain.results import Result
from inventory_grpc.store.footprint import Footprint

_STORED_WEIGHT: Final = 10
"""Of an order or hold whose lines are in the database: most have few, some a hundred."""

EncodeRefusal = Callable[[DomainError], tuple[int, bytes]]
"""A refusal as (gRPC code, serialized google.rpc.Status), made by the edge."""
SealCommit = Callable[[str], bytes]
"""What every response of a commit ends with, from the commit's id: its resume token, as the edge
encodes it."""


@record
class Request:
    """One mutation on its way: whose, under which request id, what, and how to answer it."""

    caller: str
    request_id: str
    fingerprint: bytes
    command: Command
    encode: Callable[[Result], bytes]
    """Runs between decision and commit, in the committer's thread."""
    validate_only: bool = False


@record
class Answer:
    """The answer as it is stored: code 0 and a response, or a code and a google.rpc.Status."""

    code: int
    body: bytes
    replayed: bool = False
    commit_id: str = field(default="", compare=False)
    """Of the attempt that decided it, even if that left nothing to commit; of a stored answer, or
    one that no decision was needed for, nothing."""


class RowRefused(Exception):
    """An ATOMIC batch was refused; ``row`` is the index of its first failing row."""

    def __init__(self, row: int, answer: Answer) -> None:
        super().__init__(row)
        self.row = row
        self.answer = answer


@record
class Group:
    """Requests that are never split over two transactions: a singular call, or an ATOMIC batch."""

    requests: tuple[Request, ...]
    atomic: bool = True
    is_batch: bool = False
    """Made by a caller as a batch: if it is ATOMIC and refused, it stores nothing, for no row."""

    @property
    def optimistic(self) -> bool:
        """Decided on rows read without locks: only if all of it asks for that."""
        return all(getattr(request.command, "optimistic", False) for request in self.requests)

    @property
    def apart(self) -> bool:
        """Locks so many rows that nobody should have to wait behind it."""
        return any(isinstance(request.command, DeleteLocation) for request in self.requests)

    @property
    def footprint(self) -> Footprint:
        """Which rows it needs."""
        return Footprint.of(request.command for request in self.requests)

    @property
    def lines(self) -> int:
        """Its size against the bound of a transaction."""
        return sum(_weight(request.command) for request in self.requests)


def _weight(command: Command) -> int:
    match command:
        case PlaceOrder() | TransferStock() | CreateHold():
            return len(command.lines)
        case CreateProduct():
            return 1 + len(command.initial_stock)
        case ChangeOrderStatus() | ShipOrder() | CancelOrder() | ReturnOrder():
            return _STORED_WEIGHT
        case ExtendHold() | ConvertHold() | ReleaseHold():
            return _STORED_WEIGHT
        case ExpireHolds():
            return _STORED_WEIGHT * len(command.hold_ids)
    return 1


Outcome = list[Answer] | RowRefused | DomainError | Exception
"""Of a group: an answer per request, its refusal, why it could not run, or a bug."""
