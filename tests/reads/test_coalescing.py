"""Reads that arrive together are answered by one statement, each as if it had come alone."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from inventory_grpc.domain.errors import DomainError
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.server.threads import DaemonThreads
from inventory_grpc.services.reads import Reads
from inventory_grpc.store.engine import ReadDatabase
from tests.conftest import Database
from tests.reads.shop import Held, Shop
from tests.server.harness import blocked_statements, locked

NOBODY = "0192d0a8-ffff-7000-8000-ffffffffffff"
TOGETHER = 64
LONG = 30.0


@pytest.fixture
def reading(database: Database) -> Iterator[ReadDatabase]:
    """Used in turn, one connection serves all; on it PostgreSQL counts the statements."""
    each = ReadDatabase(database.url, pool_size=4, statement_timeout_ms=60_000)
    yield each
    each.close()


@pytest.fixture
def reads(reading: ReadDatabase) -> Iterator[Reads]:
    threads = DaemonThreads(4, "read")
    yield Reads(reading, threads)
    threads.shutdown()


def executions(reading: ReadDatabase) -> dict[str, int]:
    """How often each prepared statement ran on the connection."""
    with reading.begin(None) as conn:
        counts = text("SELECT name, generic_plans + custom_plans FROM pg_prepared_statements")
        return {name: count for name, count in conn.execute(counts)}  # noqa: C416 - rows, not pairs


async def together(calls: list[Awaitable[Any]]) -> list[Any]:
    """What each gave or raised; a refusal as its reason."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    return [each.reason if isinstance(each, DomainError) else each for each in outcomes]


async def test_64_calls_of_one_tick_cost_one_statement(
    shop: Shop, reads: Reads, reading: ReadDatabase
) -> None:
    ids = [shop.product(f"MUG-{number}") for number in range(TOGETHER)]
    orders = [shop.order(product_id) for product_id in ids]
    keys = [ProductKey(each) for each in ids]

    def sku(found: Any) -> str:
        return str(found.sku)

    skus = [f"MUG-{number}" for number in range(TOGETHER)]
    assert await together([reads.products.get(key, LONG, sku) for key in keys]) == skus
    levels = [reads.stock.get_level(key, "default", LONG, sku) for key in keys]
    assert await together([*levels]) == skus
    ordered = [reads.orders.get(each, LONG, lambda order: order.lines[0].sku) for each in orders]
    assert await together([*ordered]) == skus
    available = [reads.stock.availability([key], [], LONG, sku) for key in keys]
    assert [each.found for each in await together([*available])] == [[each] for each in skus]
    assert executions(reading) == {
        "products_by_key": 1,
        "levels_by_key": 1,
        "orders_by_id": 1,
        "availability": 1,
    }


async def test_each_is_answered_as_if_it_had_come_alone(shop: Shop, reads: Reads) -> None:
    """A deleted product is found by its id, and its SKU may be another's by now, or nobody's."""
    old, new = shop.product("MUG", deleted=True), shop.product("MUG")
    gone = shop.product("GONE", deleted=True)
    shop.location("berlin")
    shop.level(new, on_hand=9, held=5)
    shop.hold(Held(new))
    keys = [
        ProductKey(old),
        ProductKey("", "MUG"),
        ProductKey(new),
        ProductKey(gone),
        ProductKey("", "GONE"),
        ProductKey(NOBODY),
        ProductKey("", "MUG"),
        ProductKey("", "mug"),
    ]
    unknown = "PRODUCT_NOT_FOUND"
    expected = [old, new, new, gone, unknown, unknown, new, unknown]

    def product_id(found: Any) -> str:
        return str(found.product_id)

    assert await together([reads.products.get(key, LONG, product_id) for key in keys]) == expected
    for place in ("default", "berlin"):
        found = await together([reads.stock.get_level(k, place, LONG, product_id) for k in keys])
        assert found == expected
    available = await together([reads.stock.availability([k], [], LONG, product_id) for k in keys])
    for key, snapshot, one in zip(keys, available, expected, strict=True):
        assert (snapshot.found, snapshot.missing) == (
            ([], [key]) if one == unknown else ([one], [])
        )
    order = shop.order(new)
    found = await together(
        [reads.orders.get(o, LONG, lambda o: o.order_id) for o in (order, NOBODY)]
    )
    assert found == [order, "ORDER_NOT_FOUND"]


async def test_levels_at_several_places_are_not_mixed_up(shop: Shop, reads: Reads) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    shop.location("berlin")
    for number, (product_id, place) in enumerate(
        [(mug, "default"), (mug, "berlin"), (cup, "default")], start=1
    ):
        shop.level(product_id, place, on_hand=number)
    asked = [
        (ProductKey(mug), "default"),
        (ProductKey("", "MUG"), "berlin"),
        (ProductKey(cup), "default"),
        (ProductKey("", "CUP"), "berlin"),
        (ProductKey(cup), "rome"),
        (ProductKey("", "NONE"), "rome"),
    ]

    def on_hand(level: Any) -> int:
        return int(level.on_hand)

    found = await together([reads.stock.get_level(*each, LONG, on_hand) for each in asked])
    assert found == [1, 2, 3, 0, "LOCATION_NOT_FOUND", "PRODUCT_NOT_FOUND"]
    places: list[list[str]] = [[], ["berlin"], ["default", "berlin"], ["rome", "berlin"], []]
    found = await together(
        [
            reads.stock.availability(
                [ProductKey(mug)], each, LONG, lambda a: [level.on_hand for level in a.levels]
            )
            for each in places
        ]
    )
    assert [each if isinstance(each, str) else each.found for each in found] == [
        [[2, 1]], [[2]], [[2, 1]], "LOCATION_NOT_FOUND", [[2, 1]],
    ]  # fmt: skip


async def test_due_units_are_left_out_for_everybody(shop: Shop, reads: Reads) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    for product_id, minutes in ((mug, -1), (cup, 1)):
        shop.level(product_id, on_hand=9, held=5)
        hold = shop.hold(Held(product_id))
        shop.run(
            "UPDATE hold_lines SET expire_time = now() + %s * interval '1 min' WHERE hold_id = %s",
            [minutes, hold],
        )
    keys = [ProductKey(mug), ProductKey("", "CUP"), ProductKey("", "MUG")]
    levels = [reads.stock.get_level(key, "default", LONG, lambda each: each.held) for key in keys]
    assert await together([*levels]) == [0, 5, 0]
    products = [reads.products.get(key, LONG, lambda each: each.stock.held) for key in keys]
    assert await together([*products]) == [0, 5, 0]


async def test_one_that_gives_up_harms_nobody_in_the_same_query(
    database: Database, shop: Shop, reads: Reads
) -> None:
    orders = [shop.order(shop.product(f"MUG-{number}")) for number in range(3)]
    with locked(database, "orders"):
        calls = [
            asyncio.create_task(reads.orders.get(order_id, seconds, lambda order: order.order_id))
            for order_id, seconds in zip(orders, (LONG, 0.05, LONG), strict=True)
        ]
        await asyncio.to_thread(blocked_statements, database, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(calls[1], 0.05)
        calls[2].cancel()
    assert await calls[0] == orders[0]
    assert reads.orders.gatherer.queries == 1


def cut_off(database: Database, *, for_good: bool) -> None:
    """Ends the reads' connections; ``for_good`` = none can be made until this is called without."""
    server, name = database.server, database.name
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {not for_good}")
    server.run(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
        f" WHERE datname = '{name}' AND application_name = 'inventory_grpc reads'"
    )


async def test_when_the_connection_is_lost_each_caller_is_told_and_the_next_calls_work(
    database: Database, shop: Shop, reads: Reads
) -> None:
    order_id = shop.order(shop.product("MUG"))

    def call() -> "asyncio.Task[str]":
        return asyncio.create_task(reads.orders.get(order_id, LONG, lambda order: order.order_id))

    with locked(database, "orders"):
        running = [call() for _ in range(8)]
        await asyncio.to_thread(blocked_statements, database, 1)
        gathered = [call() for _ in range(8)]
        await asyncio.sleep(0)
        await asyncio.to_thread(cut_off, database, for_good=True)
        outcomes = await together([*running, *gathered])
    assert outcomes == ["DATABASE_UNAVAILABLE"] * 16
    await asyncio.to_thread(cut_off, database, for_good=False)
    assert await together([call() for _ in range(8)]) == [order_id] * 8
