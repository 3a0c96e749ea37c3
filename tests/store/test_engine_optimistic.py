"""OPTIMISTIC orders and holds: nobody waits, and nothing is decided on rows that have changed."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import psycopg2
import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import AllocationStrategy, Command, DemandLine
from inventory_grpc.domain.errors import Contention
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.engine.arrivals import Arrivals
from inventory_grpc.engine.committer import ATTEMPTS_MAX
from inventory_grpc.engine.request import Answer, Group, Request
from inventory_grpc.engine.ticket import Ticket
from inventory_grpc.services.mutations import Mutations
from tests.concurrency.harness import (
    Gate,
    audit,
    create_location,
    done,
    held_level,
    levels,
    mutations,
    place,
    query,
    reason_of,
    request,
    run,
    seeded,
    stocked,
    trouble,
    value,
)
from tests.conftest import Database
from tests.server.harness import blocked_statements
from tests.store.hooked_links import hooked, nothing
from tests.store.test_write_path import POISON

KEY = "0190c3a4-5b6c-7d8e-9f00-112233445566"


def optimistic(*lines: tuple[str, int] | tuple[str, int, str]) -> commands.PlaceOrder:
    return replace(place(*lines), optimistic=True)


def hold(sku: str, quantity: int) -> commands.CreateHold:
    lines = (DemandLine(ProductKey(sku=sku), quantity),)
    ttl = timedelta(hours=1)
    return commands.CreateHold(lines, ttl, "", False, AllocationStrategy.PRIORITY, optimistic=True)


async def outcome(server: Mutations, sent: Request | Command) -> str:
    """OK, or why not; nothing but a refusal or contention is expected."""
    try:
        whole = sent if isinstance(sent, Request) else request(sent)
        return reason_of(await server.execute(whole, None))
    except Contention as spent:
        return spent.reason


async def outcomes(server: Mutations, sent: Sequence[Command]) -> list[str]:
    return await asyncio.gather(*(outcome(server, each) for each in sent))


def batches(database: Database) -> list[str]:
    """The customer references of the orders of each transaction, in order of commit."""
    return [
        references
        for (references,) in query(
            database,
            "SELECT string_agg(customer_reference, '' ORDER BY order_id) "
            "FROM orders JOIN commits USING (commit_id) GROUP BY commit_seq ORDER BY commit_seq",
        )
    ]


@pytest.mark.parametrize(
    ("lines_max", "wanted"),
    [(1000, ["135", "246"]), (2, ["13", "24", "5", "6"]), (1, list("123456"))],
)
async def test_a_batch_is_of_one_kind_and_the_oldest_comes_first(
    database: Database, lines_max: int, wanted: list[str]
) -> None:
    async with mutations(database, batch_lines_max=lines_max) as server:
        await stocked(server, A=10)
        kinds = [optimistic(("A", 1)), place(("A", 1))] * 3
        sent = [replace(each, customer_reference=str(n)) for n, each in enumerate(kinds, start=1)]
        assert await outcomes(server, sent) == ["OK"] * 6
    assert batches(database) == wanted
    audit(database)


async def test_a_batch_of_both_kinds_that_is_one_transaction_waits_in_line(
    database: Database,
) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10)
        with held_level(database, "A") as holder:
            rows = [request(optimistic(("A", 1))), request(place(("A", 1)))]
            waiting = asyncio.create_task(server.execute_atomic(rows, None))
            await asyncio.to_thread(blocked_statements, database, 1)
            holder.rollback()
            assert [reason_of(each) for each in await waiting] == ["OK", "OK"]
        assert server.counters.conflicts == 0


@pytest.mark.parametrize("command", [optimistic(("A", 1)), hold("A", 1)])
async def test_a_row_that_somebody_holds_ends_in_contention_and_can_be_had_later(
    database: Database, command: Command
) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10)
        sent = request(command, KEY)
        with held_level(database, "A"):
            assert await outcome(server, sent) == "CONTENTION"
            assert server.counters.conflicts == ATTEMPTS_MAX
            assert value(database, "SELECT count(*) FROM stored_answers") == 1
        again = await server.execute(sent, None)
        assert (reason_of(again), again.replayed) == ("OK", False)
        # Not once did anybody wait for the row, or ask who needs it in a batch of its own.
        assert (server.counters.blocked, server.counters.splits) == (0, 0)
    audit(database)


async def test_a_row_that_somebody_holds_costs_only_those_who_need_it(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10, B=10, C=10)
        with held_level(database, "A"):
            sent = [optimistic((sku, 1)) for sku in "BABC"]
            both = optimistic(("A", 1), ("C", 1))
            found = await outcomes(server, [*sent, both, place(("B", 1))])
    assert found == ["OK", "CONTENTION", "OK", "OK", "CONTENTION", "OK"]
    assert {key[0]: level[1] for key, level in levels(database).items()} == {"A": 0, "B": 3, "C": 1}
    audit(database)


async def test_what_tries_again_leaves_the_connection_to_others(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=10, B=1000)
        with held_level(database, "A"):
            losing = asyncio.create_task(outcome(server, optimistic(("A", 1))))
            served = 0
            while not losing.done():
                assert await outcome(server, place(("B", 1))) == "OK"
                served += 1
            assert await losing == "CONTENTION"
    # At the very least one between any two of its attempts.
    assert served >= ATTEMPTS_MAX - 1


@pytest.mark.parametrize(("left", "wanted"), [(5, "OK"), (1, "INSUFFICIENT_STOCK")])
async def test_what_was_sold_meanwhile_is_decided_again(
    database: Database, left: int, wanted: str
) -> None:
    gate = Gate.closed()
    async with mutations(database) as other, hooked(database) as (server, main, _):
        await stocked(other, A=10)
        main.at_commit = gate.pass_through
        order = asyncio.create_task(outcome(server, optimistic(("A", 5))))
        await gate.wait_until_reached()
        await done(other, place(("A", 10 - left)))
        gate.opened.set()
        assert await order == wanted
        assert server.counters.conflicts == 1
    assert levels(database)["A", "default"][1] == (10 if wanted == "OK" else 9)
    audit(database)


def _delete(what: str) -> Command:
    if what == "PRODUCT_NOT_FOUND":
        return commands.DeleteProduct(ProductKey(sku="A"), 0)
    return commands.DeleteLocation("shop", 0)


@pytest.mark.parametrize("wanted", ["PRODUCT_NOT_FOUND", "LOCATION_NOT_FOUND"])
async def test_nothing_is_promised_of_what_was_deleted_meanwhile(
    database: Database, wanted: str
) -> None:
    """Deleting changes no counter: there is nothing on hand, only an allowance to promise it."""
    policy = commands.SetStockPolicy(ProductKey(sku="A"), "shop", None, 10, None, False, 0)
    gate = Gate.closed()
    async with mutations(database) as other, hooked(database) as (server, main, _):
        await stocked(other, A=0)
        await done(other, create_location("shop"))
        await done(other, policy)
        main.at_commit = gate.pass_through
        order = asyncio.create_task(outcome(server, optimistic(("A", 1, "shop"))))
        await gate.wait_until_reached()
        await done(other, _delete(wanted))
        gate.opened.set()
        assert await order == wanted
    audit(database)


async def test_who_is_overtaken_every_time_gets_contention_and_may_come_again(
    database: Database,
) -> None:
    async with hooked(database) as (server, main, _):
        await stocked(server, A=10)
        sent = [request(optimistic(("A", 1))) for _ in range(4)]
        main.at_commit = lambda: run(database, "UPDATE stock_levels SET version = version + 1")
        calls = [server.execute(each, None) for each in sent]
        spent = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(each, Contention) and each.attempts for each in spent] == [
            ATTEMPTS_MAX
        ] * 4
        # The batch stays together: apart, each of them would be tried as often again.
        assert (main.begun - 1, server.counters.splits) == (ATTEMPTS_MAX * 2, 0)
        assert value(database, "SELECT count(*) FROM stored_answers") == 1
        main.at_commit = nothing
        again = await asyncio.gather(*(server.execute(each, None) for each in sent))
    assert [(reason_of(each), each.replayed) for each in again] == [("OK", False)] * 4


async def test_what_comes_again_finds_its_old_place() -> None:
    arrivals = Arrivals()
    tickets = [_ticket(number) for number in range(4)]
    for ticket in tickets[:3]:
        arrivals.add(ticket)
    taken = arrivals.next_batch(2, lambda _: True)
    arrivals.add(tickets[3])
    arrivals.put_back(taken)
    assert arrivals.next_batch(4, lambda _: True) == tickets


def _ticket(number: int) -> Ticket:
    waiter = asyncio.get_running_loop().create_future()
    group = Group((request(optimistic(("A", 1))),))
    return Ticket(group, waiter, float("inf"), number, group.lines, group.optimistic)


async def test_what_the_database_will_not_take_is_still_separated_from_its_neighbours(
    database: Database,
) -> None:
    run(database, POISON.format(times=1000, state="P0001"))
    async with mutations(database) as server:
        await stocked(server, A=10)
        sent = [optimistic(("A", 1)) for _ in range(5)]
        sent[2] = replace(sent[2], customer_reference="poison")
        calls = [server.execute(request(each), None) for each in sent]
        found = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(found[2], psycopg2.Error)
    assert [reason_of(each) for each in found if isinstance(each, Answer)] == ["OK"] * 4
    audit(database)


async def test_a_forecast_and_a_refusal_need_no_lock(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=1)
        with held_level(database, "A"):
            assert await outcome(server, optimistic(("A", 2))) == "INSUFFICIENT_STOCK"
            assert await outcome(server, request(optimistic(("A", 1)), validate_only=True)) == "OK"
        assert server.counters.conflicts == 0


async def test_at_a_product_that_others_write_it_is_ok_or_contention_and_never_wrong(
    database: Database,
) -> None:
    chance = seeded()
    async with mutations(database) as one, mutations(database) as two:
        await stocked(one, A=300, B=1000)
        sent: list[tuple[Mutations, Command]] = []
        for _ in range(600):
            kind = chance.choice([optimistic, place])
            lines = [("A", chance.randint(1, 2)), ("B", 1)]
            sent.append((chance.choice([one, two]), kind(*lines[: chance.randint(1, 2)])))
        found = await asyncio.gather(*(outcome(server, each) for server, each in sent))
        print(one.counters, two.counters)
        kept = value(database, "SELECT count(*) FROM orders")
        assert set(found) <= {"OK", "INSUFFICIENT_STOCK", "CONTENTION"}
        assert kept == found.count("OK")
    on_hand, allocated, shortfall, _ = levels(database)["A", "default"]
    assert (on_hand, shortfall) == (300, 0)
    assert allocated <= 300
    audit(database)
    assert trouble(database)[0] == 0
