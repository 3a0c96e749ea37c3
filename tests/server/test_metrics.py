"""What Prometheus reads: every number is there from the beginning, and counts what it says."""

import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path
from uuid import uuid4

import grpc
import psutil
import pytest

from inventory_grpc.server.metrics_port import CONNECTIONS_MAX
from inventory_grpc.v1 import (
    changes_pb2,
    common_pb2,
    errors_pb2,
    holds_pb2,
    locations_pb2,
    orders_pb2,
    products_pb2,
    stock_pb2,
)
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from tests.conftest import Database, Postgres, _made
from tests.server.harness import Server, command, environment, poll_until, running
from tests.server.scraping import Page, look, metrics_address, page
from tests.server.test_access_log import MUG, POISON, order, refused
from tests.server.watching import Watch

CREATE_ORDER = {"grpc_service": "inventory.v1.OrderService", "grpc_method": "CreateOrder"}
METRICS = ("--no-migrate", "--metrics-listen", "127.0.0.1:0")


@pytest.fixture(scope="module")
def shared(postgres: Postgres, template: str) -> Iterator[Database]:
    with _made(postgres, f"TEMPLATE {template}") as database:
        yield database


@pytest.fixture(scope="module")
def measured(shared: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with three mugs, for tests that look at differences."""
    log = tmp_path_factory.mktemp("metrics") / "log"
    with running(log, *METRICS, database_url=shared.url) as server:
        server.products.CreateProduct(MUG, timeout=10)
        yield server


class Difference:
    """Between two looks."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = look(server)

    def of(self, name: str, **labels: str) -> float:
        return look(self._server).value(name, **labels) - self._before.value(name, **labels)


def methods() -> dict[tuple[str, str], str]:
    files = (changes_pb2, holds_pb2, locations_pb2, orders_pb2, products_pb2, stock_pb2)
    return {
        (service.full_name, method.name): "server_stream" if method.server_streaming else "unary"
        for each in files
        for service in each.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


def test_every_method_has_its_numbers_before_it_is_called(measured: Server) -> None:
    now = look(measured)
    codes = {code.name for code in grpc.StatusCode}
    kinds = methods()
    assert len(now["grpc_server_started_total"]) == len(kinds)
    assert len(now["grpc_server_handled_total"]) == len(kinds) * len(codes)
    assert len(now["grpc_server_handling_seconds_count"]) == len(kinds)
    for (service, method), kind in kinds.items():
        labels = {"grpc_service": service, "grpc_method": method, "grpc_type": kind}
        now.value("grpc_server_started_total", **labels)
        for code in codes:
            now.value("grpc_server_handled_total", **labels, grpc_code=code)


def test_every_reason_has_its_number_before_it_is_met(measured: Server) -> None:
    reasons = {name.removeprefix("ERROR_REASON_") for name in errors()}
    counted = {dict(labels)["reason"] for labels in look(measured)["inventory_refusals_total"]}
    assert counted == reasons


def errors() -> list[str]:
    return [name for name, number in errors_pb2.ErrorReason.items() if number]


def test_a_call_is_counted_by_how_it_ended(measured: Server) -> None:
    change = Difference(measured)
    request_id = str(uuid4())
    for _ in range(2):
        measured.orders.CreateOrder(order(request_id=request_id), timeout=10)
    refused(measured.orders.CreateOrder.future(order(9), timeout=10))
    assert change.of("grpc_server_started_total", **CREATE_ORDER) == 3
    assert change.of("grpc_server_handled_total", **CREATE_ORDER, grpc_code="OK") == 2
    assert (
        change.of("grpc_server_handled_total", **CREATE_ORDER, grpc_code="FAILED_PRECONDITION") == 1
    )
    assert change.of("grpc_server_handling_seconds_count", **CREATE_ORDER) == 3
    assert change.of("grpc_server_handling_seconds_bucket", **CREATE_ORDER, le="+Inf") == 3
    assert 0 < change.of("grpc_server_handling_seconds_sum", **CREATE_ORDER) < 10
    assert change.of("inventory_replays_total") == 1
    assert change.of("inventory_refusals_total", reason="INSUFFICIENT_STOCK") == 1


def test_refused_rows_are_counted_one_by_one_and_a_refused_batch_once(measured: Server) -> None:
    change = Difference(measured)
    rows = [order(9), order(9), order(9)]
    for mode in (common_pb2.BATCH_MODE_INDEPENDENT, common_pb2.BATCH_MODE_ATOMIC):
        batch = orders_pb2.BatchCreateOrdersRequest(requests=rows, mode=mode)
        with suppress(grpc.RpcError):
            measured.orders.BatchCreateOrders(batch, timeout=10)
    assert change.of("inventory_refusals_total", reason="INSUFFICIENT_STOCK") == 4


def test_batches_are_counted_with_their_size_wait_and_time(measured: Server) -> None:
    change = Difference(measured)
    batch = orders_pb2.BatchCreateOrdersRequest(requests=[order(9)] * 5)
    refused(measured.orders.BatchCreateOrders.future(batch, timeout=10))
    assert change.of("inventory_batch_commands_count", lane="main") == 1
    assert change.of("inventory_batch_commands_sum", lane="main") == 5
    assert change.of("inventory_batch_commands_bucket", lane="main", le="4.0") == 0
    assert change.of("inventory_batch_commands_bucket", lane="main", le="8.0") == 1
    assert change.of("inventory_batch_seconds_count", lane="main") == 1
    assert change.of("inventory_queue_wait_seconds_count") == 1
    assert change.of("inventory_transactions_total") == 1


def test_a_stream_is_under_way_until_it_ends(measured: Server) -> None:
    watch = Watch(measured)
    assert look(measured).value("inventory_watch_streams") == 1
    watch.call.cancel()
    poll_until(lambda: look(measured).value("inventory_watch_streams") == 0)
    stream = {"grpc_method": "WatchChanges", "grpc_type": "server_stream"}
    assert look(measured).value("grpc_server_handled_total", **stream, grpc_code="CANCELLED") == 1


def test_holds_that_end_by_themselves_are_counted_and_sweeps_are(measured: Server) -> None:
    change = Difference(measured)
    line = common_pb2.DemandLine(product=common_pb2.ProductKey(sku="MUG"), quantity=1)
    hold = holds_pb2.CreateHoldRequest(lines=[line])
    hold.ttl.FromSeconds(1)
    measured.holds.CreateHold(hold, timeout=10)
    poll_until(lambda: change.of("inventory_expired_hold_lines_total") == 1)
    assert change.of("inventory_hold_sweeps_total") >= 1
    assert look(measured).value("inventory_hold_sweeper_leads") == 1


def test_a_check_of_the_books_is_counted(measured: Server) -> None:
    change = Difference(measured)
    list(measured.stock.CheckConsistency(stock_pb2.CheckConsistencyRequest(), timeout=30))
    assert change.of("inventory_consistency_checks_total") == 1
    assert change.of("inventory_consistency_violations_total") == 0


def test_what_is_limited_is_told_with_its_limit(measured: Server) -> None:
    now = look(measured)
    limits = [name for name in now.names() if name.endswith("_max") and "inventory" in name]
    assert len(limits) == 5
    for name in limits:
        assert 0 <= now.value(name.removesuffix("_max")) < now.value(name)


def test_a_database_that_is_away_is_told(database: Database, tmp_path: Path) -> None:
    with running(tmp_path / "log", *METRICS, database_url=database.url) as server:
        assert look(server).value("inventory_database_up", database="primary") == 1
        database.server.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        database.server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608
            f"WHERE datname = '{database.name}'"
        )
        poll_until(lambda: look(server).value("inventory_database_up", database="primary") == 0)


def test_a_bug_is_counted(database: Database, tmp_path: Path) -> None:
    with running(tmp_path / "log", *METRICS, database_url=database.url) as server:
        server.products.CreateProduct(MUG, timeout=10)
        with database.connect("owner") as conn, conn.cursor() as cursor:
            cursor.execute(POISON)
        conn.close()
        refused(server.orders.CreateOrder.future(order(), timeout=10))
        rows = orders_pb2.BatchCreateOrdersRequest(
            requests=[order(), order(9)], mode=common_pb2.BATCH_MODE_INDEPENDENT
        )
        server.orders.BatchCreateOrders(rows, timeout=10)
        now = look(server)
        assert now.value("grpc_server_handled_total", **CREATE_ORDER, grpc_code="INTERNAL") == 1
        assert now.value("inventory_bugs_total") == 2
        assert now.value("inventory_refusals_total", reason="INTERNAL") == 2


# -- the port --------------------------------------------------------------------------------------


def test_there_is_no_port_unless_it_is_asked_for(server: Server) -> None:
    assert server.events("metrics_served") == []
    listening = psutil.Process(server.process.pid).net_connections("tcp")
    assert len([each for each in listening if each.status == psutil.CONN_LISTEN]) == 1


def test_a_page_names_no_caller_and_no_secret(measured: Server, shared: Database) -> None:
    text = page(metrics_address(measured))
    assert str(shared.server.service.password) not in text
    assert "anonymous" not in text


def test_who_reads_slowly_keeps_nobody_from_the_page(measured: Server) -> None:
    """Nor from its threads: there is one per connection, and few of those."""
    host, _, port = metrics_address(measured).rpartition(":")
    process = psutil.Process(measured.process.pid)
    before = process.num_threads()
    with ExitStack() as connections:
        for _ in range(5 * CONNECTIONS_MAX):
            slow = connections.enter_context(socket.create_connection((host, int(port))))
            with suppress(OSError):
                slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
        # Others come and go, but not that many.
        assert process.num_threads() <= before + 2 * CONNECTIONS_MAX
        poll_until(lambda: _answers(measured), seconds_max=15)
        assert process.num_threads() <= before + 2 * CONNECTIONS_MAX


def _answers(server: Server) -> bool:
    try:
        page(metrics_address(server))
    except (OSError, HTTPException):
        return False
    return True


def test_many_can_read_the_page_at_once(measured: Server) -> None:
    address = metrics_address(measured)
    with ThreadPoolExecutor(4) as readers:
        pages = list(readers.map(lambda _: Page(page(address)), range(12)))
    assert all(each.value("inventory_database_up", database="primary") == 1 for each in pages)


def test_a_port_that_somebody_has_is_told_of_in_one_line(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for workers in ("1", "2"):
            flags = ("--no-migrate", "--metrics-listen", address, "--workers", workers)
            ended = subprocess.run(
                command(*flags),
                env=environment(database_url=database.url),
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert ended.returncode == 1
            assert ended.stderr.splitlines()[-1].startswith(f"cannot listen on {address}")


def test_every_worker_has_a_page_of_its_own(database: Database, tmp_path: Path) -> None:
    flags = ("--no-migrate", "--workers", "2", "--metrics-listen", f"127.0.0.1:{_two_ports()}")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        addresses = {metrics_address(server, number) for number in range(2)}
        ports = sorted(int(address.rpartition(":")[2]) for address in addresses)
        assert ports[1] == ports[0] + 1
        for _ in range(6):
            with server.connect() as channel:
                listing = orders_pb2.ListOrdersRequest()
                OrderServiceStub(channel).ListOrders(listing, timeout=10)
        labels = {"grpc_method": "ListOrders"}
        pages = [look(server, number) for number in range(2)]
        counted = [each.value("grpc_server_started_total", **labels) for each in pages]
        assert sum(counted) == 6
        processes = [each.value("process_start_time_seconds") for each in pages]
        assert all(processes)


def _two_ports() -> int:
    """A free port whose next one is free, of those that the kernel gives to nobody unasked."""
    for port in range(10_000 + os.getpid() % 10_000, 32_000, 2):
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", port)),
            socket.create_server(("127.0.0.1", port + 1)),
        ):
            return port
    raise AssertionError("no two ports are free")
