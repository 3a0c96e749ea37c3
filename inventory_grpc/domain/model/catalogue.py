"""Products, what they cost, and locations."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from inventory_grpc.domain.record import record

AMOUNT_MAX = Decimal("999999999999.9999")
"""Largest price or total, in units of its currency."""

DEFAULT_LOCATION = "default"
"""The location that always exists."""

Labels = Mapping[str, str]


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


class ProductEventKind(IntEnum):
    """What happened to a product; the numbers are those of the history."""

    CREATED = 1
    UPDATED = 2
    DELETED = 3
    UNDELETED = 4


@record
class ProductEvent:
    """One immutable entry of a product's history; every version of a product is exactly one."""

    event_id: str
    kind: ProductEventKind
    product: Product
    """As it was then, without its stock."""
    actor: str
    request_id: str


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
