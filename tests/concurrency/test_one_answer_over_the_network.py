"""One request id sent a hundred times at once, over real servers, and again after kill -9."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import grpc
import pytest
from google.rpc import status_pb2  # type: ignore[import-untyped]

from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from tests.concurrency.harness import audit, levels, query
from tests.conftest import Database
from tests.server.harness import Server, running, trailers

KEY = "0190c3a4-5b6c-7d8e-9f00-112233445566"
CALLERS = 100

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """All of them, released together."""
    barrier = Barrier(len(calls))

    def call(one: Callable[[], T]) -> T:
        barrier.wait(30)
        return one()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


def create_product(server: Server, sku: str, units: int) -> None:
    message = products_pb2.CreateProductRequest()
    message.product.sku = message.product.name = sku
    message.initial_stock.add(location_id="default", quantity=units)
    server.products.CreateProduct(message, timeout=10)


def order_request(sku: str, units: int = 7, request_id: str = KEY) -> orders_pb2.CreateOrderRequest:
    message = orders_pb2.CreateOrderRequest(request_id=request_id)
    message.lines.add(quantity=units).product.sku = sku
    return message


Reply = tuple[bytes, bool]
"""The response's bytes, and whether it was a replay."""


def raw(stub: OrderServiceStub, message: orders_pb2.CreateOrderRequest) -> Reply:
    """Place the order; a refusal is the bytes of its status."""
    try:
        response, call = stub.CreateOrder.with_call(message, timeout=30)
    except grpc.RpcError as error:
        found = trailers(error)
        status = found["grpc-status-details-bin"]
        assert isinstance(status, bytes)
        return status, found.get("idempotent-replay") == "true"
    metadata = {entry[0]: entry[1] for entry in call.trailing_metadata() or ()}
    return response.SerializeToString(), metadata.get("idempotent-replay") == "true"


def only_order(database: Database) -> str:
    [(order_id,)] = query(database, "SELECT order_id::text FROM orders")
    return str(order_id)


def test_one_order_and_one_answer_on_two_servers_and_after_kill_9(
    database: Database, two_servers: tuple[Server, Server], tmp_path: Path
) -> None:
    create_product(two_servers[0], "A", 100)
    stubs = [server.orders for server in two_servers]
    message = order_request("A")
    replies = at_once([partial(raw, stub, message) for _ in range(50) for stub in stubs])
    assert len({body for body, _ in replies}) == 1
    assert sorted(replayed for _, replayed in replies) == [False] + [True] * (CALLERS - 1)

    for server in two_servers:
        server.kill()
    with running(tmp_path / "log-3", "--no-migrate", database_url=database.url) as revived:
        again = at_once([lambda: raw(revived.orders, message)] * CALLERS)
    assert set(again) == {(replies[0][0], True)}
    assert only_order(database) == (
        orders_pb2.CreateOrderResponse.FromString(replies[0][0]).order.order_id
    )
    assert levels(database)["A", "default"] == (100, 7, 0, 2)
    audit(database)


def test_a_refusal_is_one_answer_too(
    database: Database, two_servers: tuple[Server, Server], tmp_path: Path
) -> None:
    create_product(two_servers[0], "A", 1)
    stubs = [server.orders for server in two_servers]
    message = order_request("A", 2)
    replies = at_once([partial(raw, stub, message) for _ in range(50) for stub in stubs])
    assert len({body for body, _ in replies}) == 1
    assert sorted(replayed for _, replayed in replies) == [False] + [True] * (CALLERS - 1)
    restock = stock_pb2.AdjustStockRequest(delta=10, reason=stock_pb2.ADJUSTMENT_REASON_RECEIVED)
    restock.product.sku = "A"
    two_servers[0].stock.AdjustStock(restock, timeout=10)
    two_servers[0].kill()
    assert raw(two_servers[1].orders, message) == (replies[0][0], True)
    assert "INSUFFICIENT_STOCK" in str(status_pb2.Status.FromString(replies[0][0]))
    assert query(database, "SELECT 1 FROM orders") == []


@pytest.mark.parametrize(
    "mode",
    [
        common_pb2.BATCH_MODE_UNSPECIFIED,
        common_pb2.BATCH_MODE_ATOMIC,
        common_pb2.BATCH_MODE_INDEPENDENT,
    ],
)
def test_a_batch_of_one_request_a_hundred_times_places_one_order(
    database: Database, server: Server, mode: common_pb2.BatchMode.ValueType
) -> None:
    create_product(server, "A", 100)
    batch = orders_pb2.BatchCreateOrdersRequest(requests=[order_request("A")] * CALLERS, mode=mode)
    results = server.orders.BatchCreateOrders(batch, timeout=30).results
    assert [each.replayed for each in results] == [False] + [True] * (CALLERS - 1)
    assert len({each.response.SerializeToString() for each in results}) == 1
    # The row's request sent alone later replays the row's answer.
    alone, replayed = raw(server.orders, order_request("A"))
    assert (alone, replayed) == (results[0].response.SerializeToString(), True)
    assert levels(database)["A", "default"] == (100, 7, 0, 2)
    audit(database)


def test_batches_on_two_servers_and_singular_calls_share_one_order(
    database: Database, two_servers: tuple[Server, Server]
) -> None:
    create_product(two_servers[0], "A", 100)
    message = order_request("A")
    batch = orders_pb2.BatchCreateOrdersRequest(requests=[message] * 10)

    def in_batch(server: Server) -> set[bytes]:
        results = server.orders.BatchCreateOrders(batch, timeout=30).results
        return {each.response.SerializeToString() for each in results}

    def alone(server: Server) -> set[bytes]:
        return {raw(server.orders, message)[0]}

    calls = [
        partial(way, server)
        for _ in range(10)
        for server in two_servers
        for way in (in_batch, alone)
    ]
    bodies = set[bytes]().union(*at_once(calls))
    assert len(bodies) == 1
    assert levels(database)["A", "default"] == (100, 7, 0, 2)
    audit(database)


def test_servers_killed_in_the_middle_leave_each_order_once(
    database: Database, two_servers: tuple[Server, Server], tmp_path: Path
) -> None:
    """Callers of a killed server do not know; the same request ids elsewhere make it so."""
    victim, survivor = two_servers
    create_product(survivor, "A", 10_000)
    ids = [f"0190c3a4-5b6c-7d8e-9f00-{number:012}" for number in range(400)]
    pending = [
        victim.orders.CreateOrder.future(order_request("A", 1, each), timeout=30) for each in ids
    ]
    next(iter(pending)).result()
    victim.kill()
    known = {
        each: future.result().SerializeToString()
        for each, future in zip(ids, pending, strict=True)
        if future.exception() is None
    }
    replies = {each: raw(survivor.orders, order_request("A", 1, each)) for each in ids}
    print(f"{len(known)} of {len(ids)} callers had heard before the kill")
    assert all(replies[each] == (body, True) for each, body in known.items())
    assert query(database, "SELECT count(*) FROM orders") == [(len(ids),)]
    assert levels(database)["A", "default"][:2] == (10_000, len(ids))
    audit(database)
