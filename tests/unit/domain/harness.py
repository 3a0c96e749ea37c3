"""Books to decide on, made by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import (
    AllocationStrategy,
    Command,
    DemandLine,
    PlaceOrder,
)
from inventory_grpc.domain.context import Context, Ids
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.entries import Item, Site
from inventory_grpc.domain.model import (
    Money,
    MovementKind,
    Order,
    Product,
    ProductKey,
    ProductStock,
    StockLevel,
)

NOW = datetime(2025, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
IDS = Ids(NOW, 7)


def context(request_id: str = "r") -> Context:
    return Context(NOW, IDS, "somebody", request_id)


def books(*sites: str) -> Books:
    """Live locations; the earlier is asked first."""
    made = Books()
    for priority, name in enumerate(sites or ("default",)):
        made.sites[name] = Site(priority, name, False)
    return made


def product(made: Books, sku: str, *, price: Money | None = None, deleted: bool = False) -> str:
    """A product whose id says its SKU; its row is read as a whole too."""
    product_id = f"id-{sku}"
    made.open_item(Item(product_id, sku, price, deleted))
    made.products[product_id] = Product(
        product_id, sku, sku, "", price, {}, 3, NOW, NOW, NOW if deleted else None, ProductStock()
    )
    return product_id


def level(made: Books, sku: str, location_id: str = "default", **counters: Any) -> StockLevel:
    """A level at version 5 unless said otherwise; makes its product if need be."""
    if f"id-{sku}" not in made.items:
        product(made, sku)
    entered = StockLevel(f"id-{sku}", sku, location_id, **{"version": 5, **counters})
    made.open_level(entered)
    return entered


def key(sku: str) -> ProductKey:
    return ProductKey(sku=sku)


def eur(amount: str) -> Money:
    return Money("EUR", Decimal(amount))


def place(
    made: Books,
    *lines: tuple[str, int] | tuple[str, int, str],
    strategy: AllocationStrategy = AllocationStrategy.PRIORITY,
) -> Order:
    """Place an order of (SKU, quantity[, location])."""
    demand = tuple(DemandLine(key(line[0]), line[1], *line[2:]) for line in lines)
    order = decide(made, PlaceOrder(demand, strategy, "", {}), context())
    assert isinstance(order, Order)
    return order


def ordered(made: Books, command: Command) -> Order:
    """The order that an order command leaves."""
    order = decide(made, command, context())
    assert isinstance(order, Order)
    return order


def taken(order: Order) -> list[tuple[int, str, str, int]]:
    """(requested line, SKU, location, quantity) of every line."""
    return [
        (line.requested_line, line.sku, line.location_id, line.quantity) for line in order.lines
    ]


def counters(made: Books, sku: str, location_id: str = "default") -> tuple[int, int, int]:
    """(on_hand, allocated, shortfall)"""
    now = made.levels[f"id-{sku}"][location_id]
    return now.on_hand, now.allocated, now.shortfall


def ledger(made: Books) -> list[tuple[str, str, MovementKind, int, int]]:
    """(SKU, location, kind, on_hand_delta, allocated_delta) of every movement."""
    return [
        (move.sku, move.location_id, move.kind, move.on_hand_delta, move.allocated_delta)
        for move in made.movements
    ]
