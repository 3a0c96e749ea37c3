"""Calls with too much metadata are refused, whoever makes them; whoever makes many is held up."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from inventory_grpc.v1 import changes_pb2, products_pb2
from tests.abuse.abuser import (
    ACKNOWLEDGED,
    HEADER_BYTES,
    HELLO,
    SWOLLEN_BYTES,
    call_with,
    call_with_swollen,
    ping,
)
from tests.conftest import Postgres, _made
from tests.server.harness import Server, Status, poll_until, running
from tests.server.scraping import look
from tests.server.watching import Watch, create

_SECONDS_MAX = 20
_LIMIT_BYTES = 16_384
_JUST_BEYOND_BYTES = 18_000
_BURST = 5
"""Such calls, of two offences each, are forgiven."""
_REFUSED = "received metadata size exceeds limit"
_on_linux = pytest.mark.skipif(sys.platform != "linux", reason="there are no such filters")
_of_hello = pytest.mark.parametrize(
    "hello", [HELLO, HELLO + ACKNOWLEDGED], ids=["unacknowledged", "acknowledged"]
)


@pytest.fixture(scope="module")
def server(
    postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Reachable over both versions of IP."""
    flags = ("--no-migrate", "--metrics-listen", "127.0.0.1:0", "--listen", "[::]:0", "--insecure")
    log = tmp_path_factory.mktemp("metadata") / "log"
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(log, *flags, database_url=database.url) as server,
    ):
        yield server


def test_metadata_below_the_limit_is_taken(server: Server) -> None:
    near = (("x", "y" * (_LIMIT_BYTES - 500)),)
    answer = server.products.ListProducts(products_pb2.ListProductsRequest(), metadata=near)
    assert not answer.products


def test_one_call_too_large_is_refused_and_its_connection_stays(server: Server) -> None:
    beyond = (("x", "y" * (_LIMIT_BYTES - 20)),)
    before = look(server).value("inventory_oversized_calls_total")
    raw: Callable[[str], grpc.UnaryUnaryMultiCallable[bytes, bytes]] = server.channel.unary_unary
    calls = [
        server.products.ListProducts.future(products_pb2.ListProductsRequest(), metadata=beyond),
        server.changes.WatchChanges(changes_pb2.WatchChangesRequest(), metadata=beyond),
        raw("/grpc.health.v1.Health/Check").future(b"", metadata=beyond),
        raw("/inventory.v1.Nothing/Nothing").future(b"", metadata=beyond),
    ]
    states: list[grpc.ChannelConnectivity] = []
    server.channel.subscribe(states.append)
    for call in calls:
        assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call.details() == _REFUSED
    assert server.health() == Status.SERVING
    assert set(states) <= {grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.READY}
    assert look(server).value("inventory_oversized_calls_total") == before + len(calls)


@_of_hello
def test_whether_a_peer_has_acknowledged_the_limit_makes_no_difference(
    server: Server, hello: bytes
) -> None:
    with _peer(server, "127.0.0.1", hello) as peer:
        peer.sendall(call_with(HEADER_BYTES, 0))
        # Its first trailers, with name and value as they are: 8 is RESOURCE_EXHAUSTED.
        _read_until(peer, b"grpc-status\x018")


@_of_hello
def test_a_burst_of_such_calls_is_forgiven(server: Server, hello: bytes) -> None:
    before = _counts(server)
    with _peer(server, "127.0.0.1", hello) as peer:
        for number in range(_BURST):
            peer.sendall(call_with(_JUST_BEYOND_BYTES, number))
        poll_until(lambda: _counts(server).refused == before.refused + _BURST)
        peer.sendall(ping(1))
        _read_until(peer, ping(1)[-8:])
    assert _counts(server).frozen == before.frozen


@_on_linux
@_of_hello
@pytest.mark.parametrize(
    ("host", "named"), [("127.0.0.1", "ipv4:127.0.0.1"), ("::1", "ipv6:%5B::1%5D")]
)
def test_who_makes_many_is_held_up_and_then_hung_up_on(
    server: Server, host: str, named: str, hello: bytes
) -> None:
    before = _counts(server)
    with _peer(server, host, hello) as peer:
        _storm(peer)
        _read_to_the_end(peer)
        frozen = server.events("connection_frozen")[-1]
        assert frozen["peer"] == f"{named}:{peer.getsockname()[1]}"
    assert _counts(server).frozen == before.frozen + 1
    assert server.health() == Status.SERVING


@_on_linux
def test_one_huge_call_is_as_bad_as_many(server: Server) -> None:
    before = _counts(server)
    with _peer(server, "127.0.0.1", HELLO) as peer:
        peer.sendall(call_with_swollen(SWOLLEN_BYTES, 0))
        _read_to_the_end(peer)
    assert _counts(server).frozen == before.frozen + 1


@_on_linux
def test_who_is_held_up_is_not_heard(server: Server) -> None:
    before = _counts(server)
    with _peer(server, "127.0.0.1", HELLO) as peer:
        _storm(peer, 20)
        poll_until(lambda: _counts(server).frozen == before.frozen + 1)
        peer.sendall(ping(1))
        assert ping(1)[-8:] not in _read_to_the_end(peer)


@_on_linux
def test_neighbours_of_who_is_held_up_go_on(server: Server) -> None:
    watch = Watch(server)
    with _peer(server, "::1", HELLO) as quiet, _peer(server, "::1", HELLO) as peer:
        _storm(peer)
        _read_to_the_end(peer)
        quiet.sendall(ping(1))
        _read_until(quiet, ping(1)[-8:])
    create(server, "LATE", quantity=0)
    assert watch.take(1)[0].product.sku == "LATE"


@_on_linux
def test_a_server_stops_while_somebody_is_held_up(
    postgres: Postgres, template: str, tmp_path: Path
) -> None:
    flags = ("--no-migrate", "--metrics-listen", "127.0.0.1:0")
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(tmp_path / "log", *flags, database_url=database.url) as server,
        _peer(server, "127.0.0.1", HELLO) as peer,
    ):
        _storm(peer)
        poll_until(lambda: _counts(server).frozen == 1)
        server.terminate()
        assert server.wait() == 0
        _read_to_the_end(peer)
        assert server.events("stopped")


@dataclass(frozen=True)
class _Counts:
    refused: float
    frozen: float


def _counts(server: Server) -> _Counts:
    now = look(server)
    return _Counts(
        now.value("inventory_oversized_calls_total"),
        now.value("inventory_connections_frozen_total"),
    )


@contextmanager
def _peer(server: Server, host: str, hello: bytes) -> Iterator[socket.socket]:
    """Somebody who speaks HTTP/2 by hand."""
    _, _, port = server.target.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_SECONDS_MAX) as peer:
        peer.sendall(hello)
        yield peer


def _storm(peer: socket.socket, calls: int = 100) -> None:
    """As many as a connection may have at a time, or as are taken."""
    with suppress(ConnectionError):
        for number in range(calls):
            peer.sendall(call_with(HEADER_BYTES, number))


def _read_until(peer: socket.socket, wanted: bytes) -> None:
    answer = b""
    while wanted not in answer:
        more = peer.recv(65_536)
        assert more, f"hung up on, without {wanted!r}"
        answer += more


def _read_to_the_end(peer: socket.socket) -> bytes:
    """What is left to read until the server hangs up."""
    answer = b""
    with suppress(ConnectionError):
        while more := peer.recv(65_536):
            answer += more
    return answer
