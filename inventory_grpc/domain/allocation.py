"""Allocation: from which locations the units of an order's lines are taken."""

from collections.abc import Callable, Sequence
from datetime import datetime

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import AllocationStrategy, DemandLine
from inventory_grpc.domain.demands import (
    Demand,
    Parts,
    Plan,
    Taken,
    available,
    candidates,
    demands_of,
    promisable,
    shortage_of,
    taken_of,
)
from inventory_grpc.domain.entries import Item
from inventory_grpc.domain.errors import InsufficientStock, Shortage
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.record import record
from inventory_grpc.domain.single_location import from_one_location


@record
class Share:
    """Units of one requested line taken from one location."""

    line_index: int
    item: Item
    location_id: str
    quantity: int


def allocate(
    books: Books,
    now: datetime,
    lines: Sequence[DemandLine],
    found: Sequence[Item],
    strategy: AllocationStrategy,
    *,
    partial: bool = False,
) -> list[Share]:
    """The shares of every line, in the order of the lines; ``partial``: as much as there is.

    Demands bound to a location are served before those that are free. Raises InsufficientStock
    with every shortage; if ``partial``, only when there is nothing at all.
    """
    single = strategy is AllocationStrategy.SINGLE_LOCATION
    if not single and (undivided := _undivided(books, lines, found, strategy)):
        return undivided
    demands = demands_of(lines, found)
    if single:
        plan, shortages = from_one_location(books, now, demands)
    else:
        plan, shortages = _spread(books, now, demands, strategy, partial=partial)
    if shortages and not (partial and any(parts for _, parts in plan)):
        raise InsufficientStock(sorted(shortages, key=_line_index))
    shares: list[Share] = []
    for demand, parts in plan:
        _deal(demand, parts, shares)
    if len(demands) > 1:
        shares.sort(key=_line_index)
    return shares


def _line_index(share: Share | Shortage) -> int:
    return share.line_index


def _undivided(
    books: Books, lines: Sequence[DemandLine], found: Sequence[Item], strategy: AllocationStrategy
) -> list[Share] | None:
    """What `_spread` finds for most orders, at a third of its cost: every line is of another
    product, and is taken whole from one location. None for all others."""
    if len({item.product_id for item in found}) < len(found):
        return None
    shares: list[Share] = []
    for index, item in enumerate(found):
        quantity = lines[index].quantity
        levels = candidates(books, item.product_id, lines[index].location_id)
        level = _covering(books, levels, quantity, {}, strategy)
        if level is None:
            return None
        shares.append(Share(index, item, level.location_id, quantity))
    return shares


def _spread(
    books: Books,
    now: datetime,
    demands: list[Demand],
    strategy: AllocationStrategy,
    *,
    partial: bool,
) -> tuple[Plan, list[Shortage]]:
    taken: Taken = {}
    plan: Plan = []
    shortages: list[Shortage] = []
    if len(demands) > 1:
        demands.sort(key=_bound_first)
    for demand in demands:
        levels = candidates(books, demand.item.product_id, demand.location_id)
        parts, missing = _parts(books, levels, demand.quantity, taken, strategy)
        if missing:
            shortages.append(shortage_of(books, now, demand, levels, taken))
            # What is refused takes nothing from those after it.
            if not partial:
                continue
        plan.append((demand, parts))
        for location_id, units in parts:
            key = (demand.item.product_id, location_id)
            taken[key] = taken.get(key, 0) + units
    return plan, shortages


def _bound_first(demand: Demand) -> bool:
    return not demand.location_id


def _parts(
    books: Books,
    levels: list[StockLevel],
    quantity: int,
    taken: Taken,
    strategy: AllocationStrategy,
) -> tuple[Parts, int]:
    """Whole from the first that covers it, else piece by piece, backorders last; and what is
    missing."""
    covering = _covering(books, levels, quantity, taken, strategy)
    if covering is not None:
        return [(covering.location_id, quantity)], 0
    parts: dict[str, int] = {}
    for room in (available, promisable):
        for level in levels:
            units = room(level) - taken_of(taken, level) - parts.get(level.location_id, 0)
            units = min(units, quantity)
            if units > 0:
                parts[level.location_id] = parts.get(level.location_id, 0) + units
                quantity -= units
        if quantity == 0:
            break
    return list(parts.items()), quantity


def _covering(
    books: Books,
    levels: list[StockLevel],
    quantity: int,
    taken: Taken,
    strategy: AllocationStrategy,
) -> StockLevel | None:
    """The first that has all of it available; sorts ``levels`` by who is asked first."""
    if len(levels) > 1:
        levels.sort(key=_ranking(books, taken, strategy))
    for level in levels:
        if level.available - (taken_of(taken, level) if taken else 0) >= quantity:
            return level
    return None


def _ranking(
    books: Books, taken: Taken, strategy: AllocationStrategy
) -> Callable[[StockLevel], tuple[int, str]]:
    if strategy is AllocationStrategy.MOST_STOCK:
        return lambda level: (taken_of(taken, level) - level.available, level.location_id)
    return lambda level: (books.sites[level.location_id].priority, level.location_id)


def _deal(demand: Demand, parts: Parts, shares: list[Share]) -> None:
    """Hand a demand's parts out to its lines, in order, until nothing is left."""
    if len(parts) == 1 and parts[0][1] == demand.quantity:
        place = parts[0][0]
        for index, quantity in demand.lines:
            shares.append(Share(index, demand.item, place, quantity))
        return
    left = iter(parts)
    location_id, units = next(left, ("", 0))
    for index, quantity in demand.lines:
        wanted = quantity
        while wanted:
            if not units:
                location_id, units = next(left, ("", 0))
            if not units:
                return
            dealt = min(units, wanted)
            shares.append(Share(index, demand.item, location_id, dealt))
            wanted -= dealt
            units -= dealt
