"""From which locations the model takes the units of an order or hold."""

from collections.abc import Callable, Collection, Sequence

from tests.model.warehouse import End, Line, Refused, Shortage, Spot, Warehouse, short

NextEnd = Callable[[Collection[Spot]], End | None]
"""When the next of the holds at these levels ends."""
Parts = dict[tuple[str, str], list[tuple[str, int]]]
"""(location, units) by (product, location asked for)."""


class Allocation:
    """Where one order's or hold's units come from."""

    def __init__(
        self,
        inventory: Warehouse,
        keys: Sequence[str],
        lines: Sequence[Line],
        strategy: str,
        next_end: NextEnd,
    ) -> None:
        self.inventory = inventory
        self.next_end = next_end
        self.lines = [
            (key, units, place) for key, (_, units, place) in zip(keys, lines, strict=True)
        ]
        self.strategy = strategy
        self.demands: dict[tuple[str, str], list[int]] = {}
        for number, (key, _, place) in enumerate(self.lines):
            self.demands.setdefault((key, place), []).append(number)
        self.taken: dict[tuple[str, str], int] = {}

    def plan(self, partial: bool = False) -> list[tuple[int, str, str, int]]:
        """(requested line, key, location, units), in the order of the lines; ``partial``: as much
        as there is, unless that is nothing."""
        single = self.strategy == "SINGLE_LOCATION"
        parts = self.single(partial) if single else self.spread(partial)
        dealt = []
        for number, (key, units, place) in enumerate(self.lines):
            queue = parts[key, place]
            left = units
            while left and queue:
                where, there = queue[0]
                count = min(left, there)
                dealt.append((number, key, where, count))
                left -= count
                queue[0] = (where, there - count)
                if not queue[0][1]:
                    queue.pop(0)
        return dealt

    def units(self, demand: tuple[str, str]) -> int:
        return sum(self.lines[number][1] for number in self.demands[demand])

    def spots(self, key: str, place: str) -> list[str]:
        """Locations to ask, the first first."""
        names = [
            where
            for (owner, where) in self.inventory.levels
            if owner == key and (where == place if place else True)
            and not self.inventory.locations[where]["deleted"]
        ]  # fmt: skip
        return sorted(names, key=lambda where: (self.rank(key, where), where))

    def rank(self, key: str, where: str) -> int:
        if self.strategy == "MOST_STOCK":
            return -self.room(key, where, False)
        priority: int = self.inventory.locations[where]["priority"]
        return priority

    def room(self, key: str, where: str, backorders: bool) -> int:
        level = self.inventory.levels[key, where]
        extra = level["backorder"] if backorders else 0
        return self.inventory.available(level) + extra - self.taken.get((key, where), 0)

    def take(self, key: str, where: str, units: int) -> None:
        self.taken[key, where] = self.taken.get((key, where), 0) + units

    def spread(self, partial: bool) -> Parts:
        parts: Parts = {}
        shortages = []
        for demand in sorted(self.demands, key=lambda each: not each[1]):
            key, place = demand
            wanted = self.units(demand)
            spots = self.spots(key, place)
            found = self.cover(key, spots, wanted)
            if sum(found.values()) < wanted:
                left = sum(max(self.room(key, where, True), 0) for where in spots)
                end = self.next_end({(key, where) for where in spots})
                shortages.append(Shortage(self.demands[demand][0], wanted, left, end))
                if not partial:
                    continue
            parts[demand] = list(found.items())
            for where, count in found.items():
                self.take(key, where, count)
        if shortages and not (partial and any(parts.values())):
            raise short(shortages)
        return parts

    def cover(self, key: str, spots: Sequence[str], wanted: int) -> dict[str, int]:
        """As much as there is: whole from one place, else piece by piece, backorders last."""
        for where in spots:
            if self.room(key, where, False) >= wanted:
                return {where: wanted}
        found: dict[str, int] = {}
        for backorders in (False, True):
            for where in spots:
                room = self.room(key, where, backorders) - found.get(where, 0)
                count = min(room, wanted - sum(found.values()))
                if count > 0:
                    found[where] = found.get(where, 0) + count
        return found

    def single(self, partial: bool) -> Parts:
        bound = {place for _, place in self.demands if place}
        names = {where for key, _ in self.demands for where in self.spots(key, "")}
        if bound:
            names = bound if len(bound) == 1 else set()
        locations = self.inventory.locations
        ranked = sorted(names, key=lambda where: (locations[where]["priority"], where))
        for backorders in (False, True):
            for where in ranked:
                if not self.lacking(where, backorders):
                    return {demand: [(where, self.units(demand))] for demand in self.demands}
        granted = [self.granted(where) for where in ranked] if partial else []
        most = max(granted, key=_units, default={})
        if not _units(most):
            raise Refused("INSUFFICIENT_STOCK")
        return most

    def granted(self, where: str) -> Parts:
        """As much of everything as one location has; of a product, the first asked for first."""
        self.taken.clear()
        parts: Parts = {}
        for demand in self.demands:
            room = 0
            if (demand[0], where) in self.inventory.levels:
                room = max(self.room(demand[0], where, True), 0)
            count = min(room, self.units(demand))
            self.take(demand[0], where, count)
            parts[demand] = [(where, count)] if count else []
        return parts

    def lacking(self, where: str, backorders: bool) -> bool:
        wanted: dict[str, int] = {}
        for demand in self.demands:
            wanted[demand[0]] = wanted.get(demand[0], 0) + self.units(demand)
        return any(
            (key, where) not in self.inventory.levels or self.room(key, where, backorders) < units
            for key, units in wanted.items()
        )


def _units(parts: Parts) -> int:
    return sum(count for each in parts.values() for _, count in each)
