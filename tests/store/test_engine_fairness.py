"""Callers who have much to do share the write path with those who have little."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from inventory_grpc.domain.errors import Overloaded
from inventory_grpc.engine.batcher import BatcherSettings
from inventory_grpc.engine.request import Request
from inventory_grpc.services.mutations import Mutations
from tests.concurrency.harness import (
    audit,
    mutations,
    place,
    query,
    reason_of,
    request,
    response,
    stocked,
)
from tests.conftest import Database
from tests.store.hooked_links import hooked

_BATCH = 50


def _orders_of(caller: str, count: int) -> list[Request]:
    return [replace(request(place(("A", 1))), caller=caller) for _ in range(count)]


async def _placed(server: Mutations, each: Request) -> str:
    """Its order's id."""
    answer = await server.execute(each, None)
    assert reason_of(answer) == "OK"
    return str(response(each.command, answer).order.order_id)


def _in_order_of_effect(database: Database) -> Sequence[str]:
    rows = query(
        database,
        "SELECT order_id::text FROM stock_movements WHERE order_id IS NOT NULL "
        "ORDER BY stock_version",
    )
    return [row[0] for row in rows]


async def test_who_comes_behind_hundreds_of_another_caller_is_in_the_next_batch(
    database: Database,
) -> None:
    async with hooked(database, BatcherSettings(lines_max=_BATCH)) as (server, main, _):
        await stocked(server, A=1_000)
        loop, under_way = asyncio.get_running_loop(), asyncio.Event()

        def at_begin() -> None:
            loop.call_soon_threadsafe(under_way.set)

        main.at_begin = at_begin
        greedy = [
            asyncio.create_task(_placed(server, each)) for each in _orders_of("greedy", 8 * _BATCH)
        ]
        # The first batch is on its way, and all others wait.
        await under_way.wait()
        honest = await _placed(server, *_orders_of("honest", 1))
        ids = await asyncio.gather(*greedy)
    effects = _in_order_of_effect(database)
    assert effects.index(honest) < 2 * _BATCH
    assert [each for each in effects if each != honest] == ids
    audit(database)


async def test_a_queue_that_others_have_filled_still_has_room_for_a_few(
    database: Database,
) -> None:
    async with mutations(database, queue_commands_max=20) as server:
        await stocked(server, A=100)
        requests = [*_orders_of("greedy", 25), *_orders_of("honest", 3), *_orders_of("greedy", 1)]
        calls = [server.execute(each, None) for each in requests]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [isinstance(each, Overloaded) for each in outcomes]
    # A tenth of the bound, and no more of whoever has more.
    assert refused == [False] * 20 + [True] * 5 + [False] * 2 + [True] * 2
    audit(database)
