"""From which locations the model takes the units of an order."""

from collections.abc import Sequence

from tests.model.warehouse import Line, Refused, Warehouse, short


class Allocation:
    """Where one order's units come from."""

    def __init__(
        self, inventory: Warehouse, keys: Sequence[str], lines: Sequence[Line], strategy: str
    ) -> None:
        self.inventory = inventory
        self.lines = [
            (key, units, place) for key, (_, units, place) in zip(keys, lines, strict=True)
        ]
        self.strategy = strategy
        self.demands: dict[tuple[str, str], list[int]] = {}
        for number, (key, _, place) in enumerate(self.lines):
            self.demands.setdefault((key, place), []).append(number)
        self.taken: dict[tuple[str, str], int] = {}

    def plan(self) -> list[tuple[int, str, str, int]]:
        """(requested line, key, location, units), in the order of the lines."""
        single = self.strategy == "SINGLE_LOCATION"
        parts = self.single() if single else self.spread()
        dealt = []
        for number, (key, units, place) in enumerate(self.lines):
            queue = parts[key, place]
            left = units
            while left:
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

    def spread(self) -> dict[tuple[str, str], list[tuple[str, int]]]:
        parts: dict[tuple[str, str], list[tuple[str, int]]] = {}
        shortages = []
        for demand in sorted(self.demands, key=lambda each: not each[1]):
            key, place = demand
            wanted = self.units(demand)
            found = self.cover(key, self.spots(key, place), wanted)
            if sum(found.values()) < wanted:
                left = sum(max(self.room(key, where, True), 0) for where in self.spots(key, place))
                shortages.append((self.demands[demand][0], wanted, left))
                continue
            parts[demand] = list(found.items())
            for where, count in found.items():
                self.taken[key, where] = self.taken.get((key, where), 0) + count
        if shortages:
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

    def single(self) -> dict[tuple[str, str], list[tuple[str, int]]]:
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
        raise Refused("INSUFFICIENT_STOCK")

    def lacking(self, where: str, backorders: bool) -> bool:
        wanted: dict[str, int] = {}
        for demand in self.demands:
            wanted[demand[0]] = wanted.get(demand[0], 0) + self.units(demand)
        return any(
            (key, where) not in self.inventory.levels or self.room(key, where, backorders) < units
            for key, units in wanted.items()
        )
