"""Readiness follows the database, its schema and draining; liveness follows nothing."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import grpc
import psutil
import pytest

from inventory_grpc.embedded import EmbeddedPostgres
from inventory_grpc.store.migrate import head, upgrade
from inventory_grpc.v1 import orders_pb2, products_pb2
from tests.conftest import Database
from tests.server.harness import (
    START_SECONDS_MAX,
    Server,
    Status,
    code_of,
    read_line,
    reason_of,
    running,
    spawn,
    target_of,
)

_SERVICES = (
    *("ProductService", "LocationService", "StockService", "HoldService", "OrderService"),
    "ChangeService",
)
_UNKNOWN_ORDER = orders_pb2.GetOrderRequest(order_id="01900000-0000-7000-8000-000000000000")
_GIVEN_UP = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
_CREATE = products_pb2.CreateProductRequest(product=products_pb2.Product(sku="MUG", name="Mug"))


def test_every_service_is_ready_and_the_process_alive(server: Server) -> None:
    names = ["", *(f"inventory.v1.{name}" for name in _SERVICES)]
    assert {server.health(name) for name in names} == {Status.SERVING}
    assert server.health("liveness") == Status.SERVING


def test_an_unknown_service_is_not_found_by_a_check_and_a_status_to_a_watch(server: Server) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        server.health("inventory.v1.NoSuchService")
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    statuses = server.watch_health("inventory.v1.NoSuchService")
    assert next(statuses) == Status.SERVICE_UNKNOWN


@pytest.mark.parametrize("method", ["Check", "Watch"])
def test_bytes_that_are_no_request_are_an_invalid_argument(server: Server, method: str) -> None:
    call: grpc.UnaryStreamMultiCallable[bytes, bytes] = server.channel.unary_stream(
        f"/grpc.health.v1.Health/{method}"
    )
    with pytest.raises(grpc.RpcError) as refused:
        list(call(b"\xff\xff", timeout=5))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_readiness_goes_with_the_database_and_comes_back_with_it(
    passable_dir: Path, tmp_path: Path
) -> None:
    postgres = EmbeddedPostgres(passable_dir, {"fsync": "off"})
    with ExitStack() as stack:
        with postgres:
            urls = [postgres.url(), postgres.url(role="owner")]
            settings = dict(zip(("database_url", "migration_database_url"), urls, strict=True))
            server = stack.enter_context(running(tmp_path / "log", **settings))
            statuses = server.watch_health()
            assert next(statuses) == Status.SERVING
        assert next(statuses) == Status.NOT_SERVING
        assert server.health("liveness") == Status.SERVING
        _assert_database_unavailable(server)
        with postgres:
            assert next(statuses) == Status.SERVING
            server.products.CreateProduct(_CREATE, timeout=5)
            _assert_order_not_found(server)
        assert next(statuses) == Status.NOT_SERVING
        assert len(server.events("database_ready")) == 2, "one line per change, not per probe"


def test_a_database_that_hangs_is_away_too(passable_dir: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(passable_dir, {"fsync": "off"}) as postgres, ExitStack() as stack:
        urls = [postgres.url(), postgres.url(role="owner")]
        settings = dict(zip(("database_url", "migration_database_url"), urls, strict=True))
        server = stack.enter_context(running(tmp_path / "log", **settings))
        statuses = server.watch_health()
        assert next(statuses) == Status.SERVING
        with _stopped(postgres.pid):
            assert next(statuses) == Status.NOT_SERVING
        assert next(statuses) == Status.SERVING
        server.products.CreateProduct(_CREATE, timeout=5)


@pytest.mark.slow
def test_a_hanging_database_does_not_keep_a_server_from_ending(
    passable_dir: Path, tmp_path: Path
) -> None:
    with EmbeddedPostgres(passable_dir, {"fsync": "off"}) as postgres, ExitStack() as stack:
        urls = [postgres.url(), postgres.url(role="owner")]
        settings = dict(zip(("database_url", "migration_database_url"), urls, strict=True))
        settings["drain_seconds"] = "1"
        server = stack.enter_context(running(tmp_path / "log", **settings))
        # Both have connections now, so no connect_timeout ends the waiting.
        _assert_order_not_found(server)
        server.products.CreateProduct(_CREATE, timeout=5)
        with _stopped(postgres.pid):
            read = server.orders.GetOrder.future(_UNKNOWN_ORDER, timeout=3)
            write = server.products.CreateProduct.future(_CREATE, timeout=3)
            assert {code_of(read), code_of(write)} <= _GIVEN_UP
            server.terminate()
            server.wait(25)


def test_a_database_that_refuses_connections_makes_every_call_unavailable(
    server: Server, database: Database
) -> None:
    statuses = server.watch_health()
    assert next(statuses) == Status.SERVING
    _shut(database)
    assert next(statuses) == Status.NOT_SERVING
    _assert_database_unavailable(server)
    database.server.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    assert next(statuses) == Status.SERVING
    server.products.CreateProduct(_CREATE, timeout=5)


def test_a_schema_for_newer_servers_only_is_not_served_until_it_is_gone(
    server: Server, database: Database
) -> None:
    statuses = server.watch_health()
    assert next(statuses) == Status.SERVING
    _set_revision(database, "9999_future", "9999_future")
    assert next(statuses) == Status.NOT_SERVING
    line = server.events("database_not_ready")[-1]
    assert (line["database_revision"], line["server_revision"]) == ("9999_future", head())
    # A later schema that still bears this server is what a rolling upgrade looks like.
    _set_revision(database, "9999_future", head())
    assert next(statuses) == Status.SERVING


def test_a_server_that_may_not_migrate_waits_for_the_schema(
    empty_database: Database, tmp_path: Path
) -> None:
    settings = {"database_url": empty_database.url}
    server = spawn(tmp_path / "log", ["--no-migrate"], settings)
    try:
        assert read_line(server.process, 3) == "", "ready without a schema"
        upgrade(empty_database.owner_url)
        server.line = read_line(server.process, START_SECONDS_MAX)
        server.target = target_of(server.line, server.log)
        assert server.health() == Status.SERVING
    finally:
        server.close()


def test_many_watchers_see_every_state_once(server: Server, database: Database) -> None:
    watchers = [server.watch_health() for _ in range(20)]
    assert {next(each) for each in watchers} == {Status.SERVING}
    _shut(database)
    assert {next(each) for each in watchers} == {Status.NOT_SERVING}
    server.terminate()
    # NOT_SERVING already: draining is no news, and the end of the server ends the streams.
    assert list(itertools.chain(*watchers)) == []
    assert server.wait() == 0


@contextmanager
def _stopped(postmaster: int) -> Iterator[None]:
    """PostgreSQL neither answers nor closes a connection inside the block."""
    parent = psutil.Process(postmaster)
    processes = [parent, *parent.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def _shut(database: Database) -> None:
    database.server.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
    database.server.run(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'"  # noqa: S608
    )


def _set_revision(database: Database, revision: str, min_code_revision: str) -> None:
    with database.connect("owner") as conn, conn.cursor() as cursor:
        cursor.execute(
            "UPDATE schema_revision SET revision = %s, min_code_revision = %s",
            (revision, min_code_revision),
        )
    conn.close()


def _assert_database_unavailable(server: Server) -> None:
    with pytest.raises(grpc.RpcError) as read:
        server.orders.GetOrder(_UNKNOWN_ORDER, timeout=5)
    with pytest.raises(grpc.RpcError) as write:
        server.products.CreateProduct(_CREATE, timeout=5)
    for refused in (read.value, write.value):
        assert refused.code() == grpc.StatusCode.UNAVAILABLE
        assert reason_of(refused) == "DATABASE_UNAVAILABLE"


def _assert_order_not_found(server: Server) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        server.orders.GetOrder(_UNKNOWN_ORDER, timeout=5)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
