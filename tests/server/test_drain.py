"""Stopping: first the health says so, then new calls are refused, what is in flight finishes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2
from tests.conftest import Database
from tests.server.harness import (
    Server,
    Status,
    blocked_statements,
    code_of,
    locked,
    poll_until,
    reason_of,
    running,
)

_UNKNOWN = orders_pb2.GetOrderRequest(order_id="01900000-0000-7000-8000-000000000000")
_MUG = products_pb2.CreateProductRequest(
    product=products_pb2.Product(sku="MUG", name="Mug"),
    initial_stock=[products_pb2.InitialStock(quantity=10)],
)
_ORDER = orders_pb2.CreateOrderRequest(
    lines=[common_pb2.DemandLine(product=common_pb2.ProductKey(sku="MUG"), quantity=1)]
)
_PATIENT = ("--no-migrate", "--statement-timeout-ms", "60000")


@pytest.fixture
def patient(database: Database, tmp_path: Path) -> Iterator[Server]:
    """A server whose statements wait for a lock as long as a test needs."""
    with running(tmp_path / "log", *_PATIENT, database_url=database.url) as server:
        yield server


def test_a_call_in_flight_finishes_and_a_new_one_is_refused(
    patient: Server, database: Database
) -> None:
    statuses = patient.watch_health()
    assert next(statuses) == Status.SERVING
    with locked(database, "orders"):
        in_flight = patient.orders.GetOrder.future(_UNKNOWN, timeout=30)
        blocked_statements(database, 1)
        patient.terminate()
        assert next(statuses) == Status.NOT_SERVING
        with pytest.raises(grpc.RpcError) as refused:
            patient.orders.GetOrder(_UNKNOWN, timeout=10)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert reason_of(refused.value) == "DRAINING"
        assert patient.health("liveness") == Status.SERVING
        assert not in_flight.done()
    assert code_of(in_flight) == grpc.StatusCode.NOT_FOUND
    assert patient.wait() == 0
    assert patient.events("drain_cut_short") == []


def test_an_order_in_flight_is_placed_and_answered(database: Database, tmp_path: Path) -> None:
    flags = ("--no-migrate", "--lock-wait-ms-max", "60000")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        server.products.CreateProduct(_MUG, timeout=5)
        with _stock_level_locked(database):
            in_flight = server.orders.CreateOrder.future(_ORDER, timeout=30)
            blocked_statements(database, 1)
            server.terminate()
            # The row stays locked until the server refuses what is new.
            poll_until(lambda: _refusal(server) == "DRAINING")
            assert not in_flight.done()
        assert in_flight.result().order.status == orders_pb2.ORDER_STATUS_PENDING
        assert server.wait() == 0


def test_an_idle_server_stops_at_once(server: Server) -> None:
    # Watchers never end by themselves; they must not be waited for.
    statuses = server.watch_health()
    assert next(statuses) == Status.SERVING
    server.terminate()
    assert list(statuses) == [Status.NOT_SERVING]
    assert server.wait(5) == 0


def test_draining_is_bounded(database: Database, tmp_path: Path) -> None:
    flags = (*_PATIENT, "--drain-seconds", "1")
    with (
        running(tmp_path / "log", *flags, database_url=database.url) as server,
        locked(database, "orders"),
    ):
        in_flight = server.orders.GetOrder.future(_UNKNOWN, timeout=2)
        blocked_statements(database, 1)
        server.terminate()
        assert code_of(in_flight) in {
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        }
        assert server.wait(10) == 0
        assert server.events("drain_cut_short")


def test_a_second_signal_ends_the_process_at_once(patient: Server, database: Database) -> None:
    with locked(database, "orders"):
        in_flight = patient.orders.GetOrder.future(_UNKNOWN, timeout=30)
        blocked_statements(database, 1)
        patient.terminate()
        poll_until(lambda: bool(patient.events("draining")))
        assert not in_flight.done()
        patient.terminate()
        assert patient.wait(5) != 0


def test_calls_succeed_while_balancers_are_given_notice(database: Database, tmp_path: Path) -> None:
    flags = (*_PATIENT, "--drain-notice-ms", "1500")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        statuses = server.watch_health()
        assert next(statuses) == Status.SERVING
        server.terminate()
        assert next(statuses) == Status.NOT_SERVING
        with pytest.raises(grpc.RpcError) as answered:
            server.orders.GetOrder(_UNKNOWN, timeout=10)
        assert answered.value.code() == grpc.StatusCode.NOT_FOUND
        assert server.wait() == 0


@contextmanager
def _stock_level_locked(database: Database) -> Iterator[None]:
    conn = database.connect()
    try:
        with conn.cursor() as cursor:
            cursor.execute("SELECT FROM stock_levels FOR UPDATE")
        yield
    finally:
        conn.close()


def _refusal(server: Server) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        server.orders.GetOrder(_UNKNOWN, timeout=10)
    return reason_of(refused.value)
