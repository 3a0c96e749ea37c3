"""Two servers at once, mixed calls: the stream has every version of everything, in order."""

import asyncio
import threading
from contextlib import closing
from datetime import timedelta
from random import Random
from typing import Any

from inventory_grpc.domain import commands
from inventory_grpc.domain.changes import ChangeKind
from inventory_grpc.domain.commands import Command, Remainder
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.store.engine import ReadDatabase
from tests.concurrency.harness import (
    adjust,
    create_location,
    done,
    mutations,
    order_of,
    place,
    request,
    response,
    seeded,
    stocked,
    uuid_of,
)
from tests.conftest import Database
from tests.consistency.history import hold_of
from tests.store.test_changes import cancel, convert, update
from tests.store.watching import Watcher, policy

SKUS = ("A", "B", "C")
CALLERS = 24
CALLS = 25


def some(chance: Random) -> tuple[str, int]:
    return chance.choice(SKUS), chance.randint(1, 3)


def ended(chance: Random, order_id: str) -> Command:
    status = chance.choice((OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.CANCELLED))
    if chance.random() < 0.3:
        return cancel(order_id, (1, 1))
    return commands.ChangeOrderStatus(order_id, status, "", 0)


def resolved(chance: Random, hold_id: str) -> Command:
    if chance.random() < 0.5:
        return commands.ReleaseHold(hold_id, "", 0)
    return convert(hold_id, (1, 1), rest=chance.choice(list(Remainder)))


def about_stock(chance: Random) -> Command:
    sku, units = some(chance)
    return chance.choice(
        (
            adjust(sku, units),
            adjust(sku, -units),
            policy(sku, low_stock_threshold=chance.randint(0, 60)),
            policy(sku, safety_stock=chance.randint(0, 9)),
            update(sku, name=uuid_of(chance)),
            commands.TransferStock("default", "berlin", place((sku, units)).lines, ""),
        )
    )


async def caller(servers: list[Mutations], chance: Random) -> None:
    """Whatever comes of it; what he got he goes on with, sometimes at the other server."""
    owned: list[Command] = []

    async def send(command: Command) -> Any:
        answer = await chance.choice(servers).execute(request(command, uuid_of(chance)), None)
        return None if answer.code else answer

    for _ in range(CALLS):
        kind = chance.random()
        if kind < 0.4 and (answer := await send(place(some(chance), some(chance)))):
            owned.append(ended(chance, order_of(answer).order_id))
        elif kind < 0.6:
            ttl = timedelta(milliseconds=chance.choice((1, 3_600_000)))
            command = hold_of(some(chance), ttl=ttl)
            if answer := await send(command):
                owned.append(resolved(chance, response(command, answer).hold.hold_id))
        elif kind < 0.8 and owned:
            await send(owned.pop(chance.randrange(len(owned))))
        else:
            await send(about_stock(chance))


def follow(watcher: Watcher, over: threading.Event, chance: Random) -> None:
    """Numbers and reads, in steps of any size."""
    while True:
        is_last = over.is_set()
        if not watcher.listen(chance.choice((1, 5, 100))) and is_last:
            return


async def test_what_two_watchers_were_told_is_what_the_tables_have(database: Database) -> None:
    chance = seeded()
    over = threading.Event()
    with closing(ReadDatabase(database.url, pool_size=4, statement_timeout_ms=30_000)) as reading:
        async with mutations(database) as one, mutations(database) as two:
            watchers = [Watcher(database, one, reading) for _ in range(2)]
            following = [
                asyncio.create_task(
                    asyncio.to_thread(follow, watcher, over, Random(chance.random()))  # noqa: S311
                )
                for watcher in watchers
            ]
            await stocked(one, **dict.fromkeys(SKUS, 100))
            await done(one, create_location("berlin", 1))
            async with asyncio.TaskGroup() as group:
                for _ in range(CALLERS):
                    group.create_task(caller([one, two], Random(chance.random())))  # noqa: S311
            over.set()
            await asyncio.gather(*following)
        assert watchers[0].told == watchers[1].told
        for watcher in watchers:
            watcher.check_versions()
        told = {change.kind for change in watchers[0].told}
        assert told >= {
            ChangeKind.PRODUCT,
            ChangeKind.STOCK_LEVEL,
            ChangeKind.HOLD,
            ChangeKind.ORDER,
        }
