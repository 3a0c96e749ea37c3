"""Odd credentials over a real connection are refusals like any other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from inventory_grpc.domain.caller import Role
from tests.server.access_table import CALLERS, RETIRED, Sources, ended, without_database
from tests.server.callers import UNAUTHENTICATED, Metadata
from tests.server.harness import Server

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


def test_health_and_reflection_are_open(plain: Server) -> None:
    assert plain.health("liveness") == 1
    method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    ask: grpc.StreamStreamMultiCallable[bytes, bytes] = plain.channel.stream_stream(method)
    listing = next(iter(ask(iter([b"\x3a\x00"]), timeout=10)))
    assert b"inventory.v1.OrderService" in listing


def test_no_credential_is_in_the_log(plain: Server) -> None:
    for metadata in (CALLERS[Role.READER].metadata, (("x-api-key", RETIRED),)):
        ended(plain.channel, LIST, metadata, b"")
    log = plain.log.read_text()
    assert _KEY not in log
    assert RETIRED not in log
