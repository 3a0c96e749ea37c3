"""Questions as plain data, valid in form, and what lists and snapshots answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Generic, TypeVar

from inventory_grpc.domain.model import Money, MovementKind, ProductKey, StockLevel
from inventory_grpc.domain.status import HoldStatus, OrderStatus

R = TypeVar("R")


class ProductOrder(IntEnum):
    """What products are listed by; the numbers are those of the wire."""

    CREATE_TIME = 1
    SKU = 2
    NAME = 3
    PRICE = 4


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """Which products, in which order; ties are broken by product_id."""

    words: tuple[str, ...] = ()
    """Each occurs in name, description or SKU, in either case."""
    sku_prefix: str = ""
    min_price: Money | None = None
    max_price: Money | None = None
    in_stock: bool | None = None
    low_stock: bool | None = None
    labels: tuple[tuple[str, str], ...] = ()
    """All of them, sorted."""
    show_deleted: bool = False
    order_by: ProductOrder = ProductOrder.CREATE_TIME
    descending: bool = False


@dataclass(frozen=True, slots=True)
class LocationQuery:
    """Which locations, by location_id."""

    show_deleted: bool = False


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment of the past: a time, or else right after a movement."""

    time: datetime | None = None
    movement_id: str = ""


@dataclass(frozen=True, slots=True)
class StockLevelQuery:
    """Which levels, by product_id and location_id."""

    product: ProductKey | None = None
    location_id: str = ""
    low_stock: bool | None = None
    as_of: AsOf | None = None
    """When; None = now."""


@dataclass(frozen=True, slots=True)
class MovementQuery:
    """Which movements, newest first."""

    product: ProductKey | None = None
    location_id: str = ""
    kinds: tuple[MovementKind, ...] = ()
    order_id: str = ""
    hold_id: str = ""
    request_id: str = ""
    start_time: datetime | None = None
    """Inclusive."""
    end_time: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class MovementGroup:
    """Movements of one location, kind, reason and caller, added up."""

    location_id: str
    kind: int
    reason: int
    actor: str
    movements: int
    on_hand_delta: int
    allocated_delta: int
    held_delta: int
    first_time: datetime
    last_time: datetime


@dataclass(frozen=True, slots=True)
class MovementSummary:
    """All movements that were asked for: by group, and those of the smaller groups together."""

    groups: Sequence[MovementGroup]
    others: MovementGroup | None


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders, newest first."""

    statuses: tuple[OrderStatus, ...] = ()
    """Any of them, each once; empty = all."""
    product: ProductKey | None = None
    customer_reference: str = ""
    created_after: datetime | None = None
    """Inclusive."""
    created_before: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class OrderEventQuery:
    """The events of one order, newest first."""

    order_id: str


@dataclass(frozen=True, slots=True)
class HoldQuery:
    """Which holds, newest first."""

    statuses: tuple[HoldStatus, ...] = ()
    """Any of these effective ones, each once; empty = all."""
    owner_reference: str = ""
    product: ProductKey | None = None
    expires_before: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list, and how new it has to be."""

    size: int
    token: str = ""
    """Made by the page before; empty = the first page."""
    include_total: bool = False
    min_token: str = ""
    """A resume token; what it stands for is included."""


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One part of a list. Whoever shows fewer of its rows asks for the token after the last."""

    rows: Sequence[R]
    more: bool
    """There are rows behind these."""
    token_after: Callable[[R], str]
    total: int | None = None
    resume_token: str = ""
    """Of the place in the change stream just before it was read; only of lists that tell it."""
    end_token: str = ""
    """For what is behind all that was looked at, where that may be more than the rows."""


@dataclass(frozen=True, slots=True)
class Availability:
    """One product's levels, by location_id, as of one snapshot."""

    product_id: str
    sku: str
    levels: tuple[StockLevel, ...]


@dataclass(frozen=True, slots=True)
class AvailabilitySnapshot(Generic[R]):
    """What was true of several products at ``snapshot_time``."""

    found: Sequence[R]
    """What was made of each one's Availability."""
    missing: Sequence[ProductKey]
    snapshot_time: datetime
    resume_token: str
    """Of the place in the change stream just before that."""
