"""Many writers, transactions that stay open, watchers and servers that are killed: each watcher is
told exactly what was committed, in order.

Customers order, hold and restock at three hot products through one server. By hand, other
transactions take their number and stay open for a while before they commit. The watchers are at
both servers; the second one is killed and replaced.
"""

import asyncio
import os
import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from inventory_grpc.v1 import common_pb2, holds_pb2, orders_pb2, stock_pb2
from tests.concurrency.harness import query, seeded, value
from tests.concurrency.shop_calls import shop_at
from tests.concurrency.shop_traffic import Traffic
from tests.concurrency.test_mixed_holds import stock_up
from tests.concurrency.watchers import Resource, Watcher, committed
from tests.conftest import Database
from tests.server.harness import Server, poll_until, running
from tests.server.watching import Watch
from tests.store.stream import (
    BY_NUMBER,
    BY_OLDEST_XID,
    Event,
    Planted,
    Writer,
    new_product,
    out_of_order,
    writers,
)

FULL: Final = os.environ.get("INVENTORY_TEST_WATCHERS") == "full"
"""200 writers for a minute and more; a suite that runs often has less time."""
CALLS: Final = 30_000 if FULL else 4_000
CUSTOMERS: Final = 192 if FULL else 64
WATCHERS: Final = 6
HAND_WRITERS: Final = 8 if FULL else 6
HAND_PRODUCTS: Final = 3
KILLS: Final = 6 if FULL else 2
OPEN_SECONDS_MAX: Final = 0.6
"""How long a transaction by hand stays open; what it has locked, others by hand wait for."""


@pytest.mark.timeout(900 if FULL else 120)
async def test_each_watcher_is_told_exactly_what_was_committed(
    database: Database, tmp_path: Path
) -> None:
    chance = seeded()
    with ExitStack() as stack:
        world = World(database, tmp_path, stack)
        watchers = [
            Watcher(seeded(chance.getrandbits(32)), world.targets, world.token)
            for _ in range(WATCHERS)
        ]
        by_hand = ByHand(database, seeded(chance.getrandbits(32)))
        async with asyncio.TaskGroup() as group:
            for watcher in watchers:
                group.create_task(watcher.run())
            hand = group.create_task(asyncio.to_thread(by_hand.run))
            began = time.monotonic()
            async with shop_at(world.first.target) as shop:
                await Traffic(chance, shop, CALLS).run(CUSTOMERS, world.at_call)
            seconds = time.monotonic() - began
            by_hand.over.set()
            await hand
            await asyncio.to_thread(_wait_until_settled, database)
            expected = committed(database)
            for watcher in watchers:
                watcher.expect(expected)
        for watcher in watchers:
            watcher.check(expected)
            assert watcher.model() == watchers[0].model()
            assert watcher.low() == watchers[0].low()
        _check_model(database, world.first, watchers[0])
    _print(watchers, len(expected), world, seconds)
    by_hand.check_planted(database)


class World:
    """Two servers; the second one dies again and again, at the same address."""

    def __init__(self, database: Database, directory: Path, stack: ExitStack) -> None:
        self._stack = stack
        self._log = directory / "second.log"
        self._flags = ("--no-migrate", "--watch-checkpoint-seconds", "0.2")
        self._settings = {"database_url": database.url, "hold_sweep_seconds": "0.1"}
        log = directory / "first.log"
        self.first = stack.enter_context(running(log, *self._flags, **self._settings))
        self._second = stack.enter_context(running(self._log, *self._flags, **self._settings))
        self.token = Watch(self.first).token
        """Before everything."""
        stock_up(self.first)
        low = stock_pb2.SetStockPolicyRequest(
            product=common_pb2.ProductKey(sku="HOT-1"), low_stock_threshold=100
        )
        self.first.stock.SetStockPolicy(low, timeout=10)
        self._deaths = [CALLS * turn // (KILLS + 1) for turn in range(1, KILLS + 1)]
        self.deaths = 0

    def targets(self) -> list[str]:
        """Where a watcher may ask."""
        return [self.first.target, self._second.target]

    def at_call(self, left: int) -> None:
        """Every so many calls the second server is killed, and another one takes its place."""
        if self._deaths and left <= self._deaths[-1]:
            self._deaths.pop()
            self.deaths += 1
            self._second.kill()
            threading.Thread(target=self._replace, daemon=True).start()

    def _replace(self) -> None:
        flags = (*self._flags, "--listen", self._second.target)
        self._second = self._stack.enter_context(running(self._log, *flags, **self._settings))


class ByHand:
    """Transactions of somebody else, who takes time; and readers that believe in another order."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        self.over = threading.Event()
        self._database = database
        self._chance = chance
        self._products = [new_product(database) for _ in range(HAND_PRODUCTS)]
        self._committed: list[Event] = []
        self._planted = [Planted(database, sql) for sql in (BY_NUMBER, BY_OLDEST_XID)]

    def run(self) -> None:
        """Until it is over."""
        with writers(self._database, HAND_WRITERS) as hands:
            threads = [
                threading.Thread(target=self._write, args=(hand, self._chance.getrandbits(32)))
                for hand in hands
            ]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                for planted in self._planted:
                    planted.read()
                threads[0].join(0.01)
            for planted in self._planted:
                planted.read()

    def _write(self, hand: Writer, seed: int) -> None:
        chance = seeded(seed)
        while not self.over.is_set():
            hand.begin_early()
            self.over.wait(chance.uniform(0, OPEN_SECONDS_MAX / 3))
            event = hand.change(chance.choice(self._products))
            self.over.wait(chance.uniform(0, OPEN_SECONDS_MAX))
            hand.commit()
            self._committed.append(event)

    def check_planted(self, database: Database) -> None:
        """The test would notice: these readers were told something else than was committed."""
        written = "SELECT count(*) FROM product_events WHERE product_id::text = ANY(%s)"
        assert value(database, written, self._products) == len(self._committed)
        by_hand = set(self._committed)
        for planted in self._planted:
            seen = [event for event in planted.seen if event[0] in self._products]
            assert set(seen) != by_hand or out_of_order(seen)


def _wait_until_settled(database: Database) -> None:
    written = "SELECT count(*) FROM holds WHERE status = 1"
    poll_until(lambda: value(database, written) == 0, 20)


def _check_model(database: Database, server: Server, watcher: Watcher) -> None:
    """Replayed into nothing, what it was told is what the server shows."""
    model = watcher.model()
    for key, change in model.items():
        match key[0]:
            case "order":
                assert change.order == _order(server, key[1])
            case "hold":
                assert change.hold == _hold(server, key[1])
    levels = server.stock.ListStockLevels(stock_pb2.ListStockLevelsRequest(), timeout=30)
    shown: dict[Resource, stock_pb2.StockLevel] = {
        ("stock_level", each.product_id, each.location_id): each for each in levels.stock_levels
    }
    assert {key: model[key].stock_level for key in model if key[0] == "stock_level"} == shown
    products = query(database, "SELECT 'product', product_id::text, version FROM products")
    told = {(*key, change.version) for key, change in model.items() if key[0] == "product"}
    assert told == set(products)
    assert watcher.low() == {
        key
        for key, level in shown.items()
        if level.HasField("low_stock_threshold") and level.available <= level.low_stock_threshold
    }


def _order(server: Server, order_id: str) -> orders_pb2.Order:
    request = orders_pb2.GetOrderRequest(order_id=order_id)
    return server.orders.GetOrder(request, timeout=10).order


def _hold(server: Server, hold_id: str) -> holds_pb2.Hold:
    request = holds_pb2.GetHoldRequest(hold_id=hold_id)
    return server.holds.GetHold(request, timeout=10).hold


def _print(watchers: list[Watcher], events: int, world: World, seconds: float) -> None:
    stretches = sum(watcher.stretches for watcher in watchers)
    repeats = sum(watcher.repeats for watcher in watchers)
    print(f"{events} events, {WATCHERS} watchers, {stretches} times resumed, {repeats} repeats,")
    writers = CUSTOMERS + HAND_WRITERS
    print(f"{world.deaths} servers killed, {writers} writers for {seconds:.0f} s")
