"""Random batches, made by hypothesis, for the write path and for the model."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from random import Random
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from inventory_grpc.engine.request import Answer, Group, Request, RowRefused
from inventory_grpc.services.mutations import Mutations
from tests.concurrency.harness import query, request
from tests.conftest import Database
from tests.model.calls import Call, Names, command_of, observed
from tests.model.serial import Inventory
from tests.model.warehouse import Outcome

LETTERS = "ABCD"
SPARE = "EF"
"""SKUs that a product gets by being renamed."""
PLACES = ("east", "north", "west")
STRATEGIES = ("PRIORITY", "MOST_STOCK", "SINGLE_LOCATION")
STATUSES = ("PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED", "RETURNED")

CHANCE = st.randoms(use_true_random=True)
"""One seed a batch: hypothesis drops batches from a failure, not calls from a batch."""

Sent = tuple[str, Call]
"""A call under its request id."""


class Machine(RuleBasedStateMachine):
    """Each example works on products and locations of its own."""

    server: Mutations
    runner: asyncio.Runner
    database: Database
    seen: Counter[tuple[str, str]]
    """What happened in all examples, so that an audit of nothing is noticed."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Inventory()
        self.names = Names()
        self.mine = uuid4().hex[:12]
        self.sent: list[Sent] = []
        self.made = 0
        self.open_shop()

    def open_shop(self) -> None:
        """Something to work on: orders in several states, a product and a place without stock."""
        opening = [
            *(Call("create_location", {"name": self.at(place), "priority": priority})
              for priority, place in enumerate(PLACES)),
            *(self.create_product(letter) for letter in LETTERS),
        ]  # fmt: skip
        opening += [self.adjust(sku, place, 15) for sku in LETTERS[:-1] for place in PLACES[:-1]]
        self.all_at_once([(str(uuid4()), call) for call in opening])
        lines = ((self.sku("A"), 4, ""), (self.sku("B"), 6, ""))
        orders = [self.name("order") for _ in range(4)]
        self.all_at_once([
            (str(uuid4()), Call("place", {"order": each, "lines": lines, "strategy": "PRIORITY"}))
            for each in orders
        ])  # fmt: skip
        steps = [(orders[1], "SHIPPED"), (orders[2], "SHIPPED"), (orders[2], "DELIVERED")]
        self.all_at_once([
            (str(uuid4()), Call("set_status", {"order": order, "wanted": wanted, "expected": 0}))
            for order, wanted in steps
        ])  # fmt: skip

    # -- calls ---------------------------------------------------------------------------------

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

    def random_call(self, chance: Random) -> Call:
        """More often one that can succeed."""
        makers = {
            self.random_place: 4,
            self.random_order_change: 6,
            self.random_stock: 4,
            self.random_transfer: 2,
            self.random_catalogue: 2,
        }
        return chance.choices(list(makers), list(makers.values()))[0](chance)

    def random_place(self, chance: Random) -> Call:
        lines = tuple(
            (self.random_sku(chance), chance.randint(1, 6), self.maybe_place(chance))
            for _ in range(chance.randint(1, 4))
        )
        strategy = chance.choice(STRATEGIES)
        return Call("place", {"order": self.name("order"), "lines": lines, "strategy": strategy})

    def random_order_change(self, chance: Random) -> Call:
        order = chance.choice([*self.names.orders] * 9 + ["none"])
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
                change = {"loss": loss, "delta": -1 - units if loss else chance.choice([-3, 1, 6])}
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
        return self.at(chance.choice(PLACES))

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

    # -- rules ---------------------------------------------------------------------------------

    @rule(chance=CHANCE)
    def many_at_once(self, chance: Random) -> None:
        self.all_at_once(self.random_batch(chance, 10))

    @rule(chance=CHANCE)
    def atomic_batch(self, chance: Random) -> None:
        batch = [each for each in self.random_batch(chance, 4) if each[1].name != "rename_product"]
        if not batch:
            return
        expected = self.model.atomic([(key, call.name, call.arguments) for key, call in batch])
        outcome = self.run(self.atomic(batch))
        if isinstance(outcome, RowRefused):
            assert isinstance(expected, dict), f"refused, but should be {expected}"
            assert outcome.row == expected.pop("row")
            self.compare(batch[outcome.row], expected, outcome.answer)
        else:
            assert isinstance(expected, list), f"done, but should be {expected}"
            for sent, wanted, answer in zip(batch, expected, outcome, strict=True):
                self.compare(sent, wanted, answer)
        self.same_counters()

    @rule(chance=CHANCE)
    def dry_run(self, chance: Random) -> None:
        [(key, call)] = self.random_batch(chance, 1)
        expected = self.model.dry(call.name, call.arguments)
        [dry] = self.requests([(key, call)], dry=True)
        self.compare((key, call), expected, self.run(self.server.execute(dry, None)))
        self.same_counters()

    # -- both sides ----------------------------------------------------------------------------

    def requests(self, batch: Sequence[Sent], dry: bool = False) -> list[Request]:
        return [
            request(command_of(call, self.names), key, validate_only=dry) for key, call in batch
        ]

    async def atomic(self, batch: Sequence[Sent]) -> list[Answer] | RowRefused:
        try:
            return await self.server.execute_atomic(self.requests(batch), None)
        except RowRefused as refused:
            return refused

    def run(self, what: Any) -> Any:
        return self.runner.run(what)

    def all_at_once(self, batch: Sequence[Sent]) -> None:
        """In one tick of the loop, so that they arrive in this order and share a transaction; but
        deleting a location runs apart from all others."""

        async def send(requests: Sequence[Request]) -> list[Answer]:
            return await asyncio.gather(*(self.server.execute(each, None) for each in requests))

        expected = [self.model.run(key, call.name, call.arguments) for key, call in batch]
        parts = groupby(self.requests(batch), lambda each: Group((each,)).apart)
        answers = [answer for _, part in parts for answer in self.run(send(list(part)))]
        for sent, outcome, answer in zip(batch, expected, answers, strict=True):
            self.compare(sent, outcome, answer)
        self.sent += batch
        self.same_counters()

    def compare(self, sent: Sent, expected: Outcome, answer: Answer) -> None:
        call = sent[1]
        seen = observed(call, command_of(call, self.names), answer, self.names)
        self.seen[call.name, seen.get("reason", "OK")] += 1
        assert seen.get("reason") == expected.get("reason"), f"{call}: {seen}, not {expected}"
        for name, fact in expected.items():
            got = _sorted(name, seen[name])
            assert got == _sorted(name, fact), f"{call}: {name} is {seen[name]}, not {fact}"

    def same_counters(self) -> None:
        rows = query(
            self.database,
            "SELECT product_id::text, location_id, on_hand, allocated, safety_stock, "
            "backorder_limit, shortfall, version FROM stock_levels "
            "WHERE location_id LIKE %s AND version > 0",
            f"%-{self.mine}",
        )
        there = {(self.names.product(row[0]), row[1]): row[2:] for row in rows}
        wanted = {
            spot: tuple(level.values())
            for spot, level in self.model.levels.items()
            if level["version"]
        }
        assert there == wanted


def _sorted(name: str, fact: Any) -> Any:
    """The model knows no order of levels."""
    return sorted(map(str, fact)) if name == "levels" else fact
