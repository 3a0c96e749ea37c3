"""Nothing is lost or done twice when servers die, answers vanish or nobody answers."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from inventory_grpc.client import (
    AsyncInventoryClient,
    DeadlineExceeded,
    InventoryClient,
    Limits,
    Policy,
    Unavailable,
)
from tests.client.proxy import proxied
from tests.conftest import Database
from tests.server.harness import Server, poll_until, running

if TYPE_CHECKING:
    from inventory_grpc.v1.changes_pb2 import Change

_ORDERS = 200
_CALLERS = 4
_QUICK = Policy(write=Limits(call=20, attempt=0.5), backoff=0.01)


def test_two_hundred_orders_are_two_hundred_whatever_happens_to_the_server(
    database: Database, tmp_path: Path
) -> None:
    half_way = Event()
    with (
        running(tmp_path / "log-1", "--no-migrate", database_url=database.url) as first,
        InventoryClient(first.target) as client,
        ThreadPoolExecutor() as callers,
    ):
        client.create_product("MUG", "Mug", initial_stock=1_000)
        watched = _watch(client, callers)
        placing = [
            callers.submit(_place, client, range(start, _ORDERS, _CALLERS), half_way)
            for start in range(_CALLERS)
        ]
        assert half_way.wait(60)
        assert not any(part.done() for part in placing)
        first.kill()
        with _again(first, database, tmp_path):
            placed = [each for part in placing for each in part.result(60)]
            listed = list(client.list_orders(product="MUG"))
            level = client.get_stock_level("MUG").stock_level
            seen = watched.result(30)
    assert len(set(placed)) == len(placed) == _ORDERS
    assert sorted(each.customer_reference for each in listed) == sorted(map(str, range(_ORDERS)))
    assert level.allocated == _ORDERS
    # The watch went through the same, and missed nothing.
    assert [each.version for each in seen] == list(range(2, _ORDERS + 2))


def _watch(client: InventoryClient, callers: ThreadPoolExecutor) -> "Future[list[Change]]":
    """Every order's change of the level, as a watch sees it that starts now."""
    watch = client.watch(kinds=["STOCK_LEVEL"]).__enter__()
    return callers.submit(lambda: list(islice(watch, _ORDERS)))


def _place(client: InventoryClient, numbers: range, half_way: Event) -> list[str]:
    placed = []
    for number in numbers:
        made = client.create_order([("MUG", 1)], customer_reference=str(number), timeout=60)
        placed.append(made.order.order_id)
        if number > _ORDERS // 2:
            half_way.set()
    return placed


def _again(dead: Server, database: Database, tmp_path: Path) -> AbstractContextManager[Server]:
    """A server where the dead one was."""
    flags = ("--no-migrate", "--listen", dead.target)
    return running(tmp_path / "log-2", *flags, database_url=database.url)


def test_an_order_whose_answer_was_lost_is_placed_once(
    client: InventoryClient, server: Server, sku: str
) -> None:
    client.create_product(sku, "Mug", initial_stock=10)
    with (
        proxied(server.target) as proxy,
        InventoryClient(proxy.target, policy=Policy(backoff=0.01)) as far,
        ThreadPoolExecutor() as caller,
    ):
        far.get_product(sku)
        proxy.lose_answers()
        placed = caller.submit(lambda: far.create_order([(sku, 1)]).order)
        poll_until(lambda: len(list(client.list_orders(product=sku))) == 1)
        assert not placed.done()
        proxy.cut()
        order = placed.result(30)
    assert [each.order_id for each in client.list_orders(product=sku)] == [order.order_id]


async def test_an_answer_that_asyncio_lost_is_asked_for_again(
    client: InventoryClient, server: Server, sku: str
) -> None:
    client.create_product(sku, "Mug", initial_stock=10)
    with proxied(server.target) as proxy:
        async with AsyncInventoryClient(proxy.target, policy=_QUICK) as far:
            await far.get_product(sku)
            proxy.lose_answers()
            Thread(target=_cut_once(client, sku, proxy.cut)).start()
            order = (await far.create_order([(sku, 1)])).order
    assert [each.order_id for each in client.list_orders(product=sku)] == [order.order_id]


def _cut_once(client: InventoryClient, sku: str, cut: Callable[[], None]) -> Callable[[], None]:
    def wait_and_cut() -> None:
        poll_until(lambda: len(list(client.list_orders(product=sku))) == 1)
        cut()

    return wait_and_cut


def test_a_server_that_never_answers_costs_an_attempt_and_in_the_end_the_deadline(
    client: InventoryClient, server: Server, sku: str
) -> None:
    client.create_product(sku, "Mug", initial_stock=10)
    policy = Policy(write=Limits(call=1.0, attempt=0.2), backoff=0.01)
    with proxied(server.target) as proxy, InventoryClient(proxy.target, policy=policy) as far:
        far.get_product(sku)
        proxy.lose_answers()
        with pytest.raises(DeadlineExceeded) as raised:
            far.create_order([(sku, 1)])
        assert raised.value.attempts > 1
        assert raised.value.outcome_unknown
        proxy.cut()
        # Which is how a caller finds out what became of it.
        order = far.create_order([(sku, 1)], request_id=raised.value.request_id).order
    assert [each.order_id for each in client.list_orders(product=sku)] == [order.order_id]


def test_where_nobody_listens_the_deadline_is_kept() -> None:
    policy = Policy(read=Limits(call=0.5, attempt=0.2))
    with InventoryClient("127.0.0.1:1", policy=policy) as client:
        with pytest.raises((Unavailable, DeadlineExceeded)) as raised:
            client.get_product("MUG")
        assert raised.value.outcome_unknown
        watch = client.watch(give_up_after=0.5)
        with pytest.raises(Unavailable):
            next(watch)
