"""Stock levels and their ledger."""

from datetime import datetime
from enum import IntEnum

from inventory_grpc.domain.record import record

COUNTER_MAX = 10**15
"""No counter of a stock level may exceed this many units."""

QUANTITY_MAX = 1_000_000_000
"""Most units on one line."""


class MovementKind(IntEnum):
    """What a movement did; the numbers are those of the wire and of the ledger."""

    RECEIVED = 1
    ADJUSTED = 2
    COUNTED = 3
    POLICY_CHANGED = 4
    HELD = 5
    HOLD_RELEASED = 6
    HOLD_EXPIRED = 7
    ALLOCATED = 8
    DEALLOCATED = 9
    SHIPPED = 10
    RETURNED = 11
    TRANSFERRED_OUT = 12
    TRANSFERRED_IN = 13


class AdjustmentReason(IntEnum):
    """Why stock was adjusted; the numbers are those of the wire and of the ledger."""

    NONE = 0
    RECEIVED = 1
    CORRECTION = 2
    DAMAGED = 3
    LOST = 4
    FOUND = 5
    RETURNED = 6
    OTHER = 7


@record
class StockLevel:
    """The counters of one product at one location; version 0 = it never had stock there."""

    product_id: str
    sku: str
    location_id: str
    on_hand: int = 0
    allocated: int = 0
    held: int = 0
    safety_stock: int = 0
    backorder_limit: int = 0
    low_stock_threshold: int | None = None
    shortfall: int = 0
    version: int = 0
    update_time: datetime | None = None

    @property
    def available(self) -> int:
        """Units that can be promised without backordering; negative when more is promised."""
        return self.on_hand - self.allocated - self.held - self.safety_stock

    @property
    def promisable(self) -> int:
        """Units that an order or hold may still take: available plus backorder limit."""
        return self.available + self.backorder_limit


@record
class StockMovement:
    """One immutable ledger row: the change that made version ``stock_version`` of a level."""

    movement_id: str
    product_id: str
    sku: str
    location_id: str
    kind: MovementKind
    on_hand_delta: int
    allocated_delta: int
    held_delta: int
    on_hand_after: int
    allocated_after: int
    held_after: int
    shortfall_after: int
    stock_version: int
    line_number: int
    order_id: str
    hold_id: str
    transfer_id: str
    request_id: str
    actor: str
    reason: AdjustmentReason
    note: str
    occur_time: datetime
    safety_stock_after: int = 0
    backorder_limit_after: int = 0
    low_stock_threshold_after: int | None = None
