"""A client that calls more often than it may: it waits as it is told, and gets all it asked for."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from inventory_grpc.client import ApiKey, InventoryClient
from tests.conftest import Database
from tests.server.callers import CallerEntry, write_access
from tests.server.harness import Server, running

_PER_SECOND: Final = 10
_ORDERS: Final = 25
_GREEDY: Final = CallerEntry("greedy", "admin", limits={"writes_per_second": _PER_SECOND})


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    access = write_access(tmp_path / "access.toml", [_GREEDY])
    settings = {"database_url": database.url, "access_file": str(access)}
    with running(tmp_path / "log", "--no-migrate", **settings) as each:
        yield each


def test_who_waits_as_told_gets_everything(server: Server) -> None:
    began = time.monotonic()
    with InventoryClient(server.target, credentials=ApiKey(_GREEDY.key)) as client:
        client.create_product("MUG", "Mug", initial_stock=_ORDERS)
        for _ in range(_ORDERS):
            client.create_order([("MUG", 1)])
        assert client.get_product("MUG").product.stock.allocated == _ORDERS
    seconds = time.monotonic() - began
    assert seconds >= (_ORDERS + 1 - _PER_SECOND) / _PER_SECOND, "nothing came early"
    server.terminate()
    assert server.wait() == 0
    outcomes = _outcomes(server)
    assert outcomes["OK"] == _ORDERS
    # Each refusal says when there will be a token: who waits so long is refused no second time.
    assert 0 < outcomes["RATE_LIMITED"] <= _ORDERS + 1 - _PER_SECOND


def _outcomes(server: Server) -> Counter[object]:
    """Of every attempt, as the server saw it."""
    calls = [line for line in server.events("call") if str(line["method"]).endswith("/CreateOrder")]
    return Counter(line.get("reason") or line["code"] for line in calls)
