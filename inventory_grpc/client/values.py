"""Plain Python values for what messages hold: money, products, lines, times, enums."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, Protocol

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.v1.common_pb2 import DemandLine, LineQuantity, Money, ProductKey


class HasProductId(Protocol):
    """A Product, StockLevel, Availability, line or movement, as calls answer them."""

    @property
    def product_id(self) -> str:
        """Its product's id."""


ProductRef = str | ProductKey | HasProductId
"""Which product: a SKU, `product_id(…)`, or any message that belongs to one."""
Line = tuple[ProductRef, int] | tuple[ProductRef, int, str] | DemandLine
"""What is wanted: (product, quantity), or (product, quantity, location_id)."""
Lines = Iterable[Line]
Part = Mapping[int, int]
"""Units by line_number, of an order's or a hold's lines."""
Labels = Mapping[str, str]
Seconds = float | timedelta

Allocation = Literal["PRIORITY", "MOST_STOCK", "SINGLE_LOCATION"]
Locking = Literal["PESSIMISTIC", "OPTIMISTIC"]
BatchModeName = Literal["ATOMIC", "INDEPENDENT"]
OrderStatusName = Literal[
    "PENDING",
    "CONFIRMED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "DELIVERED",
    "CANCELLED",
    "PARTIALLY_RETURNED",
    "RETURNED",
]
HoldStatusName = Literal["ACTIVE", "CONVERTED", "RELEASED", "EXPIRED"]
Remainder = Literal["KEEP", "RELEASE"]
Disposition = Literal["RESTOCK", "DISCARD"]
AdjustmentReasonName = Literal[
    "RECEIVED", "CORRECTION", "DAMAGED", "LOST", "FOUND", "RETURNED", "OTHER"
]
MovementKindName = Literal[
    "RECEIVED",
    "ADJUSTED",
    "COUNTED",
    "POLICY_CHANGED",
    "HELD",
    "HOLD_RELEASED",
    "HOLD_EXPIRED",
    "ALLOCATED",
    "DEALLOCATED",
    "SHIPPED",
    "RETURNED",
    "TRANSFERRED_OUT",
    "TRANSFERRED_IN",
]
ChangeKindName = Literal["PRODUCT", "STOCK_LEVEL", "HOLD", "ORDER", "LOW_STOCK", "STOCK_RECOVERED"]
ProductOrder = Literal["CREATE_TIME", "SKU", "NAME", "PRICE"]

_NANO: Final = Decimal("1e-9")
_NANOS: Final = 1_000_000_000


def money(amount: Decimal | int | str, currency: str) -> Money:
    """An exact amount, such as `money(Decimal("9.90"), "EUR")`.

    At most 999,999,999,999.9999 in size and four decimals; the server refuses more. Floats are
    refused here: 0.1 is not what it looks like. Raises TypeError or ValueError.
    """
    if isinstance(amount, float):
        raise TypeError("money is exact: give a Decimal, an int or a str")
    exact = Decimal(amount)
    if not exact.is_finite() or exact != exact.quantize(_NANO):
        raise ValueError(f"{amount} is no amount of money: at most four decimals are kept")
    scaled = int(exact.scaleb(9))
    units, nanos = divmod(abs(scaled), _NANOS)
    sign = -1 if scaled < 0 else 1
    return Money(currency_code=currency, units=sign * units, nanos=sign * nanos)


def decimal(amount: Money) -> Decimal:
    """The amount without its currency, exact, with four decimals or as many as it has."""
    exact = Decimal(amount.units) + Decimal(amount.nanos).scaleb(-9)
    kept = exact.quantize(Decimal("0.0001"))
    return kept if kept == exact else exact


def product_id(value: str) -> ProductKey:
    """Names a product by its id, where a plain str would be taken for a SKU."""
    return ProductKey(product_id=value)


def product_key(product: ProductRef) -> ProductKey:
    """The key of a product however it was named."""
    if isinstance(product, str):
        return ProductKey(sku=product)
    return product if isinstance(product, ProductKey) else product_id(product.product_id)


def product_keys(products: Iterable[ProductRef]) -> list[ProductKey]:
    """The keys of several products."""
    return [product_key(each) for each in products]


def demand(lines: Lines) -> list[DemandLine]:
    """The lines that an order or a hold asks for."""
    return [line if isinstance(line, DemandLine) else _demand_line(*line) for line in lines]


def _demand_line(product: ProductRef, quantity: int, location_id: str = "") -> DemandLine:
    return DemandLine(product=product_key(product), quantity=quantity, location_id=location_id)


def part(lines: Part | None) -> list[LineQuantity]:
    """Units of lines that exist; None stands for all of them, and so is no empty mapping.

    On the wire no lines mean all lines. A mapping that came out empty means none: ValueError.
    """
    if lines is None:
        return []
    if not lines:
        raise ValueError("no lines: give None for everything")
    return [LineQuantity(line_number=line, quantity=units) for line, units in lines.items()]


def moment(value: datetime | None) -> Timestamp | None:
    """A time. Raises ValueError when it says nothing about its time zone."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone, such as datetime.now(UTC)")
    stamp = Timestamp()
    stamp.FromDatetime(value.astimezone(UTC))
    return stamp


def duration(value: Seconds) -> Duration:
    """A length of time, given in seconds or as a timedelta."""
    span = Duration()
    span.FromTimedelta(value if isinstance(value, timedelta) else timedelta(seconds=value))
    return span
