"""What a batch knows of holds: what is due, and how much one caller may hold."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from inventory_grpc.domain.model import MovementKind
from inventory_grpc.store.book_reads import DUE_LINES_ENOUGH, DUE_LINES_MAX
from tests.concurrency.harness import (
    adjust,
    audit,
    done,
    error_info,
    held,
    levels,
    mutations,
    place,
    query,
    reason_of,
    request,
    run,
    stocked,
    value,
)
from tests.conftest import Database
from tests.server.harness import blocked_statements
from tests.store.holding import release
from tests.store.test_batches import ALL_DUE, HOUR, hold

LEDGER = "SELECT kind, held_delta, actor FROM stock_movements ORDER BY stock_version"
EXPIRED = (int(MovementKind.HOLD_EXPIRED), -5, "system:expiry")


@pytest.mark.parametrize("optimistic", [False, True])
async def test_what_is_due_is_given_back_before_anything_is_decided(
    database: Database, optimistic: bool
) -> None:
    async with mutations(database) as server:
        await stocked(server, A=5)
        await done(server, hold(("A", 5)))
        run(database, ALL_DUE)
        order = replace(place(("A", 5)), optimistic=optimistic)
        assert reason_of(await server.execute(request(order), None)) == "OK"
        assert server.counters.expired_hold_lines == 1
    assert query(database, LEDGER)[2:] == [
        EXPIRED,
        (int(MovementKind.ALLOCATED), 0, "anonymous"),
    ]
    last_two = (
        "SELECT count(DISTINCT commit_id) FROM stock_movements "
        "WHERE stock_version >= (SELECT max(stock_version) - 1 FROM stock_movements)"
    )
    assert value(database, last_two) == 1
    audit(database)


@pytest.mark.parametrize("units", [5, 6])
async def test_it_is_given_back_even_if_nothing_else_is_done(
    database: Database, units: int
) -> None:
    """A forecast of what can be ordered, and a refusal of what cannot."""
    async with mutations(database) as server:
        await stocked(server, A=5)
        await done(server, hold(("A", 5)))
        run(database, ALL_DUE)
        sent = request(place(("A", units)), validate_only=units == 5)
        answer = await server.execute(sent, None)
        assert reason_of(answer) == ("OK" if units == 5 else "INSUFFICIENT_STOCK")
    assert query(database, LEDGER)[2:] == [EXPIRED]
    assert levels(database)["A", "default"][:2] == (5, 0)
    audit(database)


async def test_what_is_too_much_for_one_transaction_is_given_back_in_steps(
    database: Database,
) -> None:
    """Whoever needs the units gets them, though their holds have all ended unnoticed."""
    holds, lines = DUE_LINES_MAX // 100 + 1, 100
    async with mutations(database) as server:
        await stocked(server, A=holds * lines)
        full = request(hold(*[("A", 1)] * lines))
        made = (replace(full, request_id=str(uuid4())) for _ in range(holds))
        await asyncio.gather(*(server.execute(each, None) for each in made))
        run(database, ALL_DUE)
        order = request(place(("A", holds * lines)))
        assert reason_of(await server.execute(order, None)) == "OK"
        assert server.counters.reruns == 0
    steps = "SELECT count(*) FROM stock_movements WHERE kind = 7 GROUP BY commit_id ORDER BY 1"
    assert query(database, steps) == [(100,), (DUE_LINES_MAX,)]
    audit(database)


async def test_what_is_due_at_many_levels_is_given_back_in_steps_too(database: Database) -> None:
    """A few at each are too much for one transaction as well, once a command needs them all."""
    skus, holds = "ABCDEFG", DUE_LINES_ENOUGH // 600 + 1
    lines = 100 * holds
    async with mutations(database) as server:
        await stocked(server, **dict.fromkeys(skus, lines))
        made = [request(hold(*[(sku, 1)] * 100)) for sku in skus for _ in range(holds)]
        await asyncio.gather(*(server.execute(each, None) for each in made))
        run(database, ALL_DUE)
        order = request(place(*((sku, lines) for sku in skus)))
        assert reason_of(await server.execute(order, None)) == "OK"
        assert server.counters.reruns == 0
    steps = "SELECT count(*) FROM stock_movements WHERE kind = 7 GROUP BY commit_id ORDER BY 1"
    assert query(database, steps) == [(lines,), (6 * lines,)]
    audit(database)


async def test_commands_see_the_holds_of_those_before_them_in_their_batch(
    database: Database,
) -> None:
    async with mutations(database) as server:
        await stocked(server, A=5)
        sent = (hold(("A", 4)), place(("A", 2)), hold(("A", 1)), adjust("A", 1), place(("A", 1)))
        calls = [server.execute(request(each), None) for each in sent]
        answers = await asyncio.gather(*calls)
    reasons = [reason_of(each) for each in answers]
    assert reasons == ["OK", "INSUFFICIENT_STOCK", "OK", "OK", "OK"]
    audit(database)


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"hold_lines_max": 1}, "lines"),
        ({"hold_units_max": 3}, "units"),
        ({"hold_lifetime_seconds_max": 3599}, "lifetime_seconds"),
        ({"hold_units_per_caller_max": 3}, "caller_units"),
    ],
)
async def test_the_settings_bound_holds(
    database: Database, settings: dict[str, Any], limit: str
) -> None:
    async with mutations(database, **settings) as server:
        await stocked(server, A=10, B=10)
        answer = await server.execute(request(hold(("A", 2), ("B", 2))), None)
        assert (reason_of(answer), error_info(answer).metadata["limit"]) == (
            "HOLD_BUDGET_EXCEEDED", limit,
        )  # fmt: skip
        smaller = replace(hold(("A", 3)), ttl=HOUR - timedelta(seconds=1))
        assert reason_of(await server.execute(request(smaller), None)) == "OK"


@pytest.mark.parametrize("optimistic", [False, True])
async def test_holds_made_on_two_servers_at_once_share_the_budget_of_their_caller(
    database: Database, optimistic: bool
) -> None:
    """Of different products, so that nothing else keeps them apart."""
    settings = {"hold_units_per_caller_max": 5, "lock_timeout_ms": 30_000}
    async with mutations(database, **settings) as here, mutations(database, **settings) as there:
        await stocked(here, A=10, B=10)
        await done(here, hold(("A", 1)))
        sent = [replace(hold((sku, 4)), optimistic=optimistic) for sku in "AB"]
        with held(database, "SELECT FROM hold_budgets FOR UPDATE") as holder:
            both = zip((here, there), sent, strict=True)
            calls = [asyncio.create_task(each.execute(request(one), None)) for each, one in both]
            await asyncio.to_thread(blocked_statements, database, 2)
            holder.rollback()
            answers = await asyncio.gather(*calls)
    assert sorted(map(reason_of, answers)) == ["HOLD_BUDGET_EXCEEDED", "OK"]
    assert value(database, "SELECT units FROM hold_budgets") == 5
    audit(database)


async def test_a_budget_that_was_lowered_keeps_nobody_from_giving_back(database: Database) -> None:
    async with mutations(database, hold_units_per_caller_max=9) as server:
        await stocked(server, A=10)
        made = [(await done(server, hold(("A", units)))).hold for units in (4, 5)]
    async with mutations(database, hold_units_per_caller_max=3) as server:
        await done(server, release(made[0]))
        assert reason_of(await server.execute(request(hold(("A", 1))), None)) != "OK"
        sent = (release(made[1]), hold(("A", 3)))
        answers = await asyncio.gather(*(server.execute(request(each), None) for each in sent))
    assert [reason_of(each) for each in answers] == ["OK", "OK"]
    assert value(database, "SELECT units FROM hold_budgets") == 3
    audit(database)


async def test_holds_of_one_batch_share_the_budget_of_their_caller(database: Database) -> None:
    async with mutations(database, hold_units_per_caller_max=5) as server:
        await stocked(server, A=10)
        mine = [request(hold(("A", 2))) for _ in range(3)]
        another = replace(request(hold(("A", 2))), caller="somebody else")
        calls = [server.execute(each, None) for each in (*mine, another)]
        answers = await asyncio.gather(*calls)
        assert [reason_of(each) for each in answers] == ["OK", "OK", "HOLD_BUDGET_EXCEEDED", "OK"]
        # Kept by nobody: the same call may be made again when there is room.
        run(database, ALL_DUE)
        again = await server.execute(mine[2], None)
        assert (reason_of(again), again.replayed) == ("OK", False)
    audit(database)
