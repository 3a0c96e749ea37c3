"""How many connections there may be, and for how long; who calls notices nothing of it."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import grpc
import psutil
import pytest

from tests.conftest import Database
from tests.server.harness import Server, Status, poll_until, running
from tests.server.watching import Watch, create

_READY, _IDLE = grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.IDLE
_RECONNECTIONS = 3


def test_an_old_connection_is_exchanged_and_no_call_fails(
    database: Database, tmp_path: Path
) -> None:
    with _server(database, tmp_path, connection_age_seconds_max="0.5") as server:
        states: list[grpc.ChannelConnectivity] = []
        server.channel.subscribe(states.append)
        watch = Watch(server)
        while states.count(_READY) <= _RECONNECTIONS:
            assert server.health() == Status.SERVING
        # Begun on the first connection, and still there.
        create(server, "LATE", quantity=0)
        assert watch.take(1)[0].product.sku == "LATE"


def test_calls_on_an_old_connection_have_a_time_of_grace(
    database: Database, tmp_path: Path
) -> None:
    limits = {"connection_age_seconds_max": "0.5", "connection_grace_seconds": "0.5"}
    with _server(database, tmp_path, **limits) as server:
        with pytest.raises(grpc.RpcError) as cut:
            Watch(server).take(1)
        assert cut.value.code() == grpc.StatusCode.UNAVAILABLE
        assert server.health() == Status.SERVING


def test_an_idle_connection_is_closed(database: Database, tmp_path: Path) -> None:
    with _server(database, tmp_path, connection_idle_seconds_max="0.5") as server:
        states: Queue[grpc.ChannelConnectivity] = Queue()
        server.channel.subscribe(states.put)
        assert server.health() == Status.SERVING
        while states.get(timeout=10) != _READY:
            pass
        assert states.get(timeout=10) == _IDLE
        assert server.health() == Status.SERVING


def test_more_connections_than_there_may_be_are_closed(database: Database, tmp_path: Path) -> None:
    with _server(database, tmp_path, connections_max="2") as server:
        first, second, third = (server.connect() for _ in range(3))
        for channel in (first, second):
            assert server.health(channel=channel) == Status.SERVING
        with pytest.raises(grpc.RpcError) as refused:
            server.health(channel=third)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        second.close()
        poll_until(lambda: _answers(server))
        assert server.health(channel=first) == Status.SERVING


def test_a_server_takes_as_many_descriptors_as_it_may(database: Database, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    try:
        with _server(database, tmp_path) as server:
            found = psutil.Process(server.process.pid).rlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == (min(hard, 65_536), hard)


def _answers(server: Server) -> bool:
    try:
        return server.health(channel=server.connect()) == Status.SERVING
    except grpc.RpcError:
        return False


@contextmanager
def _server(database: Database, tmp_path: Path, **limits: str) -> Iterator[Server]:
    log = tmp_path / "log"
    with running(log, "--no-migrate", database_url=database.url, **limits) as server:
        yield server
