"""Every change is told once, as it left its resource, in the order it was made in."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from inventory_grpc.domain import commands
from inventory_grpc.domain.changes import LAST, ChangeKind, Cursor
from inventory_grpc.domain.commands import (
    Disposition,
    LineQuantity,
    Remainder,
    ReturnLine,
)
from inventory_grpc.domain.model import Money, MovementKind, Product, ProductKey, StockLevel
from inventory_grpc.domain.status import HoldStatus, OrderStatus
from inventory_grpc.services.sweeping import expire_holds
from tests.concurrency.harness import (
    adjust,
    create_location,
    create_product,
    done,
    place,
    reason_of,
    request,
    run,
    value,
)
from tests.conftest import Database
from tests.consistency.history import hold_of, repair_all
from tests.store.watching import Watcher, from_anywhere, kinds, policy, watching


def update(sku: str, **values: Any) -> commands.UpdateProduct:
    return commands.UpdateProduct(
        ProductKey(sku=sku), frozenset(values),
        **{"sku": "", "name": "", "description": "", "price": None, "labels": {}, **values},
        expected_version=0,
    )  # fmt: skip


def cancel(order_id: str, *lines: tuple[int, int], recall: bool = False) -> commands.CancelOrder:
    asked = tuple(LineQuantity(*line) for line in lines)
    return commands.CancelOrder(order_id, asked, "changed my mind", recall, 0)


def ship(order_id: str, *lines: tuple[int, int]) -> commands.ShipOrder:
    return commands.ShipOrder(order_id, tuple(LineQuantity(*line) for line in lines), "out", 0)


def become(order_id: str, status: OrderStatus) -> commands.ChangeOrderStatus:
    return commands.ChangeOrderStatus(order_id, status, f"now {status.name}", 0)


def convert(
    hold_id: str, *lines: tuple[int, int], rest: Remainder = Remainder.KEEP
) -> commands.ConvertHold:
    asked = tuple(LineQuantity(*line) for line in lines)
    return commands.ConvertHold(hold_id, asked, rest, "customer", {"a": "b"}, 0)


async def catalogue(watcher: Watcher) -> None:
    price = Money("EUR", Decimal("9.9900"))
    labelled = replace(create_product("A", ("default", 50)), price=price, labels={"x": 'y"\\'})
    await watcher.did(create_location("berlin", 1))
    await watcher.did(labelled)
    await watcher.did(create_product("B", ("default", 50), ("berlin", 5)))
    await watcher.did(update("A", name="Mug, large", description="holds tea"))
    await watcher.did(update("A", price=None))
    gone = (await watcher.did(create_product("C"))).product.product_id
    await watcher.did(commands.DeleteProduct(ProductKey(gone), 0))
    await watcher.did(commands.UndeleteProduct(gone, 0))


async def stock(watcher: Watcher) -> None:
    await watcher.did(adjust("A", 10))
    await watcher.did(adjust("A", -3))
    count = commands.SetStock(ProductKey(sku="A"), "default", 60, None, None, "counted")
    await watcher.did(count)
    await watcher.did(policy("A", safety_stock=2, backorder_limit=7))
    lines = place(("A", 4), ("B", 5)).lines
    await watcher.did(commands.TransferStock("default", "berlin", lines, "by van"))


async def orders(watcher: Watcher) -> None:
    async def placed(*lines: Any) -> str:
        order: str = (await watcher.did(place(*lines))).order.order_id
        return order

    whole = await placed(("A", 2), ("B", 3, "berlin"))
    for status in (OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED):
        await watcher.did(become(whole, status))
    discarded = ReturnLine(2, 1, Disposition.DISCARD)
    elsewhere = ReturnLine(1, 1, Disposition.RESTOCK, "berlin")
    await watcher.did(commands.ReturnOrder(whole, (elsewhere, discarded), "broken", 0))
    await watcher.did(become(whole, OrderStatus.RETURNED))

    parts = await placed(("A", 5), ("B", 5))
    await watcher.did(ship(parts, (1, 2)))
    await watcher.did(cancel(parts, (1, 1), (2, 1)))
    await watcher.did(ship(parts, (2, 3)))
    await watcher.did(cancel(parts, recall=True))

    await watcher.did(cancel(await placed(("B", 1))))
    shipped = await placed(("B", 2))
    await watcher.did(become(shipped, OrderStatus.SHIPPED))
    await watcher.did(become(shipped, OrderStatus.CANCELLED))
    await watcher.did(become(await placed(("B", 2)), OrderStatus.CANCELLED))


async def holds(watcher: Watcher) -> None:
    async def held(*lines: tuple[str, int]) -> str:
        hold: str = (await watcher.did(hold_of(*lines))).hold.hold_id
        return hold

    longer = await held(("A", 2), ("B", 2))
    await watcher.did(commands.ExtendHold(longer, timedelta(hours=5), 0))
    await watcher.did(commands.ReleaseHold(longer, "gone", 0))
    await watcher.did(convert(await held(("A", 3))))
    kept = await held(("A", 3), ("B", 3))
    await watcher.did(convert(kept, (1, 1)))
    await watcher.did(commands.ExtendHold(kept, timedelta(hours=5), 0))
    await watcher.did(convert(kept, (2, 1), (1, 1), rest=Remainder.KEEP))
    await watcher.did(convert(kept, (2, 1), rest=Remainder.RELEASE))
    rest = await held(("B", 4))
    await watcher.did(convert(rest, (1, 1)))
    await watcher.did(commands.ReleaseHold(rest, "enough", 0))
    await watcher.did(convert(await held(("B", 4)), (1, 2), rest=Remainder.RELEASE))


async def test_every_change_shows_what_the_reads_show_after_the_call(database: Database) -> None:
    async with watching(database) as watcher:
        for story in (catalogue, stock, orders, holds):
            await story(watcher)
        watcher.check()

        # Who comes later is told the very same.
        late = Watcher(database, watcher.server, watcher.reading)
        while late.listen(3):
            pass
        assert late.told == watcher.told
        late.check()


async def test_resuming_behind_any_change_gives_exactly_the_rest(database: Database) -> None:
    async with watching(database) as watcher:
        for story in (catalogue, stock, holds):
            await story(watcher)
        await watcher.did(policy("A", low_stock_threshold=100))
        for number, (_, rest) in enumerate(from_anywhere(watcher), start=1):
            assert rest == watcher.told[number:]
        assert watcher.cursor == Cursor(value(database, "SELECT position FROM stream_head"), LAST)
        assert len({change.event_id for change in watcher.told}) == len(watcher.told)


async def test_a_change_names_the_call_the_order_the_hold_and_the_movement(
    database: Database,
) -> None:
    request_id = "0192f0c1-2d3e-7abc-8def-0123456789ab"
    async with watching(database) as watcher:
        await watcher.did(create_product("A", ("default", 9)))
        hold = (await watcher.did(hold_of(("A", 3)))).hold.hold_id
        answer = await done(watcher.server, convert(hold), request_id)
        order, told = answer.order.order_id, watcher.listen()

    assert kinds(told) == [ChangeKind.STOCK_LEVEL, ChangeKind.ORDER, ChangeKind.HOLD]
    assert {
        (change.cause.order_id, change.cause.hold_id, change.cause.request_id, change.cause.actor)
        for change in told
    } == {(order, hold, request_id, "anonymous")}
    level = told[0]
    assert level.movement is not None
    assert (level.movement.kind, level.movement.movement_id) == (
        MovementKind.ALLOCATED,
        level.event_id,
    )
    assert [change.movement for change in told[1:]] == [None, None]


async def test_a_hold_that_ends_by_time_is_told_when_its_end_is_written(
    database: Database,
) -> None:
    """Its units at once, by whoever needs them; itself by the sweeper."""
    soon = timedelta(microseconds=1)
    async with watching(database) as watcher:
        await watcher.did(create_product("A", ("default", 5)))
        await watcher.did(create_product("B", ("default", 5)))
        both = (await done(watcher.server, hold_of(("A", 3), ("B", 2), ttl=soon))).hold.hold_id
        alone = (await done(watcher.server, hold_of(("B", 1), ttl=soon))).hold.hold_id
        watcher.listen()
        await done(watcher.server, place(("A", 5)))
        passing = watcher.listen()
        await expire_holds(watcher.server, (both, alone), None)
        swept = watcher.listen()
        watcher.check()

    assert kinds(passing) == [ChangeKind.STOCK_LEVEL] * 2 + [ChangeKind.ORDER]
    assert (passing[0].cause.hold_id, passing[0].cause.actor) == (both, "system:expiry")
    ended = [change.resource for change in swept if change.kind is ChangeKind.HOLD]
    assert [hold.status for hold in ended] == [HoldStatus.EXPIRED] * 2  # type: ignore[union-attr]


async def test_several_commands_of_one_commit_are_told_in_the_order_of_decision(
    database: Database,
) -> None:
    async with watching(database) as watcher:
        await watcher.did(create_product("A", ("default", 9)))
        await asyncio.gather(*(done(watcher.server, place(("A", 1))) for _ in range(5)))
        told = watcher.listen()
        watcher.check()
    assert kinds(told) == [ChangeKind.STOCK_LEVEL, ChangeKind.ORDER] * 5
    assert len({change.cursor.position for change in told}) < 5


async def test_a_repair_is_told_like_everything_else(database: Database) -> None:
    async with watching(database) as watcher:
        await watcher.did(create_product("A", ("default", 10)))
        await watcher.did(policy("A", low_stock_threshold=5, safety_stock=1))
        run(database, "UPDATE stock_levels SET allocated = 5")
        repair_all(database, apply=True)
        (change,) = watcher.listen()
        watcher.check()
    assert isinstance(change.resource, StockLevel)
    assert (change.resource.allocated, change.resource.safety_stock) == (0, 1)


async def test_movements_of_the_release_before_show_the_policy_of_today(
    database: Database,
) -> None:
    async with watching(database) as watcher:
        await watcher.did(create_product("A", ("default", 10)))
        await watcher.did(policy("A", low_stock_threshold=5, safety_stock=1))
        await done(watcher.server, place(("A", 1)))
        run(
            database,
            "UPDATE stock_movements SET safety_stock_after = NULL, backorder_limit_after = NULL,"
            " low_stock_threshold_after = NULL",
        )
        level = watcher.listen()[0].resource
    assert isinstance(level, StockLevel)
    assert (level.safety_stock, level.low_stock_threshold) == (1, 5)


async def test_a_refusal_and_a_dry_run_are_no_changes(database: Database) -> None:
    async with watching(database) as watcher:
        await watcher.did(create_product("A", ("default", 1)))
        refused = await watcher.server.execute(request(place(("A", 2))), None)
        assert reason_of(refused) == "INSUFFICIENT_STOCK"
        await watcher.server.execute(request(place(("A", 1)), validate_only=True), None)
        assert watcher.listen() == []


async def test_products_come_without_stock_and_with_everything_else(database: Database) -> None:
    async with watching(database) as watcher:
        await catalogue(watcher)
        made = next(change.resource for change in watcher.told if change.kind is ChangeKind.PRODUCT)
    assert isinstance(made, Product)
    assert (made.sku, made.labels, made.price) == (
        "A", {"x": 'y"\\'}, Money("EUR", Decimal("9.9900")),
    )  # fmt: skip
