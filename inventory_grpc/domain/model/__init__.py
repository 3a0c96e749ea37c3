"""The nouns of the glossary as immutable data."""

from inventory_grpc.domain.model.catalogue import (
    AMOUNT_MAX,
    DEFAULT_LOCATION,
    Labels,
    Location,
    Money,
    Product,
    ProductEvent,
    ProductEventKind,
    ProductKey,
    ProductStock,
)
from inventory_grpc.domain.model.holds import (
    Hold,
    HoldEvent,
    HoldEventKind,
    HoldLine,
)
from inventory_grpc.domain.model.orders import (
    Order,
    OrderEvent,
    OrderEventKind,
    OrderLine,
)
from inventory_grpc.domain.model.stock import (
    COUNTER_MAX,
    QUANTITY_MAX,
    AdjustmentReason,
    MovementKind,
    StockLevel,
    StockMovement,
)

__all__ = [
    "AMOUNT_MAX",
    "COUNTER_MAX",
    "DEFAULT_LOCATION",
    "QUANTITY_MAX",
    "AdjustmentReason",
    "Hold",
    "HoldEvent",
    "HoldEventKind",
    "HoldLine",
    "Labels",
    "Location",
    "Money",
    "MovementKind",
    "Order",
    "OrderEvent",
    "OrderEventKind",
    "OrderLine",
    "Product",
    "ProductEvent",
    "ProductEventKind",
    "ProductKey",
    "ProductStock",
    "StockLevel",
    "StockMovement",
]
