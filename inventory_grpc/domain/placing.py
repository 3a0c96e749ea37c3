"""Placing an order: allocate every line or refuse with what is missing."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from inventory_grpc.domain import lookup
from inventory_grpc.domain.allocation import Share, allocate
from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import PlaceOrder
from inventory_grpc.domain.context import Context
from inventory_grpc.domain.errors import CurrencyMismatch, TotalTooLarge
from inventory_grpc.domain.ledger import post
from inventory_grpc.domain.model import (
    AMOUNT_MAX,
    Money,
    MovementKind,
    Order,
    OrderEvent,
    OrderEventKind,
    OrderLine,
)
from inventory_grpc.domain.status import OrderStatus

_ZERO: Final = Decimal(0)


def place_order(books: Books, command: PlaceOrder, context: Context) -> Order:
    """Raises ProductNotFound, LocationNotFound, CurrencyMismatch, TotalTooLarge,
    InsufficientStock, QuantityLimit."""
    lines = command.lines
    found = lookup.demanded(books, lines)
    total = total_of([(item.price, line.quantity) for item, line in zip(found, lines, strict=True)])
    shares = allocate(books, context.now, lines, found, command.allocation)
    order_id = context.ids.next()
    order_lines = _promise(books, context, order_id, shares)
    order = Order(
        order_id, OrderStatus.PENDING, order_lines, total,
        command.customer_reference, command.labels, 1, context.now, context.now, "",
    )  # fmt: skip
    books.put_order(order, created(order, context))
    return order


def total_of(priced: Sequence[tuple[Money | None, int]]) -> Money | None:
    """Of (unit price, units); None if nothing has a price. Raises CurrencyMismatch, TotalTooLarge.

    Exact: 100 lines of 10^9 units at 10^12 with four decimals need 27 digits, Decimal has 28.
    """
    amount, currency = _ZERO, None
    for price, units in priced:
        if price is not None:
            if price.currency != currency:
                if currency is not None:
                    raise CurrencyMismatch(sorted({each.currency for each, _ in priced if each}))
                currency = price.currency
            amount += price.amount * units
    if currency is None:
        return None
    if amount > AMOUNT_MAX:
        raise TotalTooLarge(f"{amount:f}")
    return Money(currency, amount)


def _promise(
    books: Books, context: Context, order_id: str, shares: Sequence[Share]
) -> tuple[OrderLine, ...]:
    lines: list[OrderLine] = []
    for number, share in enumerate(shares, start=1):
        item, location_id, quantity = share.item, share.location_id, share.quantity
        post(
            books, context, books.level(item, location_id), MovementKind.ALLOCATED,
            allocated=quantity, line_number=number, order_id=order_id,
        )  # fmt: skip
        line = OrderLine(
            number, share.line_index, item.product_id, item.sku, location_id, quantity, item.price
        )
        lines.append(line)
    return tuple(lines)


def created(order: Order, context: Context) -> OrderEvent:
    """The first entry of an order's history."""
    return OrderEvent(
        context.ids.next(), order.order_id, OrderEventKind.CREATED, None, order.status,
        tuple([(line.line_number, line.quantity) for line in order.lines]),
        "", context.caller, context.request_id, 1, context.now,
    )  # fmt: skip
