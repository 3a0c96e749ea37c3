"""What the model holds, until when, and what goes back when its time is over."""

from collections.abc import Collection, Mapping
from typing import Any

from tests.model.warehouse import End, Spot, Warehouse


def held(line: Mapping[str, int]) -> int:
    """Units of a hold's line that nothing has happened to."""
    return line["quantity"] - line["converted"] - line["released"] - line["expired"]


def is_active(hold: Mapping[str, Any]) -> bool:
    """Whether it keeps something back."""
    return hold["status"] == "ACTIVE" and hold["due"] is None


class Holdings(Warehouse):
    """Holds are named by keys of the caller's. They never end by themselves: the caller says so."""

    def __init__(self) -> None:
        super().__init__()
        self.holds: dict[str, dict[str, Any]] = {}

    def active(self) -> list[dict[str, Any]]:
        return [hold for hold in self.holds.values() if is_active(hold)]

    def next_end(self, spots: Collection[Spot]) -> End | None:
        """When the next hold ends that still has units there; what is due is in nobody's way."""
        ends = [
            hold["end"]
            for hold in self.active()
            if any(held(line) and (line["key"], line["place"]) in spots for line in hold["lines"])
        ]
        return min(ends, default=None)

    def in_use(self) -> int:
        """Units that all active holds together keep back."""
        return sum(held(line) for hold in self.active() for line in hold["lines"])

    def fall_due(self, hold: str, age: int) -> None:
        """From now on its time is over; of several, the oldest goes back first."""
        self.holds[hold]["due"] = -age

    def expire(self, spots: Collection[Spot]) -> None:
        """Give back what is due at these levels."""
        due = [
            (hold["due"], made, number)
            for made, hold in enumerate(self.holds.values())
            if hold["status"] == "ACTIVE" and hold["due"] is not None
            for number in range(len(hold["lines"]))
        ]
        names = list(self.holds)
        for _, made, number in sorted(due):
            line = self.holds[names[made]]["lines"][number]
            units = held(line)
            if units and (line["key"], line["place"]) in spots:
                spot = (line["key"], line["place"])
                self.move("HOLD_EXPIRED", *spot, held=-units, hold=names[made])
                line["expired"] += units
