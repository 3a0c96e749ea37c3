"""Two hot products, stock for 7,000 units, 10,000 orders of 1-3 lines from 64 callers at once.

Never a unit more than there is, no order refused that fitted at its place in the ledger, no
deadlock, no re-run: row locks make callers wait in line, not collide.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from inventory_grpc.domain.commands import PlaceOrder
from inventory_grpc.domain.errors import Contention
from inventory_grpc.engine.request import Answer
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.v1 import orders_pb2
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from tests.concurrency.harness import (
    audit,
    held,
    isolated,
    levels,
    mutations,
    place,
    reason_of,
    request,
    run,
    seeded,
    stocked,
    trouble,
)
from tests.concurrency.hot_orders import Place, check, rush
from tests.conftest import Database
from tests.server.harness import Server, blocked_statements, running

ORDERS = 10_000
STOCK = 3_500
"""Of each of the two products."""


def over(server: Mutations) -> Place:
    """Orders straight into the write path."""

    async def send(command: PlaceOrder, request_id: str) -> Answer:
        return await server.execute(request(command, request_id), None)

    return send


@pytest.mark.parametrize("servers", [1, 2])
async def test_hot_orders_take_what_there_is_and_not_one_unit_more(
    database: Database, servers: int
) -> None:
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(mutations(database)) for _ in range(servers)]
        await stocked(running[0], **{"HOT-1": STOCK, "HOT-2": STOCK})
        before = trouble_free(running)
        outcomes = await rush(seeded(), [over(each) for each in running], ORDERS)
        assert trouble_free(running) == before
    check(database, outcomes, STOCK)
    assert trouble(database) == (0, 0)


def trouble_free(servers: Sequence[Mutations]) -> list[tuple[int, int, int]]:
    """What no server should ever have to do."""
    return [(each.counters.reruns, each.counters.splits, each.counters.blocked) for each in servers]


async def test_two_servers_wait_in_line_and_never_collide(database: Database) -> None:
    """The same in small, quick enough to be run against broken copies of the write path.

    Small batches make many transactions, and so many chances to collide.
    """
    small = {"batch_lines_max": 8}
    async with mutations(database, **small) as one, mutations(database, **small) as two:
        await stocked(one, **{"HOT-1": 200, "HOT-2": 200})
        outcomes = await rush(seeded(), [over(one), over(two)], 600)
        assert trouble_free([one, two]) == [(0, 0, 0)] * 2
    check(database, outcomes, 200)
    assert trouble(database) == (0, 0)


async def test_several_committers_of_one_server_wait_in_line_too(database: Database) -> None:
    async with mutations(database, committers=3) as server:
        await stocked(server, **{"HOT-1": 500, "HOT-2": 500})
        outcomes = await rush(seeded(), [over(server)], 1500)
        assert trouble_free([server]) == [(0, 0, 0)]
    check(database, outcomes, 500)


async def test_behind_a_pooler_the_unprepared_statements_do_the_same(database: Database) -> None:
    async with mutations(database, pooler="transaction") as server:
        await stocked(server, **{"HOT-1": 200, "HOT-2": 200})
        outcomes = await rush(seeded(), [over(server)], 600)
        assert trouble_free([server]) == [(0, 0, 0)]
    check(database, outcomes, 200)


SLOW = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(1);
        RETURN NEW;
    END $$;
    CREATE TRIGGER wait BEFORE INSERT ON orders FOR EACH ROW
      WHEN (NEW.customer_reference = 'slow') EXECUTE FUNCTION wait();
"""


async def test_the_second_server_decides_on_what_the_first_one_left(database: Database) -> None:
    """Both want the last unit; the first is in the middle of writing when the second comes.

    The second waits for the row and then reads what is there now: no conflict, no re-run.
    """
    run(database, SLOW)
    patient = {"lock_timeout_ms": 10_000}
    async with mutations(database, **patient) as one, mutations(database, **patient) as two:
        await stocked(one, A=1)
        with held(database, "SELECT pg_advisory_lock(1)") as holder:
            slow = replace(place(("A", 1)), customer_reference="slow")
            first = asyncio.create_task(one.execute(request(slow), None))
            await asyncio.to_thread(blocked_statements, database, 1)
            second = asyncio.create_task(two.execute(request(place(("A", 1))), None))
            await asyncio.to_thread(blocked_statements, database, 2)
            holder.close()
            reasons = [reason_of(await first), reason_of(await second)]
        assert reasons == ["OK", "INSUFFICIENT_STOCK"]
        assert trouble_free([one, two]) == [(0, 0, 0)] * 2
    audit(database)


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_stricter_isolation_changes_no_outcome(database: Database, isolation: str) -> None:
    """There the loser of a wait must run again; callers insist with the same request id."""
    async with isolated(database, isolation) as one, isolated(database, isolation) as two:

        def insisting(server: Mutations) -> Place:
            send = over(server)

            async def insist(command: PlaceOrder, request_id: str) -> Answer:
                while True:
                    try:
                        return await send(command, request_id)
                    except Contention:
                        continue

            return insist

        await stocked(one, **{"HOT-1": 200, "HOT-2": 200})
        outcomes = await rush(seeded(), [insisting(one), insisting(two)], 600)
        print(one.counters, two.counters)
    check(database, outcomes, 200)
    assert trouble(database)[0] == 0


# -- over the network ------------------------------------------------------------------------------


@asynccontextmanager
async def calling(servers: Sequence[Server], connections: int = 4) -> AsyncIterator[list[Place]]:
    """Ways to place an order on these servers, over so many connections to each."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with AsyncExitStack() as stack:
        yield [
            _stub(await stack.enter_async_context(grpc.aio.insecure_channel(each.target, options)))
            for _ in range(connections)
            for each in servers
        ]


def _stub(channel: grpc.aio.Channel) -> Place:
    create: Callable[[orders_pb2.CreateOrderRequest], Awaitable[orders_pb2.CreateOrderResponse]]
    create = cast("Any", OrderServiceStub(channel)).CreateOrder

    async def send(command: PlaceOrder, request_id: str) -> Answer:
        message = orders_pb2.CreateOrderRequest(request_id=request_id)
        for line in command.lines:
            message.lines.add(quantity=line.quantity).product.sku = line.product.sku
        try:
            return Answer(0, (await create(message)).SerializeToString())
        except grpc.aio.AioRpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            return Answer(error.code().value[0], trailers["grpc-status-details-bin"])

    return send


async def test_hot_orders_on_two_real_servers(
    database: Database, two_servers: tuple[Server, Server]
) -> None:
    await rush_over(database, two_servers)


async def test_hot_orders_on_two_workers(database: Database, tmp_path: Path) -> None:
    flags = ("--no-migrate", "--workers", "2")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        await rush_over(database, [server])


async def rush_over(database: Database, servers: Sequence[Server]) -> None:
    async with mutations(database) as direct:
        await stocked(direct, **{"HOT-1": STOCK, "HOT-2": STOCK})
    async with calling(servers) as ways:
        outcomes = await rush(seeded(), ways, ORDERS)
    for server in servers:
        server.terminate()
        assert server.wait() == 0
    check(database, outcomes, STOCK)
    assert trouble(database)[0] == 0


async def test_uniform_orders_with_duplicates_are_as_exact_as_hot_ones(database: Database) -> None:
    chance = seeded()
    names = [f"P{number}" for number in range(50)]
    async with mutations(database) as one, mutations(database) as two:
        await stocked(one, **dict.fromkeys(names, 30))
        from_any = [over(one), over(two)]

        async def send(command: PlaceOrder, request_id: str) -> Answer:
            first = await chance.choice(from_any)(command, request_id)
            if chance.random() < 0.05:
                again = await chance.choice(from_any)(command, request_id)
                assert (again.body, again.replayed) == (first.body, True)
            return first

        def spread(chance: random.Random) -> PlaceOrder:
            return place(*((sku, 1) for sku in chance.sample(names, chance.randint(1, 3))))

        outcomes = await rush(chance, [send], 1000, make=spread)
    audit(database)
    placed = [each for each in outcomes if reason_of(each.answer) == "OK"]
    assert sum(row[1] for row in levels(database).values()) == sum(
        len(each.command.lines) for each in placed
    )
    assert trouble(database)[0] == 0
