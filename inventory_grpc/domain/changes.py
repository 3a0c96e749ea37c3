"""The change stream: what each commit changed, one change after the other.

A change carries the resource as that change left it, whatever has become of it since; only SKUs
are those of now, as in every read. Changes have places: the position of their commit, and an index
within it that never depends on who reads, or on what has been forgotten.
"""

from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from inventory_grpc.domain.model import (
    Hold,
    MovementKind,
    Order,
    Product,
    StockLevel,
    StockMovement,
)
from inventory_grpc.domain.record import record

LAST: Final = 2**31 - 1
"""The index behind every change of a commit: ``Cursor(p, LAST)`` has seen all of p."""

_COUNT_AT: Final = slice(19, 26)
_VERSION_AT: Final = 14


class ChangeKind(IntEnum):
    """What a change is about; the numbers are those of the wire."""

    PRODUCT = 1
    STOCK_LEVEL = 2
    HOLD = 3
    ORDER = 4
    LOW_STOCK = 5
    """What is available has fallen to the threshold or below it."""
    STOCK_RECOVERED = 6
    """It is above the threshold again, or there is none any more."""


@record
class Cursor:
    """Everything up to and including this place has been seen; the stream begins at (0, LAST)."""

    position: int
    index: int = LAST


class ForgottenError(Exception):
    """What comes next is not kept any more."""

    def __init__(self, oldest: int) -> None:
        super().__init__(oldest)
        self.oldest = oldest
        """The lowest position that is."""


@record
class Cause:
    """Whose call it was, and which order or hold was changed along with it; empty = none."""

    order_id: str
    hold_id: str
    request_id: str
    actor: str


@record
class Change:
    """One change of one resource."""

    cursor: Cursor
    event_id: str
    """Of this change, however often it is delivered."""
    kind: ChangeKind
    resource: Product | StockLevel | Hold | Order
    """A product comes without its stock, which changes by itself."""
    version: int
    """Of the resource: 1, 2, 3 … without gaps. A change of kind LOW_STOCK or STOCK_RECOVERED comes
    right behind the one of the level, with the same version."""
    movement: StockMovement | None
    """Of a stock level."""
    cause: Cause
    occur_time: datetime


class Policy(NamedTuple):
    """What a movement says of a level's policy."""

    safety_stock: int = 0
    low_stock_threshold: int | None = None


def index_of(event_id: str) -> int:
    """The place within its commit of what has this id: the count in it, doubled.

    The odd numbers are for what follows from a movement.
    """
    head, low = event_id[_COUNT_AT].split("-")
    return ((int(head, 16) & 0x3FFF) << 8 | int(low, 16)) * 2


def of_movement(
    position: int, movement: StockMovement, level: StockLevel, before: Policy
) -> list[Change]:
    """The change of a level that a movement made, and what it means for the threshold.

    ``level`` is as it was after it, ``before`` the policy that was in force until then.
    """
    cause = Cause(movement.order_id, movement.hold_id, movement.request_id, movement.actor)
    index, event_id = index_of(movement.movement_id), movement.movement_id
    changes = [
        Change(
            Cursor(position, index), event_id, ChangeKind.STOCK_LEVEL, level, level.version,
            movement, cause, movement.occur_time,
        )
    ]  # fmt: skip
    crossing = _crossing(movement, level, before)
    if crossing is not None:
        changes.append(
            Change(
                Cursor(position, index + 1), _derived(event_id), crossing, level, level.version,
                movement, cause, movement.occur_time,
            )
        )  # fmt: skip
    return changes


def policy_after(movement: StockMovement) -> Policy:
    """What it left."""
    return Policy(movement.safety_stock_after, movement.low_stock_threshold_after)


def changes_policy(movement: StockMovement) -> bool:
    """Whether another policy was in force before it."""
    return movement.kind is MovementKind.POLICY_CHANGED


def _crossing(movement: StockMovement, level: StockLevel, before: Policy) -> ChangeKind | None:
    if level.low_stock_threshold is None and before.low_stock_threshold is None:
        return None
    taken = movement.on_hand_delta - movement.allocated_delta - movement.held_delta
    available = level.available - taken + level.safety_stock - before.safety_stock
    was_low = _is_low(available, before.low_stock_threshold)
    if was_low == _is_low(level.available, level.low_stock_threshold):
        return None
    return ChangeKind.STOCK_RECOVERED if was_low else ChangeKind.LOW_STOCK


def _is_low(available: int, threshold: int | None) -> bool:
    return threshold is not None and available <= threshold


def _derived(event_id: str) -> str:
    """Another id, as stable: no id that is made anywhere has version 8."""
    return f"{event_id[:_VERSION_AT]}8{event_id[_VERSION_AT + 1 :]}"
