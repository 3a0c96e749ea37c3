"""What commands of one batch see of each other."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import AllocationStrategy, DemandLine
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.engine.request import Answer, RowRefused
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.v1 import orders_pb2
from tests.concurrency.harness import (
    adjust,
    audit,
    create_location,
    create_product,
    done,
    levels,
    mutations,
    order_of,
    place,
    query,
    reason_of,
    request,
    response,
    run,
    stocked,
)
from tests.conftest import Database

HOUR = timedelta(hours=1)


def hold(*lines: tuple[str, int]) -> commands.CreateHold:
    demand = tuple(DemandLine(ProductKey(sku=sku), units) for sku, units in lines)
    return commands.CreateHold(demand, HOUR, "", False, AllocationStrategy.PRIORITY)


async def test_commands_see_those_before_them_in_their_batch(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=0)
        calls = [
            server.execute(request(each), None)
            for each in (place(("A", 1)), adjust("A", 1), place(("A", 1)), place(("A", 1)))
        ]
        answers = await asyncio.gather(*calls)
    reasons = [reason_of(each) for each in answers]
    assert reasons == ["INSUFFICIENT_STOCK", "OK", "OK", "INSUFFICIENT_STOCK"]


async def test_a_product_made_in_a_batch_can_be_used_in_it(database: Database) -> None:
    async with mutations(database) as server:
        calls = [
            server.execute(request(each), None)
            for each in (
                create_product("A", ("default", 5)),
                adjust("A", 2),
                place(("A", 7)),
                create_product("A"),
            )
        ]
        answers = await asyncio.gather(*calls)
    assert [reason_of(each) for each in answers] == ["OK", "OK", "OK", "SKU_TAKEN"]
    assert levels(database)["A", "default"] == (7, 7, 0, 3)
    audit(database)


async def test_a_location_made_in_a_batch_can_be_used_in_it(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=0)
        calls = [
            server.execute(request(each), None)
            for each in (create_location("shop"), adjust("A", 2, "shop"), place(("A", 2, "shop")))
        ]
        answers = await asyncio.gather(*calls)
        assert (server.counters.reruns, server.counters.splits) == (0, 0)
    assert [reason_of(each) for each in answers] == ["OK", "OK", "OK"]
    assert levels(database)["A", "shop"] == (2, 2, 0, 2)


async def test_a_sku_changed_in_a_batch_is_what_the_commands_after_it_answer(
    database: Database,
) -> None:
    rename = commands.UpdateProduct(
        ProductKey(sku="A"), frozenset({"sku"}), "NEW", "", "", None, {}, 0
    )
    async with mutations(database) as server:
        await stocked(server, A=10)
        order_id = (await done(server, place(("A", 2)))).order.order_id
        ship = commands.ShipOrder(order_id, (), "", 0)
        batch = (rename, place(("NEW", 1)), adjust("NEW", 1), ship)
        _, placed, adjusted, shipped = await asyncio.gather(
            *(server.execute(request(each), None) for each in batch)
        )
    assert order_of(placed).lines[0].sku == "NEW"
    assert order_of(shipped).lines[0].sku == "NEW"
    change = response(commands.AdjustStock, adjusted)
    assert (change.stock_level.sku, change.movement.sku) == ("NEW", "NEW")
    assert levels(database)["NEW", "default"] == (9, 1, 0, 5)
    audit(database)


KEY = "0190c3a4-5b6c-7d8e-9f00-112233445566"


@pytest.mark.parametrize("dry", [True, False])
async def test_a_key_used_twice_in_a_batch_is_forecast_as_it_happens(
    database: Database, dry: bool
) -> None:
    rows = [
        request(command, KEY, validate_only=dry)
        for command in (place(("A", 3)), place(("A", 3)), adjust("A", 1))
    ]
    async with mutations(database) as server:
        await stocked(server, A=5)
        answers = await server.execute_independent(rows, None)
        with pytest.raises(RowRefused) as refused:
            await server.execute_atomic(rows, None)
        done_twice = await server.execute_atomic(rows[:2], None)
    assert [reason_of(each) for each in answers if isinstance(each, Answer)] == [
        "OK", "OK", "REQUEST_ID_REUSED",
    ]  # fmt: skip
    assert [each.replayed for each in answers if isinstance(each, Answer)] == [False, True, False]
    assert (refused.value.row, reason_of(refused.value.answer)) == (2, "REQUEST_ID_REUSED")
    assert {each.body for each in done_twice} == {done_twice[0].body}
    assert levels(database)["A", "default"][:2] == ((5, 0) if dry else (5, 3))


async def test_a_forecast_knows_nothing_of_the_keys_beside_it(database: Database) -> None:
    async with mutations(database) as server:
        await stocked(server, A=5)
        calls = [
            server.execute(request(adjust("A", units), KEY, validate_only=dry), None)
            for units, dry in ((1, True), (2, False), (3, True))
        ]
        answers = await asyncio.gather(*calls)
    assert [reason_of(each) for each in answers] == ["OK", "OK", "OK"]
    assert not any(each.replayed for each in answers)


async def holds_of(server: Mutations, count: int) -> list[str]:
    """Holds of one unit each."""
    answers = [await done(server, hold(("A", 1))) for _ in range(count)]
    return [each.hold.hold_id for each in answers]


async def orders_of(server: Mutations, count: int) -> list[str]:
    answers = [await done(server, place(("A", 1))) for _ in range(count)]
    return [each.order.order_id for each in answers]


@pytest.mark.parametrize(
    "change",
    [
        lambda order_id: commands.ShipOrder(order_id, (), "", 0),
        lambda order_id: commands.CancelOrder(order_id, (), "", False, 0),
        lambda order_id: commands.ChangeOrderStatus(order_id, OrderStatus.CONFIRMED, "", 0),
    ],
    ids=["ship", "cancel", "status"],
)
async def test_an_order_that_is_changed_counts_as_ten_lines(
    database: Database, change: Callable[[str], commands.Command]
) -> None:
    async with mutations(database, batch_lines_max=20) as server:
        await stocked(server, A=100)
        ids = await orders_of(server, 5)
        await all_done(server, [*map(change, ids), adjust("A", 1)])
    last = "SELECT count(*) FROM order_events WHERE order_version = 2 GROUP BY commit_id"
    assert sorted(query(database, last)) == [(1,), (2,), (2,)]


@pytest.mark.parametrize(
    "change",
    [
        lambda hold_id: commands.ExtendHold(hold_id, HOUR, 0),
        lambda hold_id: commands.ReleaseHold(hold_id, "", 0),
        lambda hold_id: commands.ConvertHold(hold_id, (), commands.Remainder.KEEP, "", {}, 0),
    ],
    ids=["extend", "release", "convert"],
)
async def test_a_hold_that_is_changed_counts_as_ten_lines(
    database: Database, change: Callable[[str], commands.Command]
) -> None:
    async with mutations(database, batch_lines_max=20) as server:
        await stocked(server, A=100)
        ids = await holds_of(server, 5)
        await all_done(server, [*map(change, ids), adjust("A", 1)])
    assert sorted(query(database, HOLD_CHANGES)) == [(1,), (2,), (2,)]


async def test_a_new_hold_counts_as_its_lines(database: Database) -> None:
    async with mutations(database, batch_lines_max=20) as server:
        await stocked(server, A=100, B=100)
        await all_done(server, [hold(*[("A", 1), ("B", 1)] * 4) for _ in range(5)])
    made = "SELECT count(*) FROM hold_events WHERE hold_version = 1 GROUP BY commit_id"
    assert sorted(query(database, made)) == [(1,), (2,), (2,)]


async def test_each_hold_that_is_swept_up_counts_as_ten_lines(database: Database) -> None:
    async with mutations(database, batch_lines_max=40) as server:
        await stocked(server, A=100)
        ids = await holds_of(server, 6)
        run(database, ALL_DUE)
        sweeps = [commands.ExpireHolds(tuple(ids[start : start + 2])) for start in (0, 2, 4)]
        await asyncio.gather(*(server.execute(request(each), None) for each in sweeps))
    assert sorted(query(database, HOLD_CHANGES)) == [(2,), (4,)]
    audit(database)


HOLD_CHANGES = "SELECT count(*) FROM hold_events WHERE hold_version = 2 GROUP BY commit_id"
ALL_DUE = """
    UPDATE holds SET expire_time = now() - interval '1 second';
    UPDATE hold_lines SET expire_time = now() - interval '1 second';
"""


async def all_done(server: Mutations, sent: Sequence[commands.Command]) -> None:
    answers = await asyncio.gather(*(server.execute(request(each), None) for each in sent))
    assert {reason_of(each) for each in answers} == {"OK"}


async def test_orders_of_a_batch_are_written_as_they_are_however_alike(database: Database) -> None:
    """Columns in which all rows agree are not sent row by row; those of others must not notice."""
    plain = place(("A", 1), ("B", 1))
    other = commands.PlaceOrder(
        (DemandLine(ProductKey(sku="A"), 2, "shop"),), plain.allocation, "their ref", {"k": "v"}
    )
    async with mutations(database) as server:
        await done(server, create_location("shop"))
        await stocked(server, A=9, B=9)
        await done(server, adjust("A", 9, "shop"))
        held = (await done(server, hold(("A", 1)))).hold.hold_id
        convert = commands.ConvertHold(held, (), commands.Remainder.RELEASE, "", {}, 0)
        batches: list[list[commands.PlaceOrder | commands.ConvertHold]] = [
            [plain, plain],
            [plain, other, convert],
            [other],
        ]
        for batch in batches:
            answers = await server.execute_atomic([request(each) for each in batch], None)
            for command, answer in zip(batch, answers, strict=True):
                _is_stored(database, response(command, answer).order)
    audit(database)


def _is_stored(database: Database, order: orders_pb2.Order) -> None:
    [stored] = query(
        database,
        "SELECT status, version, status_reason, customer_reference, labels, hold_id::text"
        " FROM orders WHERE order_id = %s",
        order.order_id,
    )
    told = (order.status, order.version, "", order.customer_reference, dict(order.labels))
    assert stored == (*told, order.hold_id or None)
    lines = query(
        database,
        "SELECT line_number, location_id, quantity, shipped, cancelled, returned FROM order_lines"
        " WHERE order_id = %s ORDER BY line_number",
        order.order_id,
    )
    assert lines == [
        (line.line_number, line.location_id, line.quantity, 0, 0, 0) for line in order.lines
    ]
    moves = query(
        database,
        "SELECT location_id, allocated_delta, held_delta, note, transfer_id FROM stock_movements"
        " WHERE order_id = %s AND allocated_delta > 0 ORDER BY line_number",
        order.order_id,
    )
    held = order.hold_id != ""
    assert moves == [
        (line.location_id, line.quantity, -line.quantity if held else 0, "", None)
        for line in order.lines
    ]
