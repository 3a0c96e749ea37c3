"""The check runs while everybody writes, and never cries wolf."""

import asyncio
import random
from contextlib import closing
from datetime import timedelta
from typing import Final

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Command, LineQuantity, Remainder
from inventory_grpc.domain.consistency import Summary, Violation
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.services.consistency import Consistency
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.store.engine import ReadDatabase
from tests.concurrency.harness import (
    adjust,
    create_location,
    done,
    mutations,
    place,
    query,
    request,
    response,
    seeded,
    stocked,
)
from tests.conftest import Database
from tests.consistency.history import check, hold_of

_SKUS: Final = ("MUG", "CUP", "POT")
WRITERS: Final = 8
COMMANDS: Final = 200
CHECKS_MIN: Final = 20


class _Writer:
    """Does something to what it made before, or makes something new."""

    def __init__(self, server: Mutations, seed: int) -> None:
        self._server = server
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._orders: list[str] = []
        self._holds: list[str] = []

    async def work(self) -> None:
        for _ in range(COMMANDS):
            command = self._command()
            answer = await self._server.execute(request(command), None)
            # A refusal is as good: what is open by now is the level's affair.
            if answer.code == 0:
                self._remember(command, response(command, answer))

    def _remember(self, command: Command, answer: object) -> None:
        order = getattr(answer, "order", None)
        if order is not None and isinstance(command, commands.PlaceOrder | commands.ConvertHold):
            self._orders.append(order.order_id)
        if isinstance(command, commands.CreateHold):
            self._holds.append(answer.hold.hold_id)  # type: ignore[attr-defined]

    def _command(self) -> Command:
        chance = self._chance
        sku, other = chance.sample(_SKUS, 2)
        some = chance.randint(1, 3)
        # Due at once, soon, or not in this test.
        ttl = timedelta(milliseconds=chance.choice((0, 20, 3_600_000)))
        choices: list[Command] = [
            place((sku, some), (other, some)),
            hold_of((sku, some), (other, some), ttl=ttl),
            adjust(sku, some),
            commands.TransferStock(
                "default", "berlin", (commands.DemandLine(ProductKey(sku=sku), 1),), ""
            ),
        ]
        if self._orders:
            order = chance.choice(self._orders)
            choices += [
                commands.ShipOrder(order, (LineQuantity(1, 1),), "", 0),
                commands.ChangeOrderStatus(order, OrderStatus.SHIPPED, "", 0),
                commands.CancelOrder(order, (), "", chance.random() < 0.5, 0),
            ]
        if self._holds:
            hold = chance.choice(self._holds)
            part = (LineQuantity(1, 1),) if chance.random() < 0.5 else ()
            remainder = chance.choice((Remainder.KEEP, Remainder.RELEASE))
            choices += [
                commands.ConvertHold(hold, part, remainder, "", {}, 0),
                commands.ReleaseHold(hold, "", 0),
                commands.ExtendHold(hold, ttl, 0),
            ]
        return chance.choice(choices)


async def test_nothing_is_found_while_everybody_writes(database: Database) -> None:
    chance = seeded()
    async with mutations(database, committers=2) as server:
        await stocked(server, **dict.fromkeys(_SKUS, 200))
        await done(server, create_location("berlin", 1))
        writers = [_Writer(server, chance.getrandbits(32)).work() for _ in range(WRITERS)]
        ended = asyncio.Event()
        checking = asyncio.create_task(_check_until(database, ended))
        await asyncio.gather(*writers, _sweep(database, server, len(writers)))
        ended.set()
        checks = await checking
    assert checks >= CHECKS_MIN
    found, summary = check(database)
    assert found == []
    assert (summary.products, summary.movements > COMMANDS) == (3, True)


async def _check_until(database: Database, ended: asyncio.Event) -> int:
    """How often nothing was found; at least as often as a proof needs."""
    checks = 0
    with closing(ReadDatabase(database.url, pool_size=1, statement_timeout_ms=30_000)) as reading:
        while not ended.is_set() or checks < CHECKS_MIN:
            assert await asyncio.to_thread(_found, reading) == []
            checks += 1
    return checks


def _found(reading: ReadDatabase) -> list[Violation]:
    items = list(Consistency(reading).check([], lambda: None))
    assert isinstance(items[-1], Summary)
    return [item for item in items if isinstance(item, Violation)]


async def _sweep(database: Database, server: Mutations, rounds: int) -> None:
    """Writes the end of what is due, as the sweeper does."""
    due = "SELECT hold_id::text FROM holds WHERE status = 1 AND expire_time <= now() LIMIT 20"
    for _ in range(rounds):
        holds = [hold for (hold,) in await asyncio.to_thread(query, database, due)]
        await server.execute(request(commands.ExpireHolds(tuple(holds))), None)
