"""Several servers take turns, and one that is not serving gets no calls."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inventory_grpc.client import InventoryClient
from tests.client.proxy import Proxy, proxied
from tests.conftest import Database
from tests.server.harness import Server, poll_until, running

_CALLS = 10
# It says that it is not serving, and serves nevertheless: whoever heeds it calls others.
_NOTICE = ("--drain-notice-ms", "60000")

Replica = tuple[Server, Proxy]


@pytest.fixture
def replicas(database: Database, tmp_path: Path) -> Iterator[tuple[Replica, Replica]]:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                running(tmp_path / name, "--no-migrate", *_NOTICE, database_url=database.url)
            )
            for name in ("log-1", "log-2")
        ]
        first, second = ((each, stack.enter_context(proxied(each.target))) for each in servers)
        yield first, second


def test_servers_take_turns_until_one_says_that_it_is_not_serving(
    replicas: tuple[Replica, Replica],
) -> None:
    (first, to_first), (_, to_second) = replicas
    with InventoryClient([to_first.target, to_second.target]) as client:
        client.create_product("MUG", "Mug", initial_stock=1)
        poll_until(lambda: _asks(client, to_first) and _asks(client, to_second))
        first.terminate()
        poll_until(lambda: not _asks(client, to_first))
        assert _asks(client, to_second)


def test_the_death_of_one_server_is_not_noticed(replicas: tuple[Replica, Replica]) -> None:
    (first, _), (second, _) = replicas
    with InventoryClient([first.target, second.target]) as client:
        client.create_product("MUG", "Mug", initial_stock=100)
        first.kill()
        placed = {client.create_order([("MUG", 1)]).order.order_id for _ in range(_CALLS)}
        level = client.get_stock_level("MUG").stock_level
    assert (len(placed), level.allocated) == (_CALLS, _CALLS)


def _asks(client: InventoryClient, replica: Proxy) -> bool:
    """Whether any of some calls goes there."""
    before = replica.asked
    for _ in range(_CALLS):
        client.get_product("MUG")
    return replica.asked > before
