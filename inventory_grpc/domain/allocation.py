"""Allocation: from which locations the units of an order's lines are taken."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from inventory_grpc.domain.books import Books, Item
from inventory_grpc.domain.commands import AllocationStrategy, DemandLine
from inventory_grpc.domain.errors import InsufficientStock, Shortage
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.record import record


@dataclass(slots=True)
class Demand:
    """All lines of one product bound to one location, or to none: checked as one quantity."""

    item: Item
    location_id: str
    line_index: int
    quantity: int


@record
class Share:
    """Units of one requested line taken from one location."""

    line_index: int
    item: Item
    location_id: str
    quantity: int


Taken = dict[tuple[str, str], int]
"""Units promised so far by the order being decided, by (product_id, location_id)."""


def allocate(
    books: Books,
    lines: Sequence[DemandLine],
    found: Sequence[Item],
    strategy: AllocationStrategy,
) -> list[Share]:
    """The shares of every line, in the order of the lines.

    Demands bound to a location are served before those that are free. Raises InsufficientStock
    with every shortage.
    """
    demands = _demands(lines, found)
    if strategy is AllocationStrategy.SINGLE_LOCATION:
        plan = _single_location(books, demands)
    else:
        plan = _spread(books, demands, strategy)
    return _deal(lines, found, plan)


def _demands(lines: Sequence[DemandLine], found: Sequence[Item]) -> list[Demand]:
    demands: dict[tuple[str, str], Demand] = {}
    for index, (line, item) in enumerate(zip(lines, found, strict=True)):
        key = (item.product_id, line.location_id)
        demand = demands.get(key)
        if demand is None:
            demands[key] = Demand(item, line.location_id, index, line.quantity)
        else:
            demand.quantity += line.quantity
    return list(demands.values())


Plan = dict[tuple[str, str], list[tuple[str, int]]]
"""(product_id, location asked for) -> [(location, units)]"""


def _spread(books: Books, demands: Sequence[Demand], strategy: AllocationStrategy) -> Plan:
    taken: Taken = {}
    plan: Plan = {}
    shortages: list[Shortage] = []
    for demand in sorted(demands, key=_bound_first):
        levels = _candidates(books, demand)
        parts = _parts(books, levels, demand.quantity, taken, strategy)
        if parts is None:
            shortages.append(_shortage(demand, levels, taken))
            continue
        plan[demand.item.product_id, demand.location_id] = parts
        for location_id, units in parts:
            key = (demand.item.product_id, location_id)
            taken[key] = taken.get(key, 0) + units
    if shortages:
        raise InsufficientStock(sorted(shortages, key=_by_line))
    return plan


def _bound_first(demand: Demand) -> bool:
    return not demand.location_id


def _by_line(shortage: Shortage) -> int:
    return shortage.line_index


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
) -> list[tuple[str, int]] | None:
    """Whole from the first that covers it, else piece by piece, backorders last."""
    if len(levels) > 1:
        levels.sort(key=_ranking(books, taken, strategy))
    for level in levels:
        if level.available - _taken(taken, level) >= quantity:
            return [(level.location_id, quantity)]
    parts: dict[str, int] = {}
    for room in (_available, _promisable):
        for level in levels:
            units = room(level) - _taken(taken, level) - parts.get(level.location_id, 0)
            units = min(units, quantity)
            if units > 0:
                parts[level.location_id] = parts.get(level.location_id, 0) + units
                quantity -= units
        if quantity == 0:
            return list(parts.items())
    return None


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


def _shortage(demand: Demand, levels: Sequence[StockLevel], taken: Taken) -> Shortage:
    """What is left for this demand, and the counters behind it."""
    left = sum(max(level.promisable - _taken(taken, level), 0) for level in levels)
    item = demand.item
    shown = levels or [StockLevel(item.product_id, item.sku, demand.location_id)]
    return Shortage.at(demand.line_index, demand.quantity, left, shown, demand.location_id)


def _single_location(books: Books, demands: Sequence[Demand]) -> Plan:
    """All from one location: the first whose available stock covers everything, else the first
    that covers it with its backorder allowance."""
    names = _single_candidates(books, demands)
    for room in (_available, _promisable):
        for name in names:
            if not _short_at(books, demands, name, room):
                return {
                    (demand.item.product_id, demand.location_id): [(name, demand.quantity)]
                    for demand in demands
                }
    raise InsufficientStock(_best_effort(books, demands, names))


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
    books: Books, demands: Sequence[Demand], name: str, room: Callable[[StockLevel], int]
) -> list[Shortage]:
    """The shortages if everything came from ``name``; a bound and a free demand add up."""
    together: dict[str, Demand] = {}
    for demand in demands:
        first = together.get(demand.item.product_id)
        quantity = demand.quantity + (first.quantity if first else 0)
        index = first.line_index if first else demand.line_index
        together[demand.item.product_id] = Demand(demand.item, name, index, quantity)
    shortages: list[Shortage] = []
    for demand in together.values():
        levels = _candidates(books, demand)
        if not levels or room(levels[0]) < demand.quantity:
            shortages.append(_shortage(demand, levels, {}))
    return shortages


def _best_effort(
    books: Books, demands: Sequence[Demand], names: Sequence[str]
) -> Sequence[Shortage]:
    """The shortages at the location that comes closest, so that the refusal explains itself."""
    if not names:
        return [_shortage(demand, [], {}) for demand in demands]
    return min((_short_at(books, demands, name, _promisable) for name in names), key=len)


def _deal(lines: Sequence[DemandLine], found: Sequence[Item], plan: Plan) -> list[Share]:
    """Hand each demand's parts out to its lines, in order."""
    shares: list[Share] = []
    for index, (line, item) in enumerate(zip(lines, found, strict=True)):
        parts = plan[item.product_id, line.location_id]
        wanted = line.quantity
        while wanted:
            location_id, units = parts[0]
            dealt = min(units, wanted)
            shares.append(Share(index, item, location_id, dealt))
            wanted -= dealt
            if dealt == units:
                parts.pop(0)
            else:
                parts[0] = (location_id, units - dealt)
    return shares
