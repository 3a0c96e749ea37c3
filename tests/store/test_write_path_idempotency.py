"""One request id, one effect, one answer: whatever happens to the calls that carry it."""

import asyncio
from collections.abc import Sequence

import psycopg2
import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.engine.batcher import Batcher, BatcherSettings
from inventory_grpc.engine.committer import Committer
from inventory_grpc.engine.counters import Counters
from inventory_grpc.engine.request import Answer, RowRefused
from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.services.mutations import STATEMENTS, Mutations
from inventory_grpc.store.link import Call, Link, LinkSettings
from tests.concurrency.harness import (
    adjust,
    audit,
    done,
    error_info,
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

KEY = "0190c3a4-5b6c-7d8e-9f00-112233445566"
OTHER = "0190c3a4-5b6c-7d8e-9f00-112233445577"


def one_order(database: Database, answers: Sequence[Answer]) -> None:
    """They are one answer to one order."""
    assert {answer.code for answer in answers} == {0}
    assert len({answer.body for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) <= 1
    assert [row[0] for row in query(database, "SELECT order_id::text FROM orders")] == [
        order_of(answers[0]).order_id
    ]
    audit(database)


async def test_a_hundred_calls_at_once_have_one_effect(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=1000)
        same = request(place(("A", 7)), KEY)
        answers = await asyncio.gather(*(server.execute(same, None) for _ in range(100)))
    one_order(database, answers)
    assert sum(answer.replayed for answer in answers) == 99
    assert levels(database)["A", "default"] == (1000, 7, 0, 2)


async def test_two_servers_give_one_answer(database: Database) -> None:
    async with mutations(database) as one, mutations(database) as two:
        await stocked(one, A=1000)
        same = request(place(("A", 7)), KEY)
        calls = [server.execute(same, None) for _ in range(50) for server in (one, two)]
        answers = await asyncio.gather(*calls)
    one_order(database, answers)
    assert sum(answer.replayed for answer in answers) == 99


async def test_two_servers_give_one_answer_to_what_shares_no_row(database: Database) -> None:
    """Only the stored answer's key keeps two such calls apart."""
    async with mutations(database) as one, mutations(database) as two:
        command = commands.CreateProduct("A", "A", "", None, {}, ())
        same = request(command, KEY)
        calls = [server.execute(same, None) for _ in range(20) for server in (one, two)]
        answers = await asyncio.gather(*calls)
    assert {(answer.code, answer.body) for answer in answers} == {(0, answers[0].body)}
    assert value(database, "SELECT count(*) FROM products") == 1


@pytest.mark.parametrize("atomic", [True, False])
async def test_the_second_row_with_the_same_id_replays_the_first(
    database: Database, atomic: bool
) -> None:
    async with mutations(database) as server:
        await stocked(server, A=100)
        rows = [request(place(("A", 1)), KEY)] * 100
        execute = server.execute_atomic if atomic else server.execute_independent
        answers = [each for each in await execute(rows, None) if isinstance(each, Answer)]
    assert [answer.replayed for answer in answers] == [False] + [True] * 99
    one_order(database, answers)


async def test_a_row_sent_alone_later_replays(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=100)
        rows = [request(place(("A", 1)), KEY), request(place(("A", 2)), OTHER)]
        first = await server.execute_atomic(rows, None)
        again = [await server.execute(row, None) for row in rows]
    assert [answer.body for answer in again] == [answer.body for answer in first]
    assert all(answer.replayed for answer in again)


async def test_rows_done_earlier_count_as_success(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=100)
        early = await server.execute(request(place(("A", 1)), KEY), None)
        rows = [request(place(("A", 1)), KEY), request(place(("A", 2)), OTHER)]
        answers = await server.execute_atomic(rows, None)
    assert [answer.replayed for answer in answers] == [True, False]
    assert answers[0].body == early.body
    assert levels(database)["A", "default"][1] == 3


async def test_another_payload_or_method_under_the_same_id_is_refused(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=100)
        first = await server.execute(request(place(("A", 1)), KEY), None)
        for other in (place(("A", 2)), adjust("A", 1)):
            answer = await server.execute(request(other, KEY), None)
            assert (answer.code, reason_of(answer)) == (3, "REQUEST_ID_REUSED")
        again = await server.execute(request(place(("A", 1)), KEY), None)
    assert (again.body, again.replayed) == (first.body, True)
    assert levels(database)["A", "default"] == (100, 1, 0, 2)


async def test_a_refusal_stays_a_refusal_after_restocking(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=1)
        refused = await server.execute(request(place(("A", 2)), KEY), None)
        await done(server, adjust("A", 10))
        again = await server.execute(request(place(("A", 2)), KEY), None)
        anew = await server.execute(request(place(("A", 2)), OTHER), None)
    assert reason_of(refused) == "INSUFFICIENT_STOCK"
    assert (again.code, again.body, again.replayed) == (refused.code, refused.body, True)
    assert reason_of(anew) == "OK"


async def test_every_final_refusal_is_stored(database: Database) -> None:
    """NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION and VERSION_MISMATCH."""
    key = ProductKey(sku="A")
    refusals: dict[str, commands.Command] = {
        "PRODUCT_NOT_FOUND": adjust("nothing", 1),
        "SKU_TAKEN": commands.CreateProduct("A", "A", "", None, {}, ()),
        "PRODUCT_IN_USE": commands.DeleteProduct(key, 0),
        "VERSION_MISMATCH": commands.DeleteProduct(key, 9),
    }
    async with mutations(database) as server:
        await stocked(server, A=1)
        for reason, command in refusals.items():
            sent = request(command)
            first, again = [await server.execute(sent, None) for _ in range(2)]
            assert (reason_of(first), first.replayed) == (reason, False)
            assert (again.body, again.code, again.replayed) == (first.body, first.code, True)


@pytest.mark.parametrize("rows", [1, 3])
async def test_a_refused_atomic_batch_stores_nothing(database: Database, rows: int) -> None:
    async with mutations(database) as server:
        await stocked(server, A=2)
        batch = [request(place(("A", 1))) for _ in range(rows - 1)] + [request(place(("A", 5)))]
        with pytest.raises(RowRefused) as refused:
            await server.execute_atomic(batch, None)
        assert refused.value.row == rows - 1
        assert reason_of(refused.value.answer) == "INSUFFICIENT_STOCK"
        assert value(database, "SELECT count(*) FROM stored_answers") == 1
        assert value(database, "SELECT count(*) FROM orders") == 0
        await done(server, adjust("A", 10))
        answers = await server.execute_atomic(batch, None)
    assert [(answer.code, answer.replayed) for answer in answers] == [(0, False)] * rows


async def test_a_refusal_in_an_atomic_batch_undoes_no_neighbour(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=3)
        bad = server.execute_atomic([request(place(("A", 1))), request(place(("A", 9)))], None)
        good = [server.execute(request(place(("A", 1))), None) for _ in range(3)]
        refused, *answers = await asyncio.gather(bad, *good, return_exceptions=True)
    assert isinstance(refused, RowRefused)
    assert [reason_of(each) for each in answers if isinstance(each, Answer)] == ["OK"] * 3
    assert levels(database)["A", "default"][:2] == (3, 3)


KEPT = "SELECT (SELECT count(*) FROM stored_answers), (SELECT count(*) FROM commits)"


class TestValidateOnly:
    async def test_it_keeps_nothing_and_shows_no_ids(self, database: Database) -> None:
        async with mutations(database) as server:
            await stocked(server, A=5)
            before = query(database, KEPT)
            answer = await server.execute(request(place(("A", 5)), KEY, validate_only=True), None)
        order = order_of(answer)
        assert (order.order_id, order.version, order.lines[0].quantity) == ("", 1, 5)
        assert levels(database)["A", "default"] == (5, 0, 0, 1)
        assert query(database, KEPT) == before

    async def test_it_reads_no_stored_answer(self, database: Database) -> None:
        async with mutations(database) as server:
            await stocked(server, A=1)
            refused = await server.execute(request(place(("A", 2)), KEY), None)
            await done(server, adjust("A", 1))
            dry = await server.execute(request(place(("A", 2)), KEY, validate_only=True), None)
            reused = await server.execute(request(adjust("A", 1), KEY, validate_only=True), None)
        assert reason_of(refused) == "INSUFFICIENT_STOCK"
        assert [reason_of(dry), reason_of(reused)] == ["OK", "OK"]
        assert not dry.replayed

    async def test_it_is_not_seen_by_the_batch_it_travels_in(self, database: Database) -> None:
        async with mutations(database) as server:
            await stocked(server, A=5)
            calls = [
                server.execute(request(place(("A", 5)), validate_only=dry), None)
                for dry in (True, False, True)
            ]
            answers = await asyncio.gather(*calls)
        assert [reason_of(each) for each in answers] == ["OK", "OK", "INSUFFICIENT_STOCK"]
        assert levels(database)["A", "default"] == (5, 5, 0, 2)

    async def test_rows_of_a_dry_batch_see_each_other(self, database: Database) -> None:
        async with mutations(database) as server:
            await stocked(server, A=5)
            rows = [request(place(("A", units)), validate_only=True) for units in (3, 3, 2)]
            outcomes = await server.execute_independent(rows, None)
            with pytest.raises(RowRefused) as refused:
                await server.execute_atomic(rows, None)
        reasons = [reason_of(each) for each in outcomes if isinstance(each, Answer)]
        assert reasons == ["OK", "INSUFFICIENT_STOCK", "OK"]
        assert refused.value.row == 1
        assert levels(database)["A", "default"] == (5, 0, 0, 1)

    async def test_a_level_that_would_be_the_first_stays_unseen(self, database: Database) -> None:
        async with mutations(database) as server:
            await stocked(server, A=0)
            await done(server, commands.CreateLocation("shop", "shop", 1, {}))
            dry = request(adjust("A", 5, "shop"), validate_only=True)
            answer = await server.execute(dry, None)
            assert reason_of(answer) == "OK"
        assert ("A", "shop") not in levels(database)


CUT_ONCE = """
    CREATE SEQUENCE cuts;
    GRANT USAGE ON SEQUENCE cuts TO PUBLIC;
    CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('cuts') = 1 THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER cut BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION cut();
"""


@pytest.mark.parametrize("table", ["stock_movements", "orders", "commits", "stored_answers"])
async def test_a_connection_cut_while_writing_costs_nothing(database: Database, table: str) -> None:
    """Effect and answer are in one transaction, so a cut before its end leaves neither."""
    async with mutations(database) as server:
        await stocked(server, A=100)
        run(database, CUT_ONCE.format(table=table))
        same = request(place(("A", 7)), KEY)
        answers = await asyncio.gather(*(server.execute(same, None) for _ in range(20)))
        assert server.counters.reruns == 1
    one_order(database, answers)
    assert levels(database)["A", "default"] == (100, 7, 0, 2)


class LossyLink(Link):
    """Loses its connection once, when the transaction has just been committed."""

    lost = 0

    def commit(self, calls: Sequence[Call]) -> None:
        super().commit(calls)
        if not self.lost:
            self.lost += 1
            self.close()
            raise psycopg2.OperationalError("server closed the connection unexpectedly")


async def test_a_connection_lost_after_its_commit_gives_the_answer_that_was_stored(
    database: Database,
) -> None:
    async with mutations(database) as healthy:
        await stocked(healthy, A=100)
    counters = Counters()
    settings = LinkSettings(database.url)
    lanes = [Committer(LossyLink(settings, STATEMENTS), encode_refusal, counters) for _ in "abc"]
    server = Mutations(Batcher(lanes[2:], lanes[0], lanes[1], BatcherSettings()), counters)
    answer = await server.execute(request(place(("A", 7)), KEY), None)
    await server.close()
    assert counters.reruns == 1
    one_order(database, [answer])


async def test_backends_killed_again_and_again_double_no_order(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10_000)
        kill = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database() AND application_name = 'inventory_grpc'"
        )
        sent = [request(place(("A", 1))) for _ in range(200)]

        async def insist(each: int) -> Answer:
            while True:
                try:
                    return await server.execute(sent[each], None)
                except Exception as error:
                    if getattr(error, "reason", "") != "DATABASE_UNAVAILABLE":
                        raise

        calls = [asyncio.create_task(insist(each)) for each in range(200)]
        for _ in range(10):
            await asyncio.to_thread(query, database, kill)
            calls += [asyncio.create_task(insist(each)) for each in range(0, 200, 3)]
        answers = await asyncio.gather(*calls)
    assert {answer.code for answer in answers} == {0}
    assert value(database, "SELECT count(*) FROM orders") == 200
    assert levels(database)["A", "default"][:2] == (10_000, 200)
    audit(database)


async def test_an_unknown_key_is_told_as_it_was_sent(database: Database) -> None:
    async with mutations(database) as server:
        answer = await server.execute(request(place(("A", 1), ("B", 1))), None)
    assert error_info(answer).metadata["missing"] == "sku:A,sku:B"
