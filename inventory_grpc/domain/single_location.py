"""Allocation from one location: everything of an order from the same place, or nothing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.demands import (
    Demand,
    Plan,
    Taken,
    available,
    candidates,
    promisable,
    shortage_of,
    taken_of,
)
from inventory_grpc.domain.errors import Shortage
from inventory_grpc.domain.model import StockLevel


def from_one_location(
    books: Books, now: datetime, demands: Sequence[Demand]
) -> tuple[Plan, list[Shortage]]:
    """The first location whose available stock covers everything, else the first that covers it
    with its backorder allowance, else the one that comes closest."""
    names = _single_candidates(books, demands)
    for room in (available, promisable):
        for name in names:
            if not _short_at(books, now, demands, name, room):
                return [(demand, [(name, demand.quantity)]) for demand in demands], []
    shortages = _best_effort(books, now, demands, names)
    plans = (_what_there_is(books, demands, name) for name in names)
    return max(plans, key=_units, default=[]), shortages


def _what_there_is(books: Books, demands: Sequence[Demand], name: str) -> Plan:
    taken: Taken = {}
    plan: Plan = []
    for demand in demands:
        level = books.levels[demand.item.product_id].get(name)
        room = 0 if level is None else level.promisable - taken_of(taken, level)
        units = max(0, min(room, demand.quantity))
        key = (demand.item.product_id, name)
        taken[key] = taken.get(key, 0) + units
        plan.append((demand, [(name, units)] if units else []))
    return plan


def _units(plan: Plan) -> int:
    return sum(units for _, parts in plan for _, units in parts)


def _single_candidates(books: Books, demands: Sequence[Demand]) -> list[str]:
    names: Iterable[str] = {
        name for demand in demands for name in books.levels[demand.item.product_id]
    }
    bound = {demand.location_id for demand in demands if demand.location_id}
    if bound:
        names = bound if len(bound) == 1 else ()
    sites = (books.site(name) for name in names)
    return [site.location_id for site in sorted(site for site in sites if site is not None)]


def _short_at(
    books: Books,
    now: datetime,
    demands: Sequence[Demand],
    name: str,
    room: Callable[[StockLevel], int],
) -> list[Shortage]:
    """The shortages if everything came from ``name``; a bound and a free demand add up."""
    together: dict[str, Demand] = {}
    for demand in demands:
        first = together.get(demand.item.product_id)
        quantity = demand.quantity + (first.quantity if first else 0)
        lines = (first or demand).lines
        together[demand.item.product_id] = Demand(demand.item, name, quantity, lines)
    shortages: list[Shortage] = []
    for demand in together.values():
        levels = candidates(books, demand.item.product_id, demand.location_id)
        if not levels or room(levels[0]) < demand.quantity:
            shortages.append(shortage_of(books, now, demand, levels, {}))
    return shortages


def _best_effort(
    books: Books, now: datetime, demands: Sequence[Demand], names: Sequence[str]
) -> list[Shortage]:
    """The shortages at the location that comes closest, so that the refusal explains itself."""
    if not names:
        return [
            shortage_of(
                books, now, each, candidates(books, each.item.product_id, each.location_id), {}
            )
            for each in demands
        ]
    return min((_short_at(books, now, demands, name, promisable) for name in names), key=len)
