"""The model's products, locations and stock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Outcome = dict[str, Any]
Line = tuple[str, int, str]
"""(SKU, quantity, location or "")"""
Spot = tuple[str, str]
"""(product, location)"""
Movement = tuple[int, str, int, int, int, str]
"""(version, kind, on_hand, allocated, held, the hold it is of)"""


class Refused(Exception):
    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(reason)
        self.outcome = {"reason": reason, **facts}


@dataclass(frozen=True, order=True)
class End:
    """When a hold ends: days from a tick of the model's clock, which is never as long as a day."""

    days: int
    tick: int


@dataclass(frozen=True)
class Shortage:
    """One demand that is not covered, and when the next hold in its way ends."""

    index: int
    requested: int
    available: int
    next_end: End | None = None


def short(shortages: Iterable[Shortage]) -> Refused:
    """Refused for all of them, in the order of the lines."""
    found = [
        (each.index, each.requested, max(each.available, 0), each.next_end)
        for each in sorted(shortages, key=lambda each: each.index)
    ]
    return Refused("INSUFFICIENT_STOCK", shortages=found)


def in_use(level: Mapping[str, int]) -> bool:
    return any(level[counter] for counter in ("on_hand", "allocated", "held"))


class Warehouse:
    """Everything but orders and holds. Products are named by keys of the caller's."""

    def __init__(self) -> None:
        self.products: dict[str, dict[str, Any]] = {}
        self.locations: dict[str, dict[str, Any]] = {}
        self.levels: dict[Spot, dict[str, int]] = {}
        self.ledger: list[tuple[Spot, Movement]] = []

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
            ("on_hand", "allocated", "held", "safety", "backorder", "shortfall", "version"), 0
        )
        return self.levels.setdefault((key, place), zeros)

    @staticmethod
    def available(level: Mapping[str, int]) -> int:
        return level["on_hand"] - level["allocated"] - level["held"] - level["safety"]

    def move(
        self,
        kind: str,
        key: str,
        place: str,
        *,
        on_hand: int = 0,
        allocated: int = 0,
        held: int = 0,
        fact: bool = False,
        hold: str = "",
    ) -> dict[str, int]:
        level = self.level(key, place)
        level["on_hand"] += on_hand
        level["allocated"] += allocated
        level["held"] += held
        level["version"] += 1
        promised = level["allocated"] + level["held"]
        uncovered = max(0, promised - level["on_hand"] - level["backorder"])
        level["shortfall"] = uncovered if fact else min(level["shortfall"], uncovered)
        movement = (level["version"], kind, on_hand, allocated, held, hold)
        self.ledger.append(((key, place), movement))
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
        if any(in_use(level) for level in levels):
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
        if any(in_use(level) for level in levels):
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
        possible = level["on_hand"] - (0 if loss else level["allocated"] + level["held"])
        if delta < 0 and -delta > possible:
            raise short([Shortage(0, -delta, possible)])
        return self.move("ADJUSTED", key, place, on_hand=delta, fact=loss)

    def set_stock(self, sku: str, place: str, on_hand: int, expected: int | None) -> Outcome:
        [key] = self.live_all([sku])
        self.exist(place)
        level = self.level(key, place)
        if expected not in (None, level["on_hand"]):
            raise Refused("VERSION_MISMATCH", current_version=str(level["version"]),
                          current_on_hand=str(level["on_hand"]))  # fmt: skip
        return self.move("COUNTED", key, place, on_hand=on_hand - level["on_hand"], fact=True)

    def set_policy(self, sku: str, place: str, safety: int, backorder: int) -> Outcome:
        [key] = self.live_all([sku])
        self.exist(place)
        self.level(key, place).update(safety=safety, backorder=backorder)
        return self.move("POLICY_CHANGED", key, place, fact=True)

    def transfer(self, source: str, target: str, lines: Sequence[tuple[str, int]]) -> Outcome:
        keys = self.live_all([sku for sku, _ in lines])
        self.exist(source, target)
        shortages = []
        for key in dict.fromkeys(keys):
            of_key = [number for number, each in enumerate(keys) if each == key]
            units = sum(lines[number][1] for number in of_key)
            available = self.available(self.level(key, source))
            if units > available:
                shortages.append(Shortage(of_key[0], units, available))
        if shortages:
            raise short(shortages)
        for key, (_, units) in zip(keys, lines, strict=True):
            self.move("TRANSFERRED_OUT", key, source, on_hand=-units)
            self.move("TRANSFERRED_IN", key, target, on_hand=units)
        return {
            "levels": [self.level(key, place) for key in dict.fromkeys(keys)
                       for place in (source, target)],
        }  # fmt: skip
