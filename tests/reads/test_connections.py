"""The reads' connections: limited in time, found dead before they are used, leaving nothing."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import psycopg2
import pytest
from sqlalchemy import text

from inventory_grpc.domain.errors import DatabaseUnavailable, Overloaded
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.reads import HoldQuery, OrderQuery, PageRequest
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.services.reads import Reads
from inventory_grpc.settings import Settings
from inventory_grpc.store.engine import Pooler, ReadDatabase
from tests.conftest import Database, Postgres
from tests.reads.shop import Held, Shop

Opened = Callable[..., ReadDatabase]


@pytest.fixture
def opened(database: Database) -> Iterator[Opened]:
    databases: list[ReadDatabase] = []

    def open_(url: str | None = None, pool_size: int = 1, pooler: Pooler = "none") -> ReadDatabase:
        databases.append(
            ReadDatabase(
                url or database.url,
                pool_size=pool_size,
                statement_timeout_ms=20_000,
                pooler=pooler,
            )
        )
        return databases[-1]

    yield open_
    for each in databases:
        each.close()


def cut_off(database: Database) -> None:
    others = (
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with closing(psycopg2.connect(database.superuser_url.replace("+psycopg2", ""))) as conn:
        conn.cursor().execute(others)


@pytest.mark.parametrize("pooler", ["none", "transaction"])
def test_connections_that_the_server_closed_are_replaced_unnoticed(
    database: Database, shop: Shop, opened: Opened, pooler: Pooler, threads: ThreadPoolExecutor
) -> None:
    product_id = shop.product("MUG")
    reads = Reads(opened(pool_size=4, pooler=pooler), threads)
    barrier = Barrier(4)

    def get(_number: int) -> str:
        with reads._database.begin(None):
            barrier.wait(10)
        (found,), _ = reads.products.batch_get([ProductKey(product_id)], None)
        return found.sku

    with ThreadPoolExecutor(4) as callers:
        assert list(callers.map(get, range(4))) == ["MUG"] * 4
        cut_off(database)
        assert list(callers.map(get, range(4))) == ["MUG"] * 4


def test_a_connection_lost_in_the_middle_is_unavailable_and_the_next_call_works(
    database: Database, opened: Opened, threads: ThreadPoolExecutor
) -> None:
    reads = Reads(opened(), threads)

    def lose(*, prepared: bool) -> None:
        with reads._database.begin(None) as conn:
            cut_off(database)
            if prepared:
                conn.connection.cursor().execute("SELECT 1")
            else:
                conn.execute(text("SELECT 1"))

    for prepared in (False, True):
        with pytest.raises(DatabaseUnavailable):
            lose(prepared=prepared)
    assert reads.locations.get("default", None).version == 1


def test_a_database_that_is_away_is_unavailable(
    postgres: Postgres, opened: Opened, threads: ThreadPoolExecutor
) -> None:
    gone = postgres.service.set(database="not_there").render_as_string(hide_password=False)
    reads = Reads(opened(gone), threads)
    with pytest.raises(DatabaseUnavailable):
        reads.locations.get("default", None)


@pytest.mark.parametrize("pooler", ["none", "transaction"])
def test_no_statement_outlives_its_call(opened: Opened, pooler: Pooler) -> None:
    reading = opened(pooler=pooler)
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable), reading.begin(0.2) as conn:
        conn.execute(text("SELECT pg_sleep(15)"))
    assert time.monotonic() - began < 10
    with reading.begin(1e18) as conn:
        assert conn.execute(text("SHOW statement_timeout")).scalar() == "20s"
    with reading.begin(0) as conn:
        assert conn.execute(text("SHOW statement_timeout")).scalar() == "1ms"


def test_when_all_connections_are_busy_the_call_is_refused(opened: Opened) -> None:
    reading = opened()
    with reading.begin(None), pytest.raises(Overloaded), reading.begin(None):
        pass


def test_behind_a_pooler_nothing_stays_in_the_session(
    shop: Shop, opened: Opened, threads: ThreadPoolExecutor
) -> None:
    product_id = shop.product("MUG")
    order_id = shop.order(product_id)
    reads = Reads(opened(pooler="transaction"), threads)
    key = ProductKey(product_id)
    asyncio.run(reads.products.get(key, 5, str))
    asyncio.run(reads.orders.get(order_id, 5, str))
    asyncio.run(reads.stock.get_level(key, "default", 5, str))
    asyncio.run(reads.stock.availability([key], ["default"], 5, str))
    reads.orders.page(OrderQuery(), PageRequest(5), 5)
    reads.holds.get(shop.hold(Held(product_id)), 5)
    reads.holds.page(HoldQuery((HoldStatus.EXPIRED,)), PageRequest(5), 5)
    with reads._database.begin(None) as conn:
        prepared = conn.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar()
        changed = conn.execute(
            text(
                "SELECT array_agg(name::text) FROM pg_settings"
                " WHERE source = 'session' AND name <> 'statement_timeout'"
            )
        ).scalar()
    assert prepared == 0
    assert not changed
    with closing(reads._database._engine.raw_connection()) as conn:
        cursor = conn.cursor()
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_hot_read_is_one_statement_and_planned_once(
    shop: Shop, opened: Opened, threads: ThreadPoolExecutor
) -> None:
    mugs = [shop.product(f"MUG-{number}") for number in range(5)]
    reads = Reads(opened(), threads)
    for product_id in mugs:
        shop.level(product_id, on_hand=5, held=5)
        asyncio.run(reads.orders.get(shop.order(product_id), 5, str))
        reads.holds.get(shop.hold(Held(product_id)), 5)
        key = ProductKey(product_id)
        asyncio.run(reads.products.get(key, 5, str))
        asyncio.run(reads.stock.get_level(key, "default", 5, str))
        asyncio.run(reads.stock.availability([key], ["default"], 5, str))
    with reads._database.begin(None) as conn:
        plans = conn.execute(
            text("SELECT name, generic_plans, custom_plans FROM pg_prepared_statements")
        ).all()
    assert {tuple(plan) for plan in plans} == {
        (name, 5, 0)
        for name in (
            "orders_by_id",
            "holds_by_id",
            "products_by_key",
            "levels_by_key",
            "known_locations",
            "availability",
        )
    }


def test_reads_start_while_the_database_is_away(threads: ThreadPoolExecutor) -> None:
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    reads = Reads.start(Settings(database_url=away), threads)
    with pytest.raises(DatabaseUnavailable):
        reads.locations.get("default", 2)
    reads.close()
