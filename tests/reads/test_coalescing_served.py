"""Reads over a real port: each sees what was acknowledged before it was sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from inventory_grpc.server.app import Application
from inventory_grpc.settings import Settings
from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from inventory_grpc.v1.products_pb2_grpc import ProductServiceStub
from inventory_grpc.v1.stock_pb2_grpc import StockServiceStub
from tests.conftest import Database
from tests.reads.shop import Shop
from tests.server.harness import blocked_statements, locked, poll_until

NOBODY = "0192d0a8-ffff-7000-8000-ffffffffffff"
TOGETHER = 64
LONG = 30.0


@asynccontextmanager
async def serving(database: Database) -> AsyncIterator[tuple[Application, grpc.aio.Channel]]:
    application = await Application.start(Settings(database_url=database.url, listen="127.0.0.1:0"))
    await application.wait_ready()
    async with grpc.aio.insecure_channel(application.target) as channel:
        yield application, channel
    await application.stop()


async def test_what_was_acknowledged_before_a_read_was_sent_is_always_seen(
    database: Database,
) -> None:
    """Each writer changes a product of its own and reads it at once, among many who read it."""
    async with serving(database) as (application, channel):
        products, stock = ProductServiceStub(channel), StockServiceStub(channel)
        acknowledged: dict[str, int] = {}

        async def seen(key: common_pb2.ProductKey) -> int:
            """The smallest of what three reads sent together say is on hand."""
            answers = await asyncio.gather(
                products.GetProduct(products_pb2.GetProductRequest(product=key)),
                stock.GetStockLevel(stock_pb2.GetStockLevelRequest(product=key)),
                stock.BatchGetAvailability(stock_pb2.BatchGetAvailabilityRequest(products=[key])),
            )
            counts = (
                answers[0].product.stock.on_hand,
                answers[1].stock_level.on_hand,
                answers[2].availabilities[0].on_hand,
            )
            return min(counts)

        async def write_and_read(number: int) -> None:
            key = common_pb2.ProductKey(sku=f"MUG-{number}")
            for on_hand in range(1, 11):
                change = stock_pb2.AdjustStockRequest(
                    product=key, delta=1, reason=stock_pb2.ADJUSTMENT_REASON_FOUND
                )
                await stock.AdjustStock(change)
                acknowledged[key.sku] = on_hand
                assert await seen(key) == on_hand

        async def read_others(number: int) -> None:
            for turn in range(10):
                key = common_pb2.ProductKey(sku=f"MUG-{(number + turn) % 16}")
                before = acknowledged[key.sku]
                assert await seen(key) >= before

        for number in range(16):
            product = products_pb2.Product(sku=f"MUG-{number}", name="Mug")
            await products.CreateProduct(products_pb2.CreateProductRequest(product=product))
            acknowledged[product.sku] = 0
        await asyncio.gather(
            *(write_and_read(number) for number in range(16)),
            *(read_others(number) for number in range(32)),
        )
        assert application._parts.reads.products.gatherer.queries < 480


async def test_calls_that_gather_while_a_query_runs_share_the_next(
    database: Database, shop: Shop
) -> None:
    """One of them gives up after a moment and one is cancelled: the others notice nothing."""
    ids = [shop.order(shop.product(f"MUG-{number}")) for number in range(TOGETHER)]
    async with serving(database) as (application, channel):
        orders = OrderServiceStub(channel)
        admission = application._parts.admission
        gatherer = application._parts.reads.orders.gatherer

        def get(order_id: str, timeout: float = LONG) -> Any:
            return orders.GetOrder(orders_pb2.GetOrderRequest(order_id=order_id), timeout=timeout)

        async def in_flight(count: int) -> None:
            await asyncio.to_thread(poll_until, lambda: admission.in_flight == count)

        with locked(database, "orders"):
            first = get(ids[0])
            await asyncio.to_thread(blocked_statements, database, 1)
            calls = [get(order_id) for order_id in (*ids, NOBODY)]
            gone, hasty = get(ids[1]), get(ids[2], timeout=0.5)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await hasty
            assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await in_flight(TOGETHER + 3)
            gone.cancel()
            await in_flight(TOGETHER + 2)
        assert (await first).order.order_id == ids[0]
        for order_id, call in zip(ids, calls, strict=False):
            assert (await call).order.order_id == order_id
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await calls[-1]
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        # The first, those that gathered behind it, and those behind them when it proved to be slow.
        assert gatherer.queries <= 4
