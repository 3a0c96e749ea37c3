"""The nouns of the glossary as immutable data."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from inventory_grpc.domain.record import record
from inventory_grpc.domain.status import OrderStatus

COUNTER_MAX = 10**15
"""No counter of a stock level may exceed this many units."""

QUANTITY_MAX = 1_000_000_000
"""Most units on one line."""

AMOUNT_MAX = Decimal("999999999999.9999")
"""Largest price or total, in units of its currency."""

DEFAULT_LOCATION = "default"
"""The location that always exists."""

Labels = Mapping[str, str]


class MovementKind(IntEnum):
    """What a movement did; the numbers are those of the wire and of the ledger."""

    RECEIVED = 1
    ADJUSTED = 2
    COUNTED = 3
    POLICY_CHANGED = 4
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


class OrderEventKind(IntEnum):
    """What happened to an order; the numbers are those of the wire and of the history."""

    CREATED = 1
    CONFIRMED = 2
    SHIPPED = 3
    DELIVERED = 4
    CANCELLED = 5
    RECALLED = 6
    RETURNED = 7


class ProductKey(NamedTuple):
    """Names a product by id or by SKU; the other one is empty."""

    product_id: str = ""
    sku: str = ""

    def __str__(self) -> str:
        return f"product_id:{self.product_id}" if self.product_id else f"sku:{self.sku}"


@record
class Money:
    """An exact amount, at most four decimals, of one currency."""

    currency: str
    amount: Decimal


@record
class ProductStock:
    """A product's counters summed over its locations."""

    on_hand: int = 0
    allocated: int = 0
    held: int = 0
    available: int = 0


@record
class Product:
    """Something that can be ordered."""

    product_id: str
    sku: str
    name: str
    description: str
    price: Money | None
    labels: Labels
    version: int
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None
    stock: ProductStock


@record
class Location:
    """A place that holds stock."""

    location_id: str
    display_name: str
    priority: int
    labels: Labels
    version: int
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None


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
    transfer_id: str
    request_id: str
    actor: str
    reason: AdjustmentReason
    note: str
    occur_time: datetime


@record
class OrderLine:
    """Units of one product promised from one location."""

    line_number: int
    requested_line: int
    product_id: str
    sku: str
    location_id: str
    quantity: int
    unit_price: Money | None
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0

    @property
    def open(self) -> int:
        """Units still promised and not yet shipped."""
        return self.quantity - self.shipped - self.cancelled


@record
class Order:
    """A promise to a customer."""

    order_id: str
    status: OrderStatus
    lines: tuple[OrderLine, ...]
    total: Money | None
    customer_reference: str
    labels: Labels
    version: int
    create_time: datetime
    update_time: datetime
    status_reason: str


@record
class OrderEvent:
    """One immutable entry of an order's history; every version of an order is exactly one."""

    event_id: str
    order_id: str
    kind: OrderEventKind
    from_status: OrderStatus | None
    to_status: OrderStatus
    lines: tuple[tuple[int, int], ...]
    """(line_number, units)"""
    reason: str
    actor: str
    request_id: str
    order_version: int
    occur_time: datetime
