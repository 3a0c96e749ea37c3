"""A stored answer is given again, whoever else changes the stock: else a caller whose first answer
was lost would be told of a conflict, and take it that nothing has been done."""

import asyncio
from dataclasses import replace

from inventory_grpc.domain.errors import Contention
from tests.concurrency.harness import (
    done,
    levels,
    mutations,
    place,
    reason_of,
    request,
    run,
    stocked,
)
from tests.conftest import Database
from tests.store.hooked_links import hooked
from tests.store.test_engine_optimistic import hold

OVERTAKE = "UPDATE stock_levels SET version = version + 1"
ALL_DUE = "UPDATE holds SET expire_time = now(); UPDATE hold_lines SET expire_time = now()"


async def test_a_stored_answer_is_given_while_its_neighbours_are_overtaken(
    database: Database,
) -> None:
    async with hooked(database) as (server, main, _):
        await stocked(server, A=10)
        one, *others = [request(replace(place(("A", 1)), optimistic=True)) for _ in range(3)]
        first = await server.execute(one, None)
        main.at_commit = lambda: run(database, OVERTAKE)
        calls = [server.execute(each, None) for each in (others[0], one, others[1])]
        overtaken, again, overtaken_too = await asyncio.gather(*calls, return_exceptions=True)
    assert again == replace(first, replayed=True)
    assert isinstance(overtaken, Contention)
    assert isinstance(overtaken_too, Contention)


async def test_what_was_answered_changes_nothing_more_not_even_what_is_due(
    database: Database,
) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10)
        order = request(replace(place(("A", 1)), optimistic=True))
        assert reason_of(await server.execute(order, None)) == "OK"
        await done(server, hold("A", 2))
        run(database, ALL_DUE)
        before = levels(database)
        assert (await server.execute(order, None)).replayed
        assert levels(database) == before
