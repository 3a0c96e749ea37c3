"""Random calls: more often such that can succeed."""

from random import Random
from typing import Any
from uuid import uuid4

from tests.model.calls import Call, Names

LETTERS = "ABCD"
SPARE = "EF"
"""SKUs that a product gets by being renamed."""
PLACES = ("east", "north", "west")
SPARE_PLACES = ("south",)
"""A location that may be opened."""
STRATEGIES = ("PRIORITY", "MOST_STOCK", "SINGLE_LOCATION")
STATUSES = ("PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED", "RETURNED")

Sent = tuple[str, Call]
"""A call under its request id."""


class RandomCalls:
    """Each example calls on products and locations of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.names = Names()
        self.mine = uuid4().hex[:12]
        self.sent: list[Sent] = []
        self.made = 0

    def at(self, place: str) -> str:
        return f"{place}-{self.mine}"

    def sku(self, letter: str) -> str:
        return f"{letter}-{self.mine}"

    def name(self, kind: str) -> str:
        self.made += 1
        return f"{kind}{self.made}"

    def create_product(self, letter: str) -> Call:
        return Call("create_product", {"key": self.name("product"), "sku": self.sku(letter)})

    def adjust(self, letter: str, place: str, delta: int) -> Call:
        arguments = {"delta": delta, "loss": False, "expected": 0}
        return Call("adjust", {"sku": self.sku(letter), "place": self.at(place), **arguments})

    def lasting(self) -> list[str]:
        """Holds whose time is not over."""
        raise NotImplementedError

    def random_call(self, chance: Random) -> Call:
        """More often one that can succeed."""
        makers = {
            self.random_place: 4,
            self.random_order_change: 6,
            self.random_create_hold: 5,
            self.random_hold_change: 8,
            self.random_stock: 4,
            self.random_transfer: 2,
            self.random_catalogue: 2,
        }
        return chance.choices(list(makers), list(makers.values()))[0](chance)

    def random_demand(self, chance: Random, most: int) -> dict[str, Any]:
        """Of up to so many lines."""
        lines = tuple(
            (self.random_sku(chance), chance.randint(1, 7), self.maybe_place(chance))
            for _ in range(chance.randint(1, most))
        )
        optimistic = chance.random() < 0.3
        return {"lines": lines, "strategy": chance.choice(STRATEGIES), "optimistic": optimistic}

    def random_place(self, chance: Random) -> Call:
        return Call("place", {"order": self.name("order"), **self.random_demand(chance, 4)})

    def random_create_hold(self, chance: Random) -> Call:
        how = {"partial": chance.random() < 0.4, "days": chance.randint(1, 9)}
        return Call(
            "create_hold", {"hold": self.name("hold"), **self.random_demand(chance, 3), **how}
        )

    def random_hold_change(self, chance: Random) -> Call:
        """Mostly of one that has not come to its end."""
        hold = "none" if chance.random() < 0.05 else chance.choice([*self.names.holds][-6:])
        if chance.random() < 0.8:
            hold = chance.choice(self.lasting() or [hold])
        expected = chance.choice([0, 0, 0, 0, 0, 0, 1, 2])
        match chance.choice(
            ["extend", "extend", "convert", "convert", "convert", "release", "sweep"]
        ):
            case "extend":
                days = chance.randint(1, 9)
                return Call("extend_hold", {"hold": hold, "days": days, "expected": expected})
            case "release":
                return Call("release_hold", {"hold": hold, "expected": expected})
            case "sweep":
                return Call("sweep", {"holds": (hold, *self.names.holds)[: chance.randint(1, 3)]})
        numbers = chance.sample([1, 2, 3][: chance.choice([2, 2, 3])], chance.choice([0, 1, 1, 2]))
        lines = tuple((number, chance.choice([1, 1, 1, 2, 3])) for number in numbers)
        how = {"lines": lines, "release": chance.random() < 0.3, "expected": expected}
        return Call("convert_hold", {"hold": hold, "order": self.name("order"), **how})

    def random_order_change(self, chance: Random) -> Call:
        # The first are there in every state from the beginning on.
        pool = [*self.names.orders][: 4 if chance.random() < 0.4 else None]
        order = "none" if chance.random() < 0.05 else chance.choice(pool)
        expected = chance.choice([0, 0, 0, 0, 1, 2])
        numbers = chance.sample([1, 2, 3], chance.randint(0, 2))
        lines = tuple((number, chance.randint(1, 4)) for number in numbers)
        match chance.choice(["ship", "cancel", "give_back", "status", "status"]):
            case "ship":
                return Call("ship", {"order": order, "lines": lines, "expected": expected})
            case "cancel":
                recall = chance.random() < 0.3
                arguments = {"recall": recall, "lines": () if recall else lines}
                return Call("cancel", {"order": order, **arguments, "expected": expected})
            case "give_back":
                back = tuple(
                    (chance.randint(1, 3), chance.randint(1, 3), chance.random() < 0.7,
                     self.maybe_place(chance))
                    for _ in range(chance.randint(1, 3))
                )  # fmt: skip
                return Call("give_back", {"order": order, "lines": back})
        wanted = chance.choice(STATUSES)
        return Call("set_status", {"order": order, "wanted": wanted, "expected": expected})

    def random_stock(self, chance: Random) -> Call:
        spot = {"sku": self.random_sku(chance), "place": self.random_at(chance)}
        units = chance.randint(0, 9)
        match chance.choice(["adjust", "adjust", "set_stock", "set_policy"]):
            case "adjust":
                loss = chance.random() < 0.4
                change = {"loss": loss, "delta": -1 - units if loss else chance.choice([-4, 1, 3])}
                return Call("adjust", {**spot, **change, "expected": chance.choice([0, 0, 0, 3])})
            case "set_stock":
                expected = chance.choice([None, None, 0, 15])
                return Call("set_stock", {**spot, "on_hand": units, "expected": expected})
        return Call("set_policy", {**spot, "safety": chance.randint(0, 2), "backorder": units})

    def random_transfer(self, chance: Random) -> Call:
        source, target = chance.sample(PLACES, 2)
        lines = tuple(
            (self.random_sku(chance), chance.randint(1, 4)) for _ in range(chance.randint(1, 3))
        )
        ends = {"source": self.at(source), "target": self.at(target)}
        return Call("transfer", {**ends, "lines": lines})

    def random_catalogue(self, chance: Random) -> Call:
        letter, other = chance.sample(LETTERS, 2)
        place = self.random_at(chance)
        match chance.choice(["create", "delete", "delete", "undelete", "rename", "open", "close"]):
            case "create":
                return self.create_product(letter)
            case "delete":
                return Call("delete_product", {"sku": self.sku(letter)})
            case "undelete":
                return Call("undelete_product", {"key": chance.choice([*self.names.products])})
            case "rename":
                to = self.sku(chance.choice(SPARE + other))
                return Call("rename_product", {"sku": self.random_sku(chance), "to": to})
            case "open":
                return Call("create_location", {"name": place, "priority": chance.randint(0, 3)})
        return Call("delete_location", {"name": place})

    def random_sku(self, chance: Random) -> str:
        return self.sku(chance.choice(LETTERS * 4 + SPARE))

    def random_at(self, chance: Random) -> str:
        return self.at(chance.choice(PLACES * 5 + SPARE_PLACES))

    def maybe_place(self, chance: Random) -> str:
        return "" if chance.random() < 0.6 else self.random_at(chance)

    def random_batch(self, chance: Random, most: int) -> list[Sent]:
        """Some of its calls, or only their ids, came before."""
        batch: list[Sent] = []
        for _ in range(chance.randint(1, most)):
            before = [*self.sent, *batch]
            match chance.choice(["new"] * 8 + ["again", "reused"]):
                case "again":
                    batch.append(chance.choice(before))
                case "reused":
                    batch.append((chance.choice(before)[0], self.random_call(chance)))
                case _:
                    batch.append((str(uuid4()), self.random_call(chance)))
        return batch
