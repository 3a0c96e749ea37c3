"""The states of an order and of a hold, and the transitions of orders a caller may ask for."""

from collections.abc import Mapping
from enum import IntEnum


class OrderStatus(IntEnum):
    """The state of an order; the numbers are those of the wire and of the table."""

    PENDING = 1
    CONFIRMED = 2
    PARTIALLY_SHIPPED = 3
    SHIPPED = 4
    DELIVERED = 5
    CANCELLED = 6
    PARTIALLY_RETURNED = 7
    RETURNED = 8


class HoldStatus(IntEnum):
    """The state of a hold; the numbers are those of the wire and of the table."""

    ACTIVE = 1
    CONVERTED = 2
    RELEASED = 3
    EXPIRED = 4


ALLOWED: Mapping[OrderStatus, tuple[OrderStatus, ...]] = {
    OrderStatus.PENDING: (OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.CANCELLED),
    OrderStatus.CONFIRMED: (OrderStatus.SHIPPED, OrderStatus.CANCELLED),
    OrderStatus.PARTIALLY_SHIPPED: (OrderStatus.SHIPPED, OrderStatus.CANCELLED),
    OrderStatus.SHIPPED: (OrderStatus.DELIVERED, OrderStatus.CANCELLED),
    OrderStatus.DELIVERED: (OrderStatus.RETURNED,),
    OrderStatus.PARTIALLY_RETURNED: (OrderStatus.RETURNED,),
    OrderStatus.CANCELLED: (),
    OrderStatus.RETURNED: (),
}
"""Which states may be asked for from which; SHIPPED -> CANCELLED is a recall."""

NEVER_ASKED_FOR = frozenset({OrderStatus.PARTIALLY_SHIPPED, OrderStatus.PARTIALLY_RETURNED})
"""States that follow from line quantities."""
