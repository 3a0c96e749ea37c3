"""The write path as one transaction per batch: its bounds, its guards, its re-runs."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import psycopg2.errors
import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.context import Context, Ids
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.errors import Contention, DatabaseUnavailable, Draining, Overloaded
from inventory_grpc.domain.results import Result
from inventory_grpc.engine.batcher import Batcher, BatcherSettings
from inventory_grpc.engine.committer import ATTEMPTS_MAX, Committer
from inventory_grpc.engine.counters import Counters
from inventory_grpc.engine.request import Answer, Request
from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.services.mutations import STATEMENTS, Mutations
from inventory_grpc.settings import Settings
from inventory_grpc.store.failures import Failure, failure_of
from inventory_grpc.store.footprint import Footprint
from inventory_grpc.store.link import Call, Link, LinkSettings, Row
from inventory_grpc.store.prefetch import lock_and_read
from inventory_grpc.store.writes import write_calls
from tests.concurrency.harness import (
    adjust,
    audit,
    done,
    held_level,
    levels,
    mutations,
    order_of,
    place,
    query,
    reason_of,
    request,
    run,
    stocked,
    value,
)
from tests.conftest import Database


class CountingLink(Link):
    """Counts round trips and the statements in them."""

    trips = 0
    statements = 0

    def begin(self, calls: Sequence[Call]) -> list[Row]:
        self._count(calls)
        return super().begin(calls)

    def read(self, call: Call) -> list[Row]:
        self._count([call])
        return super().read(call)

    def commit(self, calls: Sequence[Call]) -> None:
        self._count(calls)
        super().commit(calls)

    def _count(self, calls: Sequence[Call]) -> None:
        self.trips += 1
        self.statements += len(calls)


def server_on(link: Link, bounds: BatcherSettings | None = None) -> Mutations:
    counters = Counters()
    main, side, apart = (Committer(link, encode_refusal, counters) for _ in range(3))
    return Mutations(Batcher([main], side, apart, bounds or BatcherSettings()), counters)


@pytest.mark.parametrize("batch", [1, 10, 300])
async def test_the_hot_path_costs_two_round_trips_whatever_the_size_of_its_batch(
    database: Database, batch: int
) -> None:
    link = CountingLink(LinkSettings(database.url), STATEMENTS)
    server = server_on(link)
    await stocked(server, A=1000, B=1000)
    link.trips = link.statements = 0
    orders = [request(place(("A", 1), ("B", 2))) for _ in range(batch)]
    await asyncio.gather(*(server.execute(each, None) for each in orders))
    await server.close()
    # Lock, read; update levels, ledger, orders, lines, events, commit, answers.
    assert (link.trips, link.statements) == (2, 9)
    assert levels(database)["B", "default"][:2] == (1000, 2 * batch)


@pytest.mark.parametrize("batch", [1, 10, 100])
async def test_changing_orders_costs_as_many_statements_for_one_as_for_many(
    database: Database, batch: int
) -> None:
    link = CountingLink(LinkSettings(database.url), STATEMENTS)
    server = server_on(link)
    await stocked(server, A=1000)
    places = [request(place(("A", 1))) for _ in range(batch)]
    answers = await asyncio.gather(*(server.execute(each, None) for each in places))
    ids = [order_of(each).order_id for each in answers]
    link.trips = link.statements = 0
    ships = [request(commands.ShipOrder(each, (), "", 0)) for each in ids]
    await asyncio.gather(*(server.execute(each, None) for each in ships))
    await server.close()
    assert link.trips <= 3
    assert link.statements <= 11
    assert levels(database)["A", "default"][:2] == (1000 - batch, 0)


async def test_a_transaction_is_bounded_by_lines_and_never_splits_an_atomic_batch(
    database: Database,
) -> None:
    async with mutations(database, batch_lines_max=10) as server:
        await stocked(server, A=1000)
        batches = [[request(place(("A", 1))) for _ in range(size)] for size in (4, 7, 3, 25, 1)]
        singles = [request(place(*[("A", 1)] * 6)) for _ in range(3)]
        atomic, _ = await asyncio.gather(
            asyncio.gather(*(server.execute_atomic(rows, None) for rows in batches)),
            asyncio.gather(*(server.execute(each, None) for each in singles)),
        )
    commit_of = dict(query(database, "SELECT order_id::text, commit_id::text FROM orders"))
    for answers in atomic:
        assert len({commit_of[order_of(answer).order_id] for answer in answers}) == 1
    sizes = query(
        database,
        "SELECT count(*) FROM order_lines JOIN orders USING (order_id) GROUP BY commit_id",
    )
    # Only the batch of 25 is larger than the bound, and so alone.
    assert max(size for (size,) in sizes) == 25
    assert all(size <= 10 or size == 25 for (size,) in sizes)
    assert len(sizes) == 6


def _bug(result: Result) -> bytes:
    raise ZeroDivisionError("a bug in the encoder")


async def test_a_bug_in_one_command_harms_no_neighbour(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10)
        sent = [request(place(("A", 1))) for _ in range(5)]
        sent[2] = replace(sent[2], encode=_bug)
        calls = [server.execute(each, None) for each in sent]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert server.counters.splits == 0
    assert isinstance(outcomes[2], ZeroDivisionError)
    assert [reason_of(each) for each in outcomes if isinstance(each, Answer)] == ["OK"] * 4
    assert levels(database)["A", "default"][:2] == (10, 4)
    audit(database)


async def test_a_bug_in_an_independent_row_is_that_rows_alone(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10)
        sent = [request(place(("A", 1))) for _ in range(3)]
        broken = [sent[0], replace(sent[1], encode=_bug), sent[2]]
        outcomes = await server.execute_independent(broken, None)
        assert isinstance(outcomes[1], ZeroDivisionError)
        # Sent again, as after any INTERNAL: two replays, and the one that never happened.
        again = await server.execute_independent(sent, None)
    assert [each.replayed for each in again if isinstance(each, Answer)] == [True, False, True]
    assert levels(database)["A", "default"][:2] == (10, 3)


POISON = """
    CREATE SEQUENCE tries;
    GRANT USAGE ON SEQUENCE tries TO PUBLIC;
    CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('tries') <= {times} THEN
            RAISE EXCEPTION 'poison' USING ERRCODE = '{state}';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER poison BEFORE INSERT ON orders FOR EACH ROW
      WHEN (NEW.customer_reference = 'poison') EXECUTE FUNCTION poison();
"""


def poisoned(position: int) -> list[Request]:
    sent = [place(("A", 1)) for _ in range(5)]
    sent[position] = replace(sent[position], customer_reference="poison")
    return [request(each) for each in sent]


@pytest.mark.parametrize("position", range(5))
async def test_what_the_database_will_not_take_is_separated_from_its_neighbours(
    database: Database, position: int
) -> None:
    run(database, POISON.format(times=1000, state="P0001"))
    async with mutations(database) as server:
        await stocked(server, A=10)
        calls = [server.execute(each, None) for each in poisoned(position)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert server.counters.reruns == 0
    assert isinstance(outcomes[position], psycopg2.Error)
    assert [reason_of(each) for each in outcomes if isinstance(each, Answer)] == ["OK"] * 4
    audit(database)


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_conflicts_run_the_attempt_again_and_are_counted(
    database: Database, state: str
) -> None:
    run(database, POISON.format(times=2, state=state))
    async with mutations(database) as server:
        await stocked(server, A=10)
        calls = [server.execute(each, None) for each in poisoned(0)]
        answers = await asyncio.gather(*calls)
        assert (server.counters.reruns, server.counters.splits) == (2, 0)
    assert [reason_of(each) for each in answers] == ["OK"] * 5
    assert len({order_of(each).order_id for each in answers}) == 5
    audit(database)


async def test_re_runs_are_bounded_and_end_in_contention(database: Database) -> None:
    run(database, POISON.format(times=1000, state="40001"))
    async with mutations(database) as server:
        await stocked(server, A=10)
        alone = poisoned(0)[0]
        with pytest.raises(Contention) as spent:
            await server.execute(alone, None)
        assert spent.value.attempts == ATTEMPTS_MAX
        assert server.counters.reruns == ATTEMPTS_MAX - 1
    assert value(database, "SELECT count(*) FROM orders") == 0
    assert value(database, "SELECT count(*) FROM stored_answers") == 1


async def test_contention_of_one_spares_its_neighbours(database: Database) -> None:
    run(database, POISON.format(times=1000, state="40001"))
    async with mutations(database) as server:
        await stocked(server, A=10)
        calls = [server.execute(each, None) for each in poisoned(1)[:2]]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(outcomes[1], Contention)
    assert isinstance(outcomes[0], Answer)
    assert levels(database)["A", "default"][:2] == (10, 1)


async def test_books_of_a_stale_version_are_not_written(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10)
        link = Link(LinkSettings(database.url), STATEMENTS)
        command = place(("A", 1))
        books, now = lock_and_read(link, Footprint.of([command]), [])
        decide(books, command, Context(now, Ids(now, 1), "anonymous", str(uuid4())))
        link.rollback()
        await done(server, adjust("A", 5))
        before = query(database, "SELECT * FROM stock_levels")
        link.begin(())
        with pytest.raises(psycopg2.errors.DivisionByZero) as stale:
            link.commit(write_calls(books, now, Ids(now, 2).next()))
        link.rollback()
        link.close()
    assert failure_of(stale.value) is Failure.CONFLICT
    assert query(database, "SELECT * FROM stock_levels") == before
    assert value(database, "SELECT count(*) FROM orders") == 0
    audit(database)


SHUFFLE = """
    ALTER DATABASE {database} SET enable_sort = off;
    CREATE TEMPORARY TABLE copied AS SELECT * FROM stock_levels;
    DELETE FROM stock_levels;
    INSERT INTO stock_levels SELECT * FROM copied ORDER BY md5(product_id::text);
"""


@pytest.mark.parametrize("plans", ["any", "unsorted"])
async def test_a_batch_that_waits_for_a_row_has_locked_only_what_sorts_before_it(
    database: Database, plans: str
) -> None:
    """So no two batches can wait for one another, whatever they want and in whatever order.

    Not even when the rows lie in another order and PostgreSQL sorts only what it is asked to sort.
    """
    names = [f"P{number:02}" for number in range(40)]
    async with mutations(database, lock_timeout_ms=10_000) as server:
        await stocked(server, **dict.fromkeys(names, 10))
        if plans == "unsorted":
            run(database, SHUFFLE.format(database=database.name))
    async with mutations(database, lock_timeout_ms=10_000) as server:
        ids = [
            row[0] for row in query(database, "SELECT product_id::text FROM products ORDER BY 1")
        ]
        by_id = dict(query(database, "SELECT product_id::text, sku FROM products"))
        for position in (0, 7, 20, 33):
            with held_level(database, by_id[ids[position]]) as holder:
                # Wanted in an order that has nothing to do with the keys'.
                wanted = [names[(each * 17) % 40] for each in range(40)]
                order = asyncio.create_task(
                    server.execute(request(place(*((sku, 1) for sku in wanted))), None)
                )
                await asyncio.to_thread(_wait_for_a_waiter, database)
                free = query(
                    database,
                    "SELECT product_id::text FROM stock_levels ORDER BY 1 FOR UPDATE SKIP LOCKED",
                )
                assert [row[0] for row in free] == ids[position + 1 :]
                holder.rollback()
                assert reason_of(await order) == "OK"


def _wait_for_a_waiter(database: Database) -> None:
    """Until some statement of the write path waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'inventory_grpc' AND wait_event_type = 'Lock'"
    )
    with closing(database.connect("superuser")) as conn, conn.cursor() as cursor:
        conn.autocommit = True
        for _ in range(3000):
            cursor.execute(waiting)
            if cursor.fetchone() != (0,):
                return
            cursor.execute("SELECT pg_sleep(0.003)")
    raise AssertionError("nobody waits")


async def test_a_full_queue_refuses_at_once(database: Database) -> None:
    async with mutations(database, queue_commands_max=3) as server:
        await stocked(server, A=10)
        calls = [server.execute(request(place(("A", 1))), None) for _ in range(5)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(each, Overloaded) for each in outcomes] == [False] * 3 + [True] * 2
    assert levels(database)["A", "default"][:2] == (10, 3)


async def test_a_command_whose_caller_is_out_of_time_is_never_begun(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10)
        late = server.execute(request(place(("A", 1))), 0)
        other = server.execute(request(place(("A", 2))), None)
        outcomes = await asyncio.gather(late, other, return_exceptions=True)
    assert isinstance(outcomes[0], BaseException)
    assert isinstance(outcomes[1], Answer)
    assert levels(database)["A", "default"][:2] == (10, 2)


async def test_closing_finishes_what_is_queued_and_takes_nothing_new(database: Database) -> None:
    server = Mutations.start(Settings(database_url=database.url), encode_refusal)
    await stocked(server, A=500)
    calls = [
        asyncio.create_task(server.execute(request(place(("A", 1))), None)) for _ in range(300)
    ]
    await asyncio.sleep(0)
    closing_down = asyncio.create_task(server.close())
    await asyncio.sleep(0)
    with pytest.raises(Draining):
        await server.execute(request(place(("A", 1))), None)
    answers = await asyncio.gather(*calls)
    await closing_down
    assert {reason_of(each) for each in answers} == {"OK"}
    assert levels(database)["A", "default"][:2] == (500, 300)


async def test_without_a_database_a_mutation_is_unavailable() -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none")
    server = Mutations.start(settings, encode_refusal)
    with pytest.raises(DatabaseUnavailable):
        await server.execute(request(place(("A", 1))), None)
    await server.close()
