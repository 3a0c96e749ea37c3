"""The model's holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.model.allocation import Allocation
from tests.model.holdings import held
from tests.model.orders import Orders, order_line
from tests.model.warehouse import End, Line, Outcome, Refused

HOLD_UNITS_MAX = 12
"""Units that one hold may ask for."""
CALLER_UNITS_MAX = 24
"""Units that all active holds together may have."""


class Holds(Orders):
    """A hold resolves at most once, and only what is active changes."""

    def __init__(self) -> None:
        super().__init__()
        self.tick = 0

    def create_hold(
        self, hold: str, lines: Sequence[Line], strategy: str, partial: bool, days: int
    ) -> Outcome:
        keys = self.live_all([sku for sku, _, _ in lines])
        self.exist(*(place for _, _, place in lines))
        self.check_budget("units", sum(units for _, units, _ in lines), HOLD_UNITS_MAX)
        plan = Allocation(self, keys, lines, strategy, self.next_end).plan(partial)
        granted = sum(units for _, _, _, units in plan)
        self.check_budget("caller_units", granted, CALLER_UNITS_MAX, self.in_use())
        made = []
        for number, key, place, units in plan:
            self.move("HELD", key, place, held=units, hold=hold)
            counts = {"quantity": units, "converted": 0, "released": 0, "expired": 0}
            asked = lines[number][1]
            made.append({"requested": number, "key": key, "place": place, "asked": asked, **counts})
        self.holds[hold] = {"status": "ACTIVE", "version": 1, "lines": made, "orders": [],
                            "end": self.from_now(days), "due": None}  # fmt: skip
        return self.shown(hold)

    @staticmethod
    def check_budget(limit: str, requested: int, allowed: int, in_use: int = 0) -> None:
        if requested + in_use > allowed:
            raise Refused("HOLD_BUDGET_EXCEEDED", limit=limit, requested=str(requested),
                          allowed=str(allowed), in_use=str(in_use))  # fmt: skip

    def from_now(self, days: int) -> End:
        self.tick += 1
        return End(days, self.tick)

    def shown(self, hold: str) -> Outcome:
        """As an answer shows it: when units expired is not told."""
        found = self.holds[hold]
        lines = [
            {name: line[name] for name in line if name != "expired"} for line in found["lines"]
        ]
        return {**{name: found[name] for name in ("status", "version", "orders", "end")},
                "lines": lines}  # fmt: skip

    @staticmethod
    def status(hold: Mapping[str, Any]) -> str:
        """Whether or not its end has been written."""
        return hold["status"] if hold["due"] is None else "EXPIRED"

    def find_hold(self, hold: str, expected: int) -> dict[str, Any]:
        """One that is still active."""
        if hold not in self.holds:
            raise Refused("HOLD_NOT_FOUND")
        found = self.holds[hold]
        self.expect(expected, found["version"])
        match self.status(found):
            case "EXPIRED":
                raise Refused("HOLD_EXPIRED", hold=hold)
            case "CONVERTED":
                raise Refused("HOLD_CONVERTED", hold=hold, order=found["orders"][-1])
            case "RELEASED":
                raise Refused("HOLD_RELEASED", hold=hold)
        return found

    def extend_hold(self, hold: str, days: int, expected: int) -> Outcome:
        found = self.find_hold(hold, expected)
        found["end"] = self.from_now(days)
        found["version"] += 1
        return self.shown(hold)

    def release_hold(self, hold: str, expected: int) -> Outcome:
        found = self.find_hold(hold, expected)
        self.release_rest(hold)
        found["status"] = "RELEASED"
        found["version"] += 1
        return self.shown(hold)

    def release_rest(self, hold: str) -> None:
        for line in self.holds[hold]["lines"]:
            units = held(line)
            if units:
                spot = (line["key"], line["place"])
                self.move("HOLD_RELEASED", *spot, held=-units, hold=hold)
                line["released"] += units

    def convert_hold(
        self, hold: str, order: str, lines: Sequence[tuple[int, int]], release: bool, expected: int
    ) -> Outcome:
        found = self.find_hold(hold, expected)
        units = self.wanted(found["lines"], lines)
        # The line of this request, or that of the hold's if it has none.
        sent = {number: index for index, (number, _) in enumerate(lines)}
        made = []
        for number, line in enumerate(found["lines"], 1):
            if number in units:
                count, spot = units[number], (line["key"], line["place"])
                self.move("ALLOCATED", *spot, allocated=count, held=-count, hold=hold)
                line["converted"] += count
                made.append(order_line(sent.get(number, line["requested"]), *spot, count))
        if release:
            self.release_rest(hold)
        if not any(map(held, found["lines"])):
            found["status"] = "CONVERTED"
        found["orders"].append(order)
        found["version"] += 1
        return {"hold": self.shown(hold), "order": self.open_order(order, made, hold)}

    @staticmethod
    def wanted(
        own: Sequence[Mapping[str, int]], lines: Sequence[tuple[int, int]]
    ) -> dict[int, int]:
        possible = {number: held(line) for number, line in enumerate(own, 1)}
        for number, units in lines:
            if units > possible.get(number, 0):
                raise Refused("QUANTITY_EXCEEDED", line_number=str(number), requested=str(units),
                              possible=str(possible.get(number, 0)))  # fmt: skip
        return dict(lines) or {number: units for number, units in possible.items() if units}

    def sweep(self, holds: Sequence[str]) -> Outcome:
        """Write the end of those whose units have gone back because their time is over."""
        for name in holds:
            hold = self.holds.get(name)
            if hold and hold["status"] == "ACTIVE" and not any(map(held, hold["lines"])):
                hold["status"] = "EXPIRED"
                hold["version"] += 1
        return {}
