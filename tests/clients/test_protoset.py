"""grpcurl against a server that hides its schema: the descriptor set is all it needs."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.clients.journey import BIN, Json, Refused, check, messages, run, travel
from tests.conftest import Database
from tests.server.harness import Server, running
from tests.tidy.sources import PACKAGE

_DESCRIPTORS: Final = PACKAGE / "v1" / "inventory.protoset"
_GRPCURL: Final = (str(BIN / "grpcurl"), "-plaintext")
_CODES: Final = {9: "FAILED_PRECONDITION"}


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    """One that says nothing about its schema."""
    flags = ("--no-migrate", "--no-reflection")
    with running(tmp_path / "log", *flags, database_url=database.url) as each:
        yield each


def test_the_descriptor_set_orders_and_is_refused_in_detail(server: Server) -> None:
    alone = run(*_GRPCURL, server.target, "list")
    assert b"does not support the reflection API" in alone.stderr
    check(travel(partial(_call, server)))


def test_the_descriptor_set_tells_what_a_method_is_for() -> None:
    method = "inventory.v1.OrderService.CreateOrder"
    said = run(_GRPCURL[0], "-protoset", str(_DESCRIPTORS), "describe", method)
    assert b"// Places an order, all lines or none." in said.stdout


def _call(server: Server, method: str, request: Json) -> Sequence[Json]:
    schema = ("-protoset", str(_DESCRIPTORS), "-format-error")
    command = (*_GRPCURL, *schema, "-d", json.dumps(request), server.target)
    done = run(*command, f"inventory.v1.{method}")
    if done.returncode == 0:
        return list(messages(done.stdout))
    status = json.loads(done.stderr)
    raise Refused(_CODES[status["code"]], tuple(status["details"]))
