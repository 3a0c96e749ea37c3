"""A hundred conversions of one hold over two servers, and an order for what a due hold has."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from inventory_grpc.engine.request import Answer
from inventory_grpc.v1 import common_pb2, holds_pb2, orders_pb2, products_pb2
from tests.concurrency.harness import audit, error_info, query, reason_of, trouble, value
from tests.conftest import Database
from tests.server.harness import Server, poll_until, running

CALLERS: Final = 100
KEY: Final = "0190c3a4-5b6c-7d8e-9f00-112233445566"


@pytest.fixture
async def channels(two_servers: tuple[Server, Server]) -> AsyncIterator[list[grpc.aio.Channel]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(grpc.aio.insecure_channel(each.target))
            for each in two_servers
        ]


async def test_a_hundred_conversions_make_one_order_and_99_refusals_that_name_it(
    two_servers: tuple[Server, Server], channels: list[grpc.aio.Channel], database: Database
) -> None:
    hold_id = _held_by(two_servers[0])
    message = holds_pb2.ConvertHoldRequest(hold_id=hold_id)
    answers = await _at_once(channels, message)
    assert sorted(map(reason_of, answers)) == ["HOLD_CONVERTED"] * (CALLERS - 1) + ["OK"]
    [order] = [_order(answer) for answer in answers if not answer.code]
    named = [dict(error_info(answer).metadata) for answer in answers if answer.code]
    assert named == [{"hold_id": hold_id, "order_id": order.order_id}] * (CALLERS - 1)
    assert query(database, "SELECT order_id::text, hold_id::text FROM orders") == [
        (order.order_id, hold_id)
    ]
    _check_stopped(two_servers, database)


async def test_a_conversion_sent_a_hundred_times_is_done_once_and_replayed_99_times(
    two_servers: tuple[Server, Server], channels: list[grpc.aio.Channel], database: Database
) -> None:
    message = holds_pb2.ConvertHoldRequest(hold_id=_held_by(two_servers[0]), request_id=KEY)
    answers = await _at_once(channels, message)
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * (CALLERS - 1)
    assert len({(answer.code, answer.body) for answer in answers}) == 1
    assert query(database, "SELECT order_id::text FROM orders") == [(_order(answers[0]).order_id,)]
    _check_stopped(two_servers, database)


def _held_by(server: Server) -> str:
    """Seven units of a new product with ten, for an hour."""
    _stock(server)
    return _hold(server, 7, 3600)


async def _at_once(
    channels: Sequence[grpc.aio.Channel], message: holds_pb2.ConvertHoldRequest
) -> list[Answer]:
    """From a hundred callers, half of them at either server."""
    for channel in channels:
        await channel.channel_ready()
    calls = (_convert(channels[number % 2], message) for number in range(CALLERS))
    return await asyncio.gather(*calls)


async def _convert(channel: grpc.aio.Channel, message: holds_pb2.ConvertHoldRequest) -> Answer:
    """What came back: a response, or the status of a refusal."""
    call = channel.unary_unary(
        "/inventory.v1.HoldService/ConvertHold",
        request_serializer=holds_pb2.ConvertHoldRequest.SerializeToString,
        response_deserializer=bytes,
    )(message, timeout=30)
    code = await call.code()
    trailers = {entry[0]: entry[1] for entry in await call.trailing_metadata() or ()}
    replayed = trailers.get("idempotent-replay") == "true"
    if code is grpc.StatusCode.OK:
        return Answer(0, await call, replayed)
    assert code is grpc.StatusCode.FAILED_PRECONDITION, await call.details()
    status = trailers["grpc-status-details-bin"]
    assert isinstance(status, bytes)
    return Answer(code.value[0], status, replayed)


def _order(answer: Answer) -> orders_pb2.Order:
    return holds_pb2.ConvertHoldResponse.FromString(answer.body).order


def _check_stopped(servers: Sequence[Server], database: Database) -> None:
    """The books are right, and PostgreSQL had no deadlock to solve."""
    for server in servers:
        server.terminate()
    assert [server.wait() for server in servers] == [0] * len(servers)
    assert query(database, "SELECT on_hand, allocated, held FROM stock_levels") == [(10, 7, 0)]
    audit(database)
    assert trouble(database)[0] == 0


_IS_DUE: Final = "SELECT expire_time <= now() FROM holds WHERE hold_id = %s"


def test_without_a_sweeper_an_order_takes_the_units_of_a_due_hold_at_once(
    database: Database, tmp_path: Path
) -> None:
    flags = ("--no-migrate", "--hold-sweep-seconds", "0")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        _stock(server)
        hold_id = _hold(server, 10, 3)
        order = orders_pb2.CreateOrderRequest(lines=[_demand(10)])
        with pytest.raises(grpc.RpcError) as refused:
            server.orders.CreateOrder(order, timeout=10)
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        poll_until(lambda: bool(value(database, _IS_DUE, hold_id)))
        server.orders.CreateOrder(order, timeout=10)
        movements = query(
            database,
            "SELECT kind, held_delta, allocated_delta, commit_id = (SELECT commit_id FROM orders) "
            "FROM stock_movements ORDER BY stock_version",
        )
        # RECEIVED, HELD, HOLD_EXPIRED, ALLOCATED, the last two in one transaction.
        assert movements == [
            (1, 0, 0, False),
            (5, 10, 0, False),
            (7, -10, 0, True),
            (8, 0, 10, True),
        ]
    audit(database)


def _stock(server: Server) -> None:
    """Ten units of A."""
    message = products_pb2.CreateProductRequest(
        product=products_pb2.Product(sku="A", name="A"),
        initial_stock=[products_pb2.InitialStock(quantity=10)],
    )
    server.products.CreateProduct(message, timeout=10)


def _demand(quantity: int) -> common_pb2.DemandLine:
    return common_pb2.DemandLine(product=common_pb2.ProductKey(sku="A"), quantity=quantity)


def _hold(server: Server, quantity: int, seconds: int) -> str:
    message = holds_pb2.CreateHoldRequest(lines=[_demand(quantity)], ttl=Duration(seconds=seconds))
    return server.holds.CreateHold(message, timeout=10).hold.hold_id
