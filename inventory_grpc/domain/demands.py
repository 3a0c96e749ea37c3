"""Demands: what an order's lines ask of each product, and what there is for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import DemandLine
from inventory_grpc.domain.entries import Item
from inventory_grpc.domain.errors import Shortage
from inventory_grpc.domain.model import StockLevel


@dataclass(slots=True)
class Demand:
    """All lines of one product bound to one location, or to none: checked as one quantity."""

    item: Item
    location_id: str
    quantity: int
    lines: list[tuple[int, int]]
    """(index of the requested line, its units)"""

    @property
    def line_index(self) -> int:
        """The first of its lines."""
        return self.lines[0][0]


Taken = dict[tuple[str, str], int]
"""Units promised so far by the order being decided, by (product_id, location_id)."""

Parts = list[tuple[str, int]]
"""(location, units), in the order in which they are taken."""

Plan = list[tuple[Demand, Parts]]
"""What each demand gets, and from where."""


def demands_of(lines: Sequence[DemandLine], found: Sequence[Item]) -> list[Demand]:
    """One of each product and location that the lines name."""
    demands: dict[tuple[str, str], Demand] = {}
    for index, (line, item) in enumerate(zip(lines, found, strict=True)):
        key = (item.product_id, line.location_id)
        demand = demands.get(key)
        if demand is None:
            only = [(index, line.quantity)]
            demands[key] = Demand(item, line.location_id, line.quantity, only)
        else:
            demand.quantity += line.quantity
            demand.lines.append((index, line.quantity))
    return list(demands.values())


def candidates(books: Books, product_id: str, location_id: str) -> list[StockLevel]:
    """The product's levels at live locations, or the one at ``location_id`` if it has one there."""
    levels = books.levels[product_id]
    if location_id:
        level = levels.get(location_id)
        return [level] if level else []
    return [level for name, level in levels.items() if books.site(name) is not None]


def available(level: StockLevel) -> int:
    """A room: units that can be taken without backordering."""
    return level.available


def promisable(level: StockLevel) -> int:
    """A room: units that can be taken with backorders."""
    return level.promisable


def taken_of(taken: Taken, level: StockLevel) -> int:
    """Units that the order being decided has already taken from ``level``."""
    return taken.get((level.product_id, level.location_id), 0)


def shortage_of(
    books: Books, now: datetime, demand: Demand, levels: Sequence[StockLevel], taken: Taken
) -> Shortage:
    """What is left for this demand, and the counters behind it."""
    left = sum(max(level.promisable - taken_of(taken, level), 0) for level in levels)
    item = demand.item
    shown = levels or [StockLevel(item.product_id, item.sku, demand.location_id)]
    return Shortage.at(
        demand.line_index, demand.quantity, left, shown, demand.location_id,
        books.next_hold_expiry(levels, now),
    )  # fmt: skip
