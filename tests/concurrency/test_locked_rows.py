"""A row that somebody holds by hand delays those who need it, and nobody else."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Command
from inventory_grpc.domain.errors import LockTimeout
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.engine.request import Answer
from inventory_grpc.services.mutations import Mutations
from tests.concurrency.harness import (
    adjust,
    audit,
    done,
    held,
    held_level,
    levels,
    mutations,
    place,
    reason_of,
    request,
    stocked,
    trouble,
    value,
)
from tests.conftest import Database

QUICK = {"lock_timeout_ms": 100, "lock_wait_ms_max": 2000}


def held_row(database: Database, table: str, column: str, key: str) -> AbstractContextManager[Any]:
    sql = f"SELECT 1 FROM {table} WHERE {column} = %s FOR UPDATE"  # noqa: S608
    return held(database, sql, key)


async def outcome(server: Mutations, command: Command, time_left: float | None = None) -> str:
    """How it ends: OK, or a reason."""
    try:
        return reason_of(await server.execute(request(command), time_left))
    except LockTimeout as error:
        return error.reason


async def slowest(server: Mutations, command: Command, times: int) -> float:
    """Seconds that the slowest of these calls took, one after the other; all must succeed."""
    longest = 0.0
    for _ in range(times):
        start = time.monotonic()
        assert await outcome(server, command) == "OK"
        longest = max(longest, time.monotonic() - start)
    return longest


def begin(server: Mutations, commands_: Sequence[Command]) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(outcome(server, each)) for each in commands_]


async def test_orders_for_other_products_go_on_and_the_others_wait_until_it_is_freed(
    database: Database,
) -> None:
    async with mutations(database, **QUICK) as server:
        await stocked(server, A=100, B=1000)
        with held_level(database, "A") as holder:
            waiting = begin(server, [place(("A", 1)), place(("A", 1), ("B", 1)), adjust("A", 1)])
            callers = [slowest(server, place(("B", 1)), 10) for _ in range(20)]
            longest = max(await asyncio.gather(*callers))
            assert not any(task.done() for task in waiting)
            holder.rollback()
            assert await asyncio.gather(*waiting) == ["OK"] * 3
    assert longest < 1.5
    assert levels(database)["B", "default"][:2] == (1000, 201)
    assert levels(database)["A", "default"][:2] == (101, 2)
    audit(database)
    assert trouble(database)[0] == 0


async def test_a_row_that_stays_locked_ends_in_lock_timeout(database: Database) -> None:
    async with mutations(database, lock_timeout_ms=100, lock_wait_ms_max=700) as server:
        await stocked(server, A=100)
        sent = request(place(("A", 1)))
        with held_level(database, "A"):
            start = time.monotonic()
            with pytest.raises(LockTimeout) as refused:
                await server.execute(sent, None)
            waited = time.monotonic() - start
            assert refused.value.waited_ms >= 500
            assert 0.5 <= waited < 3
            assert value(database, "SELECT count(*) FROM stored_answers") == 1
        again = await server.execute(sent, None)
    assert (reason_of(again), again.replayed) == ("OK", False)


async def test_a_caller_with_less_time_is_answered_before_it_stops_listening(
    database: Database,
) -> None:
    async with mutations(database, **QUICK) as server:
        await stocked(server, A=100)
        with held_level(database, "A"):
            start = time.monotonic()
            assert await outcome(server, place(("A", 1)), 1.0) == "LOCK_TIMEOUT"
            assert time.monotonic() - start < 1.0


async def test_a_locked_order_delays_no_other_order(database: Database) -> None:
    async with mutations(database, **QUICK) as server:
        await stocked(server, A=100)
        one, two = [(await done(server, place(("A", 1)))).order.order_id for _ in range(2)]
        with held_row(database, "orders", "order_id", one) as holder:
            [waiting] = begin(server, [commands.ShipOrder(one, (), "", 0)])
            assert await outcome(server, commands.ShipOrder(two, (), "", 0)) == "OK"
            assert await slowest(server, place(("A", 1)), 10) < 1.5
            assert not waiting.done()
            holder.rollback()
            assert await waiting == "OK"
    assert levels(database)["A", "default"][:2] == (98, 10)


@pytest.mark.parametrize(
    ("table", "column", "key"), [("products", "sku", "A"), ("locations", "location_id", "shop")]
)
async def test_a_locked_product_or_location_delays_the_adjustment_that_needs_it(
    database: Database, table: str, column: str, key: str
) -> None:
    async with mutations(database, **QUICK) as server:
        await stocked(server, A=100, B=100)
        await done(server, commands.CreateLocation("shop", "shop", 1, {}))
        with held_row(database, table, column, key) as holder:
            [waiting] = begin(server, [adjust("A", 1, "shop")])
            assert await outcome(server, adjust("B", 1)) == "OK"
            assert await slowest(server, place(("A", 1)), 10) < 1.5
            assert await slowest(server, adjust("B", 1), 10) < 1.5
            assert not waiting.done()
            holder.rollback()
            assert await waiting == "OK"
    assert levels(database)["A", "shop"][:2] == (1, 0)
    audit(database)


async def test_a_locked_row_delays_only_its_atomic_batch(database: Database) -> None:
    async with mutations(database, **QUICK) as server:
        await stocked(server, A=100, B=100)
        with held_level(database, "A") as holder:
            rows = [request(place((sku, 1))) for sku in "BAB"]
            batch = asyncio.create_task(server.execute_atomic(rows, None))
            independent = asyncio.create_task(
                server.execute_independent([request(place((sku, 1))) for sku in "BAB"], None)
            )
            assert await slowest(server, place(("B", 1)), 10) < 1.5
            assert not batch.done()
            assert value(database, "SELECT count(*) FROM orders WHERE status <> 1") == 0
            holder.rollback()
            answers = [*await batch, *await independent]
    assert [reason_of(each) for each in answers if isinstance(each, Answer)] == ["OK"] * 6
    assert levels(database)["B", "default"][:2] == (100, 14)


async def test_independent_rows_that_meet_no_lock_are_done_beside_one_that_does(
    database: Database,
) -> None:
    async with mutations(database, lock_timeout_ms=100, lock_wait_ms_max=400) as server:
        await stocked(server, A=100, B=100)
        with held_level(database, "A"):
            rows = [request(place((sku, 1))) for sku in "BAB"]
            outcomes = await server.execute_independent(rows, None)
    assert isinstance(outcomes[1], LockTimeout)
    assert [reason_of(each) for each in outcomes if isinstance(each, Answer)] == ["OK", "OK"]


async def test_deleting_a_product_whose_row_is_locked_waits_like_the_rest(
    database: Database,
) -> None:
    async with mutations(database, **QUICK) as server:
        await stocked(server, A=0, B=10)
        with held_row(database, "products", "sku", "A") as holder:
            [waiting] = begin(server, [commands.DeleteProduct(ProductKey(sku="A"), 0)])
            assert await slowest(server, place(("B", 1)), 5) < 1.5
            assert not waiting.done()
            holder.rollback()
            assert await waiting == "OK"


@pytest.mark.parametrize("held_sku", ["A", "B"])
async def test_an_order_that_waits_for_one_product_does_not_keep_its_others_locked(
    database: Database, held_sku: str
) -> None:
    """Whichever of the two is locked first."""
    other = {"A": "B", "B": "A"}[held_sku]
    async with mutations(database, lock_timeout_ms=400) as server:
        await stocked(server, A=1000, B=1000)
        with held_level(database, held_sku) as holder:
            [waiting] = begin(server, [place(("A", 1), ("B", 1))])
            await slowest(server, place((other, 1)), 1)
            start = time.monotonic()
            await asyncio.gather(*(slowest(server, place((other, 1)), 40) for _ in range(5)))
            # Forty that wait in turn for a lock that is never given would take 16 s.
            assert time.monotonic() - start < 8
            assert not waiting.done()
            holder.rollback()
            assert await waiting == "OK"
    audit(database)


@pytest.mark.slow
async def test_ten_seconds_of_a_locked_row_at_the_default_settings(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=100, B=1_000_000)
        with held_level(database, "A") as holder:
            start = time.monotonic()
            early = begin(server, [place(("A", 1)), place(("A", 1), ("B", 1))])
            longest, served = 0.0, 0
            while time.monotonic() - start < 7:
                times = [slowest(server, place(("B", 1)), 5) for _ in range(10)]
                longest = max(longest, *await asyncio.gather(*times))
                served += 50
            # Nobody waits for longer than five seconds.
            assert await asyncio.gather(*early) == ["LOCK_TIMEOUT"] * 2
            late = begin(server, [place(("A", 1)), place(("A", 1), ("B", 1))])
            while time.monotonic() - start < 10:
                longest = max(longest, await slowest(server, place(("B", 1)), 5))
                served += 5
            holder.rollback()
            assert await asyncio.gather(*late) == ["OK"] * 2
    print(f"{served} orders for the other product, the slowest took {longest:.3f} s")
    assert served > 200
    assert longest < 3
    assert levels(database)["A", "default"][:2] == (100, 2)
    assert levels(database)["B", "default"][:2] == (1_000_000, served + 1)
    audit(database)
