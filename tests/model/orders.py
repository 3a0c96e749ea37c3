"""The model's orders."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.model.allocation import Allocation
from tests.model.holdings import Holdings
from tests.model.warehouse import Line, Outcome, Refused, Shortage, short

FROM = {
    "CONFIRMED": {"PENDING"},
    "SHIPPED": {"PENDING", "CONFIRMED", "PARTIALLY_SHIPPED"},
    "CANCELLED": {"PENDING", "CONFIRMED", "PARTIALLY_SHIPPED", "SHIPPED"},
    "DELIVERED": {"SHIPPED"},
    "RETURNED": {"DELIVERED", "PARTIALLY_RETURNED"},
}
"""From which states one may be asked for."""


def order_line(requested: int, key: str, place: str, units: int) -> dict[str, Any]:
    counts = {"quantity": units, "shipped": 0, "cancelled": 0, "returned": 0}
    return {"requested": requested, "key": key, "place": place, **counts}


class Orders(Holdings):
    """Orders are named by keys of the caller's, too."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, dict[str, Any]] = {}

    def place(self, order: str, lines: Sequence[Line], strategy: str) -> Outcome:
        keys = self.live_all([sku for sku, _, _ in lines])
        self.exist(*(place for _, _, place in lines))
        plan = Allocation(self, keys, lines, strategy, self.next_end).plan()
        made = []
        for number, key, place, units in plan:
            self.move("ALLOCATED", key, place, allocated=units)
            made.append(order_line(number, key, place, units))
        return self.open_order(order, made)

    def open_order(self, order: str, lines: Sequence[Mapping[str, Any]], hold: str = "") -> Outcome:
        self.orders[order] = {"status": "PENDING", "version": 1, "lines": lines, "hold": hold}
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
        if wanted == "SHIPPED":
            return self.ship(order, (), expected)
        if wanted == "CANCELLED":
            return self.cancel(order, (), True, expected)
        found = self.find(order)
        if wanted == "RETURNED":
            rest = [
                (number, line["shipped"] - line["returned"], True, "")
                for number, line in enumerate(found["lines"], 1)
                if line["shipped"] > line["returned"]
            ]
            return self.give_back(order, rest, expected)
        self.expect(expected, found["version"])
        self.allow(found, wanted)
        return self.change(found, wanted)

    def ship(self, order: str, lines: Sequence[tuple[int, int]], expected: int) -> Outcome:
        found = self.find(order, expected)
        self.allow(found, "SHIPPED")
        units = self.asked(found, lines)
        chosen = [(number, found["lines"][number - 1], units[number]) for number in sorted(units)]
        # The line of this request, or that of the order's if it has none.
        sent = {number: index for index, (number, _) in enumerate(lines)}
        wanted: dict[tuple[str, str], int] = {}
        first: dict[tuple[str, str], int] = {}
        for number, line, count in chosen:
            spot = (line["key"], line["place"])
            index = sent[number] if lines else line["requested"]
            wanted[spot] = wanted.get(spot, 0) + count
            first[spot] = min(first.get(spot, index), index)
        shortages = [
            Shortage(first[spot], count, self.level(*spot)["on_hand"])
            for spot, count in wanted.items() if count > self.level(*spot)["on_hand"]
        ]  # fmt: skip
        if shortages:
            raise short(shortages)
        for _, line, count in chosen:
            spot = (line["key"], line["place"])
            self.move("SHIPPED", *spot, on_hand=-count, allocated=-count)
            line["shipped"] += count
        done = not any(map(self.open, found["lines"]))
        return self.change(found, "SHIPPED" if done else "PARTIALLY_SHIPPED")

    def cancel(
        self, order: str, lines: Sequence[tuple[int, int]], recall: bool, expected: int
    ) -> Outcome:
        found = self.find(order)
        if recall:
            self.exist(*(line["place"] for line in found["lines"]
                         if line["shipped"] > line["returned"]))  # fmt: skip
        self.expect(expected, found["version"])
        self.allow(found, "CANCELLED")
        if not recall and not any(map(self.open, found["lines"])):
            raise Refused("INVALID_TRANSITION", **{"from": found["status"], "to": "CANCELLED"})
        for number, count in sorted(self.asked(found, lines).items()):
            line = found["lines"][number - 1]
            self.move("DEALLOCATED", line["key"], line["place"], allocated=-count)
            line["cancelled"] += count
        if recall:
            for line in found["lines"]:
                if line["shipped"]:
                    spot = (line["key"], line["place"])
                    self.move("RETURNED", *spot, on_hand=line["shipped"])
                    line["returned"] = line["shipped"]
            return self.change(found, "CANCELLED")
        if any(map(self.open, found["lines"])):
            return self.change(found, found["status"])
        shipped = any(line["shipped"] for line in found["lines"])
        return self.change(found, "SHIPPED" if shipped else "CANCELLED")

    def give_back(
        self, order: str, lines: Sequence[tuple[int, int, bool, str]], expected: int = 0
    ) -> Outcome:
        found = self.find(order)
        own = dict(enumerate(found["lines"], 1))
        self.exist(*(place or own[number]["place"] for number, _, restock, place in lines
                     if place or (restock and number in own)))  # fmt: skip
        self.expect(expected, found["version"])
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
                spot = (own[number]["key"], place or own[number]["place"])
                self.move("RETURNED", *spot, on_hand=units)
        whole = all(line["returned"] == line["shipped"] for line in found["lines"])
        return self.change(found, "RETURNED" if whole else "PARTIALLY_RETURNED")
