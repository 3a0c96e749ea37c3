"""Odd credentials over a real connection are refusals like any other."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from inventory_grpc.domain.caller import Role
from tests.server.access_table import CALLERS, RETIRED, Sources, ended, without_database
from tests.server.callers import UNAUTHENTICATED, Metadata
from tests.server.harness import Server, poll_until

if TYPE_CHECKING:
    import grpc

LIST = "/inventory.v1.ProductService/ListProducts"
_KEY = CALLERS[Role.READER].key


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with without_database(Sources(tmp_path_factory.mktemp("access")), "log") as server:
        yield server


@pytest.mark.parametrize(
    "metadata",
    [
        (("x-api-key", ""),),
        (("x-api-key", "a"),),
        (("x-api-key", "a" * 8_000),),
        (("x-api-key", _KEY), ("x-api-key", _KEY)),
        (("x-api-key", _KEY), ("x-api-key", "other")),
        (("x-api-key", f"{_KEY},{_KEY}"),),
        (("x-api-key", _KEY.upper()),),
        (("x-api-key-bin", _KEY.encode()),),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Basic YTpi"),),
        (("authorization", "Bearer " + "a." * 4_000),),
        (("authorization", "Bearer a.b.c"), ("authorization", "Bearer a.b.c")),
        (("authorization-bin", b"\xff"),),
        (("cookie", f"x-api-key={_KEY}"),),
    ],
)
def test_odd_credentials_are_nobodys(plain: Server, metadata: Metadata) -> None:
    assert ended(plain.channel, LIST, metadata, b"") == UNAUTHENTICATED


def test_spaces_around_a_key_say_nothing(plain: Server) -> None:
    end = ended(plain.channel, LIST, (("x-api-key", f" {_KEY} "),), b"")
    assert end == ("UNAVAILABLE", "DATABASE_UNAVAILABLE")


def test_a_credential_larger_than_all_metadata_may_be_is_refused_by_grpc(plain: Server) -> None:
    end = ended(plain.channel, LIST, (("x-api-key", "a" * 100_000),), b"")
    assert end == ("RESOURCE_EXHAUSTED", "")


@pytest.mark.parametrize("value", [b"inv_mistyped\xe9\xff", "inv_mistyped\u00e9".encode()])
def test_a_key_that_is_no_text_is_nobodys_and_not_logged(plain: Server, value: bytes) -> None:
    with _sent(plain.target, b"x-api-key", value) as peer:
        poll_until(lambda: peer in {call["peer"] for call in plain.events("call")})
    [call] = [call for call in plain.events("call") if call["peer"] == peer]
    assert call["reason"] == "UNAUTHENTICATED"
    assert "mistyped" not in plain.log.read_text()


@contextmanager
def _sent(target: str, name: bytes, value: bytes) -> Iterator[str]:
    """A call with a header that no client library would send, as frames of HTTP/2; its peer, as
    the log has it."""
    host, port = target.rsplit(":", 1)
    headers = {
        b":method": b"POST", b":scheme": b"http", b":path": LIST.encode(), b":authority": b"x",
        b"content-type": b"application/grpc", b"te": b"trailers", name: value,
    }  # fmt: skip
    block = b"".join(
        b"\0" + bytes([len(each)]) + each + bytes([len(text)]) + text
        for each, text in headers.items()
    )
    with socket.create_connection((host, int(port)), timeout=10) as conn:
        settings, ended_headers, ended_stream = _frame(4, 0, 0, b""), 4, 1
        conn.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + settings
            + _frame(1, ended_headers, 1, block)
            + _frame(0, ended_stream, 1, bytes(5))
        )
        yield f"ipv4:127.0.0.1:{conn.getsockname()[1]}"


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def test_health_and_reflection_are_open(plain: Server) -> None:
    assert plain.health("liveness") == 1
    method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    ask: grpc.StreamStreamMultiCallable[bytes, bytes] = plain.channel.stream_stream(method)
    listing = next(iter(ask(iter([b"\x3a\x00"]), timeout=10)))
    assert b"inventory.v1.OrderService" in listing


def test_no_credential_is_in_the_log(plain: Server) -> None:
    # Of no other test here: so their lines can be waited for.
    method = "/inventory.v1.OrderService/ListOrders"
    for metadata in (CALLERS[Role.READER].metadata, (("x-api-key", RETIRED),)):
        ended(plain.channel, method, metadata, b"")
    poll_until(lambda: [call["method"] for call in plain.events("call")].count(method) == 2)
    log = plain.log.read_text()
    assert _KEY not in log
    assert RETIRED not in log
