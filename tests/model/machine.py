"""Random batches, made by hypothesis, for the write path and for the model."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from random import Random
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from psycopg2.extensions import connection

from inventory_grpc.engine.request import Answer, Group, Request, RowRefused
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.services.sweeping import expire_holds
from tests.concurrency.harness import request
from tests.model import rows
from tests.model.answers import in_database, observed, remember
from tests.model.calls import NOBODY, Call, command_of
from tests.model.holdings import is_active
from tests.model.random_calls import LETTERS, PLACES, RandomCalls, Sent
from tests.model.serial import Asked, Inventory
from tests.model.warehouse import Outcome

DRAWN = st.integers(0, 2**32 - 1)
"""One seed a batch: hypothesis drops whole batches from a failure, not calls from a batch."""


class Machine(RandomCalls, RuleBasedStateMachine):
    """Each example works on products and locations of its own, as a caller of its own."""

    server: Mutations
    runner: asyncio.Runner
    database: connection
    """Sees what was committed, and moves the clock of holds."""
    seen: Counter[tuple[str, str]]
    """What happened in all examples, so that an audit of nothing is noticed."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Inventory()
        self.agreed = False
        """Whether the last step ended with both sides the same."""
        self.drawn: list[int] = []
        self.open_shop()

    def open_shop(self) -> None:
        """Something to work on: orders and holds in several states, a product and a place without
        stock."""
        opening = [
            *(Call("create_location", {"name": self.at(place), "priority": priority})
              for priority, place in enumerate(PLACES)),
            *(self.create_product(letter) for letter in LETTERS),
        ]  # fmt: skip
        opening += [self.adjust(sku, place, 15) for sku in LETTERS[:-1] for place in PLACES[:-1]]
        self.all_new(opening)
        free = {"strategy": "PRIORITY", "optimistic": False}
        sold = {"lines": ((self.sku("A"), 4, ""), (self.sku("B"), 6, "")), **free}
        orders = [self.name("order") for _ in range(4)]
        self.all_new(Call("place", {"order": order, **sold}) for order in orders)
        kept = {"lines": ((self.sku("A"), 2, ""), (self.sku("C"), 3, "")), **free}
        holds = [self.name("hold") for _ in range(5)]
        create = [
            Call("create_hold", {"hold": hold, **kept, "partial": False, "days": 2})
            for hold in holds
        ]
        self.all_new(create[:3])
        steps = [(orders[1], "SHIPPED"), (orders[2], "SHIPPED"), (orders[2], "DELIVERED")]
        whole = {"order": self.name("order"), "lines": (), "release": False, "expected": 0}
        self.all_new([
            *(Call("set_status", {"order": order, "wanted": wanted, "expected": 0})
              for order, wanted in steps),
            Call("convert_hold", {"hold": holds[1], **whole}),
            Call("release_hold", {"hold": holds[2], "expected": 0}),
            *create[3:],
        ])  # fmt: skip
        self.fall_due(holds[3], 1)

    def all_new(self, calls: Iterable[Call]) -> None:
        self.all_at_once([(str(uuid4()), call) for call in calls])

    def chance(self, drawn: int) -> Random:
        """Hypothesis likes to draw again what it has drawn before, and to change one step of an
        example only: what comes after shall be new all the same."""
        self.drawn.append(drawn)
        return Random(str(self.drawn))  # noqa: S311 - repeatable on purpose

    # -- rules ---------------------------------------------------------------------------------

    @rule(drawn=DRAWN)
    def many_at_once(self, drawn: int) -> None:
        chance = self.chance(drawn)
        if chance.random() < 0.1:
            self.let_fall_due(chance)
        batch = self.random_batch(chance, 10)
        if _hands_on_names(batch):
            self.sweep([name for name, hold in self.model.holds.items() if not is_active(hold)])
        self.all_at_once(batch)

    @rule(drawn=DRAWN)
    def atomic_batch(self, drawn: int) -> None:
        chance = self.chance(drawn)
        batch = [each for each in self.random_batch(chance, 4) if each[1].name != "rename_product"]
        if not batch:
            return
        self.agreed = False
        expected = self.model.atomic(_asked(batch))
        outcome = self.run(self.atomic(batch))
        if isinstance(outcome, RowRefused):
            assert isinstance(expected, dict), f"refused, but should be {expected}"
            assert outcome.row == expected.pop("row")
            self.compare(batch[outcome.row], expected, outcome.answer)
        else:
            assert isinstance(expected, list), f"done, but should be {expected}"
            for sent, wanted, answer in zip(batch, expected, outcome, strict=True):
                self.compare(sent, wanted, answer)
        self.same_rows()

    @rule(drawn=DRAWN)
    def dry_run(self, drawn: int) -> None:
        self.agreed = False
        [sent] = batch = self.random_batch(self.chance(drawn), 1)
        [asked] = _asked(batch)
        expected = self.model.dry(asked)
        [dry] = self.requests(batch, dry=True)
        self.compare(sent, expected, self.run(self.server.execute(dry, None)), dry=True)
        self.same_rows()

    @rule(drawn=DRAWN)
    def time_passes(self, drawn: int) -> None:
        """Now and then the sweeper comes before anybody else."""
        chance = self.chance(drawn)
        self.agreed = False
        if chance.random() < 0.5:
            self.let_fall_due(chance)
        if chance.random() < 0.3:
            self.sweep(chance.sample([*self.model.holds], len(self.model.holds) // 2))
        self.same_rows()

    def lasting(self) -> list[str]:
        return [name for name, hold in self.model.holds.items() if is_active(hold)]

    def let_fall_due(self, chance: Random) -> None:
        lasting = self.lasting()
        for name in chance.sample(lasting, min(len(lasting), chance.choice([0, 1, 1, 2]))):
            self.fall_due(name, chance.randint(1, 3))

    def fall_due(self, hold: str, age: int) -> None:
        """The clock is the database's, so it is the hold that moves."""
        self.model.fall_due(hold, age)
        moved = rows.query(self.database, _FALL_DUE, age, self.names.holds[hold])
        assert len(moved) == len(self.model.holds[hold]["lines"])

    def sweep(self, holds: Sequence[str]) -> None:
        """As the sweeper sends it."""
        self.model.together([(str(uuid4()), "sweep", {"holds": holds})])
        ids = [self.names.holds[hold] for hold in holds]
        self.run(expire_holds(self.server, [*ids, NOBODY], None))

    def teardown(self) -> None:
        """At the end of an example every unit is in one place, and the ledger says how it got
        there."""
        if self.agreed:
            written = rows.ledger(self.database, self.names)
            rows.check_same(written, rows.expected_ledger(self.model))
            rows.check_units(self.model)

    # -- both sides ----------------------------------------------------------------------------

    def requests(self, batch: Sequence[Sent], dry: bool = False) -> list[Request]:
        return [
            replace(request(command_of(call, self.names), key, validate_only=dry), caller=self.mine)
            for key, call in batch
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
        deleting a location runs apart from all others, and so do optimistic calls."""

        async def send(requests: Sequence[Request]) -> list[Answer]:
            return await asyncio.gather(*(self.server.execute(each, None) for each in requests))

        self.agreed = False
        for _, part in groupby(zip(batch, self.requests(batch), strict=True), _kind):
            sents, requests = zip(*part, strict=True)
            expected = self.model.together(_asked(sents))
            answers = self.run(send(requests))
            for sent, outcome, answer in zip(sents, expected, answers, strict=True):
                self.compare(sent, outcome, answer)
        self.sent += batch
        self.same_rows()

    def compare(self, sent: Sent, expected: Outcome, answer: Answer, *, dry: bool = False) -> None:
        call = sent[1]
        seen = observed(call, command_of(call, self.names), answer, self.names)
        self.seen[call.name, seen.get("reason", "OK")] += 1
        assert seen.get("reason") == expected.get("reason"), f"{call}: {seen}, not {expected}"
        for name, fact in in_database(expected, self.names).items():
            got = _sorted(name, seen[name])
            assert got == _sorted(name, fact), f"{call}: {name} is {seen[name]}, not {fact}"
        if not dry:
            remember(expected, seen, self.names)

    def same_rows(self) -> None:
        found = rows.levels(self.database, self.names, self.mine)
        rows.check_same(found, rows.expected_levels(self.model))
        kept = rows.holds(self.database, self.names, self.mine)
        rows.check_same(kept, rows.expected_holds(self.model))
        self.agreed = True


def _asked(batch: Sequence[Sent]) -> list[Asked]:
    return [(key, call.name, call.arguments) for key, call in batch]


def _hands_on_names(batch: Sequence[Sent]) -> bool:
    """Whether it may have to be split. Then it cannot be told what is looked at together with a
    call that is not answered yet, so that what is due there goes back."""
    naming = [call.name for _, call in batch if call.name.endswith("_product")]
    return "rename_product" in naming and len(naming) > 1


def _kind(sent: tuple[Sent, Request]) -> tuple[bool, bool]:
    group = Group((sent[1],))
    return group.apart, group.optimistic


def _sorted(name: str, fact: Any) -> Any:
    """The model knows no order of levels."""
    return sorted(map(str, fact)) if name == "levels" else fact


_FALL_DUE = """
    WITH due AS (
        UPDATE holds SET expire_time = timestamptz '2000-01-01 00:00Z' - %s * interval '1 day'
         WHERE hold_id = %s RETURNING hold_id, expire_time)
    UPDATE hold_lines l SET expire_time = due.expire_time
      FROM due WHERE l.hold_id = due.hold_id RETURNING 1
"""
