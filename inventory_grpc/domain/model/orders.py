"""Orders and their history."""

from datetime import datetime
from enum import IntEnum

from inventory_grpc.domain.model.catalogue import Labels, Money
from inventory_grpc.domain.record import record
from inventory_grpc.domain.status import OrderStatus


class OrderEventKind(IntEnum):
    """What happened to an order; the numbers are those of the wire and of the history."""

    CREATED = 1
    CONFIRMED = 2
    SHIPPED = 3
    DELIVERED = 4
    CANCELLED = 5
    RECALLED = 6
    RETURNED = 7


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
    hold_id: str = ""
    """The hold it was converted from."""


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
