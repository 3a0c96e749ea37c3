"""Orders from two locations, step by step, against a table worked out by hand.

Every row says what the counters are after the step, and what it adds to the ledger.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import (
    AllocationStrategy,
    Command,
    Disposition,
    LineQuantity,
    ReturnLine,
)
from inventory_grpc.domain.model import MovementKind
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.services.mutations import Mutations
from tests.concurrency.harness import (
    adjust,
    audit,
    create_location,
    done,
    levels,
    mutations,
    order_of,
    place,
    query,
    reason_of,
    request,
)
from tests.conftest import Database

S = OrderStatus
Move = tuple[str, int, int]
"""(location, on_hand_delta, allocated_delta)"""


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked for, and what it must leave."""

    command: Command
    status: OrderStatus
    near: tuple[int, int]
    """(on_hand, allocated) at the nearer location."""
    far: tuple[int, int]
    kind: MovementKind | None
    moves: tuple[Move, ...]


async def order_of_ten(server: Mutations) -> str:
    """6 units near, 9 far; an order of 10 takes 6 from near (line 1) and 4 from far (line 2)."""
    for priority, (place_, units) in enumerate((("near", 6), ("far", 9))):
        await done(server, create_location(place_, priority))
        if priority == 0:
            await done(server, commands.CreateProduct("A", "A", "", None, {}, ()))
        await done(server, adjust("A", units, place_))
    placed = (await done(server, place(("A", 10)))).order
    assert [(line.line_number, line.location_id, line.quantity) for line in placed.lines] == [
        (1, "near", 6), (2, "far", 4),
    ]  # fmt: skip
    return str(placed.order_id)


def counters(database: Database) -> tuple[tuple[int, int], tuple[int, int]]:
    now = levels(database)
    return now["A", "near"][:2], now["A", "far"][:2]


def ledger(database: Database) -> list[tuple[Any, ...]]:
    return query(
        database,
        "SELECT kind, location_id, on_hand_delta, allocated_delta FROM stock_movements "
        "ORDER BY movement_id",
    )


async def walk(database: Database, server: Mutations, steps: list[Step]) -> None:
    before = len(ledger(database))
    for step in steps:
        answer = await server.execute(request(step.command), None)
        assert OrderStatus(order_of(answer).status) is step.status, step
        assert counters(database) == (step.near, step.far), step
        new = ledger(database)[before:]
        before += len(new)
        assert new == [(step.kind, *move) for move in step.moves], step
        audit(database)


def ship(order_id: str, *lines: tuple[int, int]) -> Command:
    return commands.ShipOrder(order_id, tuple(LineQuantity(*line) for line in lines), "", 0)


def cancel(order_id: str, *lines: tuple[int, int], recall: bool = False) -> Command:
    units = tuple(LineQuantity(*line) for line in lines)
    return commands.CancelOrder(order_id, units, "", recall, 0)


def give_back(order_id: str, *lines: tuple[int, int, Disposition, str]) -> Command:
    return commands.ReturnOrder(order_id, tuple(ReturnLine(*line) for line in lines), "", 0)


def status(order_id: str, wanted: OrderStatus) -> Command:
    return commands.ChangeOrderStatus(order_id, wanted, "", 0)


RESTOCK, DISCARD = Disposition.RESTOCK, Disposition.DISCARD
SHIPPED, DEALLOCATED, RETURNED = (
    MovementKind.SHIPPED, MovementKind.DEALLOCATED, MovementKind.RETURNED,
)  # fmt: skip


async def test_shipped_in_parts_delivered_and_returned_in_parts(database: Database) -> None:
    async with mutations(database) as server:
        o = await order_of_ten(server)
        assert counters(database) == ((6, 6), (9, 4))
        await walk(database, server, [
            # command                                status           near    far
            Step(status(o, S.CONFIRMED), S.CONFIRMED, (6, 6), (9, 4), None, ()),
            Step(ship(o, (1, 2)), S.PARTIALLY_SHIPPED, (4, 4), (9, 4), SHIPPED,
                 (("near", -2, -2),)),
            Step(cancel(o, (1, 1)), S.PARTIALLY_SHIPPED, (4, 3), (9, 4), DEALLOCATED,
                 (("near", 0, -1),)),
            Step(ship(o), S.SHIPPED, (1, 0), (5, 0), SHIPPED,
                 (("near", -3, -3), ("far", -4, -4))),
            Step(status(o, S.DELIVERED), S.DELIVERED, (1, 0), (5, 0), None, ()),
            Step(give_back(o, (1, 2, RESTOCK, "")), S.PARTIALLY_RETURNED, (3, 0), (5, 0), RETURNED,
                 (("near", 2, 0),)),
            Step(give_back(o, (2, 1, RESTOCK, "near"), (2, 1, RESTOCK, "")), S.PARTIALLY_RETURNED,
                 (4, 0), (6, 0), RETURNED, (("near", 1, 0), ("far", 1, 0))),
            Step(give_back(o, (2, 1, DISCARD, "")), S.PARTIALLY_RETURNED, (4, 0), (6, 0), None, ()),
            Step(status(o, S.RETURNED), S.RETURNED, (7, 0), (7, 0), RETURNED,
                 (("near", 3, 0), ("far", 1, 0))),
        ])  # fmt: skip


async def test_a_recall_gives_back_what_is_open_and_takes_back_what_is_under_way(
    database: Database,
) -> None:
    async with mutations(database) as server:
        o = await order_of_ten(server)
        await walk(database, server, [
            Step(ship(o, (1, 4), (2, 1)), S.PARTIALLY_SHIPPED, (2, 2), (8, 3), SHIPPED,
                 (("near", -4, -4), ("far", -1, -1))),
            Step(cancel(o, (2, 1)), S.PARTIALLY_SHIPPED, (2, 2), (8, 2), DEALLOCATED,
                 (("far", 0, -1),)),
        ])  # fmt: skip
        answer = await server.execute(request(cancel(o, recall=True)), None)
        assert OrderStatus(order_of(answer).status) is S.CANCELLED
        lines = order_of(answer).lines
        assert [(x.shipped_quantity, x.cancelled_quantity, x.returned_quantity) for x in lines] == [
            (4, 2, 4), (1, 3, 1),
        ]  # fmt: skip
        assert counters(database) == ((6, 0), (9, 0))
        assert ledger(database)[-4:] == [
            (DEALLOCATED, "near", 0, -2), (DEALLOCATED, "far", 0, -2),
            (RETURNED, "near", 4, 0), (RETURNED, "far", 1, 0),
        ]  # fmt: skip
        audit(database)


@pytest.mark.parametrize("recall", [False, True])
async def test_cancelling_twice_gives_back_once(database: Database, recall: bool) -> None:
    async with mutations(database) as server:
        o = await order_of_ten(server)
        await walk(database, server, [
            Step(cancel(o, recall=recall), S.CANCELLED, (6, 0), (9, 0), DEALLOCATED,
                 (("near", 0, -6), ("far", 0, -4))),
        ])  # fmt: skip
        moves = len(ledger(database))
        for again in (cancel(o), cancel(o, recall=True), status(o, S.CANCELLED)):
            assert reason_of(await server.execute(request(again), None)) == "INVALID_TRANSITION"
        assert counters(database) == ((6, 0), (9, 0))
        assert len(ledger(database)) == moves
        audit(database)


async def test_what_is_cancelled_after_a_part_was_shipped_leaves_a_shipped_order(
    database: Database,
) -> None:
    async with mutations(database) as server:
        o = await order_of_ten(server)
        await walk(database, server, [
            Step(ship(o, (2, 4)), S.PARTIALLY_SHIPPED, (6, 6), (5, 0), SHIPPED,
                 (("far", -4, -4),)),
            Step(cancel(o), S.SHIPPED, (6, 0), (5, 0), DEALLOCATED, (("near", 0, -6),)),
            Step(status(o, S.CANCELLED), S.CANCELLED, (6, 0), (9, 0), RETURNED,
                 (("far", 4, 0),)),
        ])  # fmt: skip


async def test_backorders_are_shipped_only_once_they_are_there(database: Database) -> None:
    async with mutations(database) as server:
        await done(server, commands.CreateProduct("A", "A", "", None, {}, (("default", 2),)))
        key = place(("A", 1)).lines[0].product
        await done(server, commands.SetStockPolicy(key, "default", None, 3, None, False, 0))
        o = str((await done(server, place(("A", 5)))).order.order_id)
        assert levels(database)["A", "default"][:3] == (2, 5, 0)
        assert reason_of(await server.execute(request(ship(o)), None)) == "INSUFFICIENT_STOCK"
        await done(server, ship(o, (1, 2)))
        assert levels(database)["A", "default"][:3] == (0, 3, 0)
        await done(server, adjust("A", 1))
        await done(server, ship(o, (1, 1)))
        await done(server, adjust("A", 2))
        await done(server, ship(o))
        assert levels(database)["A", "default"][:3] == (0, 0, 0)
    audit(database)


async def test_single_location_orders_come_back_to_the_one_location(database: Database) -> None:
    async with mutations(database) as server:
        await order_of_ten(server)
        command = place(("A", 5), strategy=AllocationStrategy.SINGLE_LOCATION)
        order = (await done(server, command)).order
        assert [line.location_id for line in order.lines] == ["far"]
        await done(server, cancel(order.order_id))
        assert counters(database) == ((6, 6), (9, 4))
    audit(database)
