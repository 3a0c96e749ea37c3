"""Allocation: from which locations the units of an order's lines are taken."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import AllocationStrategy, DemandLine
from inventory_grpc.domain.entries import Item
from inventory_grpc.domain.errors import InsufficientStock, Shortage
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.record import record


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


@record
class Share:
    """Units of one requested line taken from one location."""

    line_index: int
    item: Item
    location_id: str
    quantity: int


Taken = dict[tuple[str, str], int]
"""Units promised so far by the order being decided, by (product_id, location_id)."""


Parts = list[tuple[str, int]]
"""(location, units), in the order in which they are taken."""


Plan = list[tuple[Demand, Parts]]
"""What each demand gets, and from where."""


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
    demands = _demands(lines, found)
    if strategy is AllocationStrategy.SINGLE_LOCATION:
        plan, shortages = _from_one_location(books, now, demands)
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


def _demands(lines: Sequence[DemandLine], found: Sequence[Item]) -> list[Demand]:
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
        levels = _candidates(books, demand)
        parts, missing = _parts(books, levels, demand.quantity, taken, strategy)
        if missing:
            shortages.append(_shortage(books, now, demand, levels, taken))
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


def _candidates(books: Books, demand: Demand) -> list[StockLevel]:
    levels = books.levels[demand.item.product_id]
    if demand.location_id:
        level = levels.get(demand.location_id)
        return [level] if level else []
    return [level for name, level in levels.items() if books.site(name) is not None]


def _parts(
    books: Books,
    levels: list[StockLevel],
    quantity: int,
    taken: Taken,
    strategy: AllocationStrategy,
) -> tuple[Parts, int]:
    """Whole from the first that covers it, else piece by piece, backorders last; and what is
    missing."""
    if len(levels) > 1:
        levels.sort(key=_ranking(books, taken, strategy))
    for level in levels:
        if level.available - _taken(taken, level) >= quantity:
            return [(level.location_id, quantity)], 0
    parts: dict[str, int] = {}
    for room in (_available, _promisable):
        for level in levels:
            units = room(level) - _taken(taken, level) - parts.get(level.location_id, 0)
            units = min(units, quantity)
            if units > 0:
                parts[level.location_id] = parts.get(level.location_id, 0) + units
                quantity -= units
        if quantity == 0:
            break
    return list(parts.items()), quantity


def _available(level: StockLevel) -> int:
    return level.available


def _promisable(level: StockLevel) -> int:
    return level.promisable


def _taken(taken: Taken, level: StockLevel) -> int:
    return taken.get((level.product_id, level.location_id), 0)


def _ranking(
    books: Books, taken: Taken, strategy: AllocationStrategy
) -> Callable[[StockLevel], tuple[int, str]]:
    if strategy is AllocationStrategy.MOST_STOCK:
        return lambda level: (_taken(taken, level) - level.available, level.location_id)
    return lambda level: (books.sites[level.location_id].priority, level.location_id)


def _shortage(
    books: Books, now: datetime, demand: Demand, levels: Sequence[StockLevel], taken: Taken
) -> Shortage:
    """What is left for this demand, and the counters behind it."""
    left = sum(max(level.promisable - _taken(taken, level), 0) for level in levels)
    item = demand.item
    shown = levels or [StockLevel(item.product_id, item.sku, demand.location_id)]
    return Shortage.at(
        demand.line_index, demand.quantity, left, shown, demand.location_id,
        books.next_hold_expiry(levels, now),
    )  # fmt: skip


def _from_one_location(
    books: Books, now: datetime, demands: Sequence[Demand]
) -> tuple[Plan, list[Shortage]]:
    """The first location whose available stock covers everything, else the first that covers it
    with its backorder allowance, else the one that comes closest."""
    names = _single_candidates(books, demands)
    for room in (_available, _promisable):
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
        room = 0 if level is None else level.promisable - _taken(taken, level)
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
        levels = _candidates(books, demand)
        if not levels or room(levels[0]) < demand.quantity:
            shortages.append(_shortage(books, now, demand, levels, {}))
    return shortages


def _best_effort(
    books: Books, now: datetime, demands: Sequence[Demand], names: Sequence[str]
) -> list[Shortage]:
    """The shortages at the location that comes closest, so that the refusal explains itself."""
    if not names:
        return [_shortage(books, now, each, _candidates(books, each), {}) for each in demands]
    return min((_short_at(books, now, demands, name, _promisable) for name in names), key=len)


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
