"""An obvious inventory: one caller at a time, dictionaries, no database.

Written from the API's contract alone, to audit the batched write path; shares no code with it. An
outcome is a plain dictionary: what the response says, or {"reason": ...} and what else it says.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

Outcome = dict[str, Any]
Line = tuple[str, int, str]
"""(SKU, quantity, location or "")"""

FROM = {
    "CONFIRMED": {"PENDING"},
    "SHIPPED": {"PENDING", "CONFIRMED", "PARTIALLY_SHIPPED"},
    "CANCELLED": {"PENDING", "CONFIRMED", "PARTIALLY_SHIPPED", "SHIPPED"},
    "DELIVERED": {"SHIPPED"},
    "RETURNED": {"DELIVERED", "PARTIALLY_RETURNED"},
}
"""From which states one may be asked for."""


class Refused(Exception):
    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(reason)
        self.outcome = {"reason": reason, **facts}


class Inventory:
    """Everything there is. Products are named by keys of the caller's, orders too."""

    def __init__(self) -> None:
        self.products: dict[str, dict[str, Any]] = {}
        self.locations: dict[str, dict[str, Any]] = {}
        self.levels: dict[tuple[str, str], dict[str, int]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[Any, Outcome]] = {}

    def run(self, request_id: str, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """One call: its outcome, ``replayed`` among it."""
        asked = (name, arguments)
        if request_id in self.answers:
            before, outcome = self.answers[request_id]
            if before != asked:
                return {"reason": "REQUEST_ID_REUSED", "replayed": False}
            return {**outcome, "replayed": True}
        outcome = self._alone(name, arguments)
        self.answers[request_id] = (asked, outcome)
        return {**outcome, "replayed": False}

    def dry(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """What the call would answer, if it had never been made."""
        return {**copy.deepcopy(self)._alone(name, arguments), "replayed": False}

    def atomic(
        self, calls: Sequence[tuple[str, str, Mapping[str, Any]]]
    ) -> list[Outcome] | Outcome:
        """All of (request id, name, arguments), or the first refusal with its ``row``."""
        before = copy.deepcopy(self.__dict__)
        outcomes: list[Outcome] = []
        for row, (request_id, name, arguments) in enumerate(calls):
            outcome = self.run(request_id, name, arguments)
            if "reason" in outcome:
                self.__dict__ = before
                return {**outcome, "row": row}
            outcomes.append(outcome)
        return outcomes

    def _alone(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        before = copy.deepcopy((self.products, self.locations, self.levels, self.orders))
        try:
            outcome: Outcome = getattr(self, name)(**arguments)
        except Refused as refused:
            self.products, self.locations, self.levels, self.orders = before
            return refused.outcome
        return copy.deepcopy(outcome)

    # -- what is there -------------------------------------------------------------------------

    def live(self, sku: str) -> str:
        for key, product in self.products.items():
            if product["sku"] == sku and not product["deleted"]:
                return key
        raise Refused("PRODUCT_NOT_FOUND")

    def live_all(self, skus: Sequence[str]) -> list[str]:
        known = {p["sku"]: key for key, p in self.products.items() if not p["deleted"]}
        missing = list(dict.fromkeys(f"sku:{sku}" for sku in skus if sku not in known))
        if missing:
            raise Refused("PRODUCT_NOT_FOUND", missing=",".join(missing))
        return [known[sku] for sku in skus]

    def exist(self, *names: str) -> None:
        missing = [
            name
            for name in dict.fromkeys(names)
            if name and self.locations.get(name, {"deleted": True})["deleted"]
        ]
        if missing:
            raise Refused("LOCATION_NOT_FOUND", missing=",".join(missing))

    def level(self, key: str, place: str) -> dict[str, int]:
        zeros = dict.fromkeys(
            ("on_hand", "allocated", "safety", "backorder", "shortfall", "version"), 0
        )
        return self.levels.setdefault((key, place), zeros)

    @staticmethod
    def available(level: Mapping[str, int]) -> int:
        return level["on_hand"] - level["allocated"] - level["safety"]

    def move(
        self, key: str, place: str, on_hand: int = 0, allocated: int = 0, fact: bool = False
    ) -> dict[str, int]:
        level = self.level(key, place)
        level["on_hand"] += on_hand
        level["allocated"] += allocated
        level["version"] += 1
        uncovered = max(0, level["allocated"] - level["on_hand"] - level["backorder"])
        level["shortfall"] = uncovered if fact else min(level["shortfall"], uncovered)
        return level

    @staticmethod
    def expect(expected: int, current: int) -> None:
        if expected not in (0, current):
            raise Refused("VERSION_MISMATCH", current_version=str(current))

    # -- products and locations ----------------------------------------------------------------

    def create_product(self, key: str, sku: str) -> Outcome:
        if any(p["sku"] == sku and not p["deleted"] for p in self.products.values()):
            raise Refused("SKU_TAKEN")
        self.products[key] = {"sku": sku, "deleted": False, "version": 1}
        return self.products[key]

    def delete_product(self, sku: str) -> Outcome:
        key = self.live(sku)
        levels = [level for (owner, _), level in self.levels.items() if owner == key]
        if any(level["on_hand"] or level["allocated"] for level in levels):
            raise Refused("PRODUCT_IN_USE")
        self.products[key]["deleted"] = True
        self.products[key]["version"] += 1
        return self.products[key]

    def undelete_product(self, key: str) -> Outcome:
        product = self.products[key]
        if not product["deleted"]:
            raise Refused("PRODUCT_NOT_DELETED")
        if any(p["sku"] == product["sku"] and not p["deleted"] for p in self.products.values()):
            raise Refused("SKU_TAKEN")
        product["deleted"] = False
        product["version"] += 1
        return product

    def rename_product(self, sku: str, to: str) -> Outcome:
        product = self.products[self.live_all([sku])[0]]
        if to != sku and any(p["sku"] == to and not p["deleted"] for p in self.products.values()):
            raise Refused("SKU_TAKEN")
        product["sku"] = to
        product["version"] += 1
        return product

    def create_location(self, name: str, priority: int) -> Outcome:
        if name in self.locations:
            raise Refused("LOCATION_TAKEN")
        self.locations[name] = {"priority": priority, "deleted": False, "version": 1}
        return self.locations[name]

    def delete_location(self, name: str) -> Outcome:
        self.exist(name)
        levels = [level for (_, place), level in self.levels.items() if place == name]
        if any(level["on_hand"] or level["allocated"] for level in levels):
            raise Refused("LOCATION_IN_USE")
        self.locations[name]["deleted"] = True
        self.locations[name]["version"] += 1
        return self.locations[name]

    # -- stock ---------------------------------------------------------------------------------

    def adjust(self, sku: str, place: str, delta: int, loss: bool, expected: int) -> Outcome:
        [key] = self.live_all([sku])
        self.exist(place)
        level = self.level(key, place)
        self.expect(expected, level["version"])
        possible = level["on_hand"] - (0 if loss else level["allocated"])
        if delta < 0 and -delta > possible:
            raise short([(0, -delta, possible)])
        return self.move(key, place, on_hand=delta, fact=loss)

    def set_stock(self, sku: str, place: str, on_hand: int, expected: int | None) -> Outcome:
        [key] = self.live_all([sku])
        self.exist(place)
        level = self.level(key, place)
        if expected not in (None, level["on_hand"]):
            raise Refused("VERSION_MISMATCH", current_version=str(level["version"]),
                          current_on_hand=str(level["on_hand"]))  # fmt: skip
        return self.move(key, place, on_hand=on_hand - level["on_hand"], fact=True)

    def set_policy(self, sku: str, place: str, safety: int, backorder: int) -> Outcome:
        [key] = self.live_all([sku])
        self.exist(place)
        self.level(key, place).update(safety=safety, backorder=backorder)
        return self.move(key, place, fact=True)

    def transfer(self, source: str, target: str, lines: Sequence[tuple[str, int]]) -> Outcome:
        keys = self.live_all([sku for sku, _ in lines])
        self.exist(source, target)
        shortages = []
        for key in dict.fromkeys(keys):
            of_key = [number for number, each in enumerate(keys) if each == key]
            units = sum(lines[number][1] for number in of_key)
            available = self.available(self.level(key, source))
            if units > available:
                shortages.append((of_key[0], units, max(available, 0)))
        if shortages:
            raise short(shortages)
        for key, (_, units) in zip(keys, lines, strict=True):
            self.move(key, source, on_hand=-units)
            self.move(key, target, on_hand=units)
        return {
            "levels": [self.level(key, place) for key in dict.fromkeys(keys)
                       for place in (source, target)],
        }  # fmt: skip

    # -- orders --------------------------------------------------------------------------------

    def place(self, order: str, lines: Sequence[Line], strategy: str) -> Outcome:
        keys = self.live_all([sku for sku, _, _ in lines])
        self.exist(*(place for _, _, place in lines))
        plan = Allocation(self, keys, lines, strategy).plan()
        made = []
        for number, key, place, units in plan:
            self.move(key, place, allocated=units)
            made.append({"requested": number, "key": key, "place": place, "quantity": units,
                         "shipped": 0, "cancelled": 0, "returned": 0})  # fmt: skip
        self.orders[order] = {"status": "PENDING", "version": 1, "lines": made}
        return self.orders[order]

    def find(self, order: str, expected: int = 0) -> dict[str, Any]:
        if order not in self.orders:
            raise Refused("ORDER_NOT_FOUND")
        found = self.orders[order]
        self.expect(expected, found["version"])
        return found

    @staticmethod
    def allow(order: Mapping[str, Any], wanted: str) -> None:
        if order["status"] not in FROM.get(wanted, ()):
            raise Refused("INVALID_TRANSITION", **{"from": order["status"], "to": wanted})

    @staticmethod
    def open(line: Mapping[str, int]) -> int:
        return line["quantity"] - line["shipped"] - line["cancelled"]

    def asked(self, order: Mapping[str, Any], lines: Sequence[tuple[int, int]]) -> dict[int, int]:
        possible = {number: self.open(line) for number, line in enumerate(order["lines"], 1)}
        for number, units in lines:
            if units > possible.get(number, 0):
                raise Refused("QUANTITY_EXCEEDED", line_number=str(number), requested=str(units),
                              possible=str(possible.get(number, 0)))  # fmt: skip
        return dict(lines) or {number: units for number, units in possible.items() if units}

    def change(self, order: dict[str, Any], status: str) -> Outcome:
        order["status"] = status
        order["version"] += 1
        return order

    def set_status(self, order: str, wanted: str, expected: int) -> Outcome:
        found = self.find(order, expected)
        if wanted == "SHIPPED":
            return self.ship(order, (), expected)
        if wanted == "CANCELLED":
            return self.cancel(order, (), True, expected)
        self.allow(found, wanted)
        if wanted == "RETURNED":
            rest = [
                (number, line["shipped"] - line["returned"], True, "")
                for number, line in enumerate(found["lines"], 1)
                if line["shipped"] > line["returned"]
            ]
            return self.give_back(order, rest)
        return self.change(found, wanted)

    def ship(self, order: str, lines: Sequence[tuple[int, int]], expected: int) -> Outcome:
        found = self.find(order, expected)
        self.allow(found, "SHIPPED")
        units = self.asked(found, lines)
        wanted: dict[tuple[str, str], int] = {}
        chosen = [(found["lines"][number - 1], units[number]) for number in sorted(units)]
        for line, count in chosen:
            spot = (line["key"], line["place"])
            wanted[spot] = wanted.get(spot, 0) + count
        shortages = [
            (next(line["requested"] for line, _ in chosen if (line["key"], line["place"]) == spot),
             count, self.level(*spot)["on_hand"])
            for spot, count in wanted.items() if count > self.level(*spot)["on_hand"]
        ]  # fmt: skip
        if shortages:
            raise short(shortages)
        for line, count in chosen:
            self.move(line["key"], line["place"], on_hand=-count, allocated=-count)
            line["shipped"] += count
        done = not any(map(self.open, found["lines"]))
        return self.change(found, "SHIPPED" if done else "PARTIALLY_SHIPPED")

    def cancel(
        self, order: str, lines: Sequence[tuple[int, int]], recall: bool, expected: int
    ) -> Outcome:
        found = self.find(order, expected)
        self.allow(found, "CANCELLED")
        if recall:
            self.exist(*(line["place"] for line in found["lines"] if line["shipped"]))
        elif not any(map(self.open, found["lines"])):
            raise Refused("INVALID_TRANSITION", **{"from": found["status"], "to": "CANCELLED"})
        for number, count in self.asked(found, lines).items():
            line = found["lines"][number - 1]
            self.move(line["key"], line["place"], allocated=-count)
            line["cancelled"] += count
        if recall:
            for line in found["lines"]:
                if line["shipped"]:
                    self.move(line["key"], line["place"], on_hand=line["shipped"])
                    line["returned"] = line["shipped"]
            return self.change(found, "CANCELLED")
        if any(map(self.open, found["lines"])):
            return self.change(found, found["status"])
        shipped = any(line["shipped"] for line in found["lines"])
        return self.change(found, "SHIPPED" if shipped else "CANCELLED")

    def give_back(self, order: str, lines: Sequence[tuple[int, int, bool, str]]) -> Outcome:
        found = self.find(order)
        own = dict(enumerate(found["lines"], 1))
        self.exist(*(place or own[number]["place"] for number, _, restock, place in lines
                     if restock and number in own))  # fmt: skip
        self.allow(found, "RETURNED")
        totals: dict[int, int] = {}
        for number, units, _, _ in lines:
            totals[number] = totals.get(number, 0) + units
        for number, units in totals.items():
            possible = own[number]["shipped"] - own[number]["returned"] if number in own else 0
            if units > possible:
                raise Refused("QUANTITY_EXCEEDED", line_number=str(number), requested=str(units),
                              possible=str(possible))  # fmt: skip
        for number, units, restock, place in lines:
            own[number]["returned"] += units
            if restock:
                self.move(own[number]["key"], place or own[number]["place"], on_hand=units)
        whole = all(line["returned"] == line["shipped"] for line in found["lines"])
        return self.change(found, "RETURNED" if whole else "PARTIALLY_RETURNED")


def short(shortages: Sequence[tuple[int, int, int]]) -> Refused:
    """Of (line index, requested, available)."""
    found = [(index, units, max(left, 0)) for index, units, left in sorted(shortages)]
    return Refused("INSUFFICIENT_STOCK", shortages=found)


class Allocation:
    """Where one order's units come from."""

    def __init__(
        self, inventory: Inventory, keys: Sequence[str], lines: Sequence[Line], strategy: str
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
