"""The limit on calls in flight: typed refusals, health exempt."""

import asyncio
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain.errors import Draining, Overloaded
from inventory_grpc.server.admission import Admission
from inventory_grpc.v1 import orders_pb2
from tests.conftest import Database
from tests.server.harness import (
    Status,
    blocked_statements,
    code_of,
    detail,
    locked,
    reason_of,
    running,
    trailers,
)

_UNKNOWN = orders_pb2.GetOrderRequest(order_id="01900000-0000-7000-8000-000000000000")


def test_a_full_server_refuses_with_a_reason_and_a_time_to_come_back(
    database: Database, tmp_path: Path
) -> None:
    flags = ("--no-migrate", "--in-flight-max", "1", "--statement-timeout-ms", "60000")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        with locked(database, "orders"):
            in_flight = server.orders.GetOrder.future(_UNKNOWN, timeout=30)
            blocked_statements(database, 1)
            with pytest.raises(grpc.RpcError) as refused:
                server.orders.GetOrder(_UNKNOWN, timeout=5)
            assert server.health() == Status.SERVING
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert reason_of(refused.value) == "OVERLOADED"
        retry = detail(refused.value, error_details_pb2.RetryInfo())
        pushback = int(trailers(refused.value)["grpc-retry-pushback-ms"])
        assert pushback == retry.retry_delay.ToMilliseconds() > 0
        assert code_of(in_flight) == grpc.StatusCode.NOT_FOUND
        # The place is free again.
        with pytest.raises(grpc.RpcError) as answered:
            server.orders.GetOrder(_UNKNOWN, timeout=5)
        assert answered.value.code() == grpc.StatusCode.NOT_FOUND


async def test_every_call_that_left_makes_room_for_one() -> None:
    admission = Admission(2)
    admission.enter()
    admission.enter()
    with pytest.raises(Overloaded):
        admission.enter()
    admission.leave()
    admission.enter()
    assert admission.in_flight == 2


async def test_draining_waits_for_those_inside_and_lets_nobody_in() -> None:
    admission = Admission(10)
    admission.enter()
    admission.drain()
    with pytest.raises(Draining):
        admission.enter()
    assert not await admission.wait_idle(0)
    waiting = asyncio.create_task(admission.wait_idle(10))
    admission.leave()
    assert await waiting
