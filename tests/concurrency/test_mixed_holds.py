"""5,000 holds and orders, mixed, at three hot products from 64 customers.

Holds live for 1-3 seconds and are converted, released, extended or forgotten; what comes of them is
shipped or cancelled. One server takes the calls and never sweeps; another process sweeps, and is
killed and replaced again and again. Every unit is in exactly one place at the end.
"""

import asyncio
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from inventory_grpc.v1 import common_pb2, locations_pb2, products_pb2, stock_pb2
from tests.concurrency.harness import audit, seeded, trouble, value
from tests.concurrency.serial_replay import Place, replay
from tests.concurrency.serial_verdict import (
    check_answers,
    check_ends,
    check_refusals,
    check_units,
)
from tests.concurrency.shop_calls import Shop, shop_at
from tests.concurrency.shop_traffic import PLACES, Traffic
from tests.conftest import Database
from tests.server.harness import Server, poll_until, running

CALLS: Final = 5_000
CUSTOMERS: Final = 64
KILLS: Final = 4
STOCK: Final = 700
"""Of each product at each place: everything is short sooner or later."""
POLICIES: Final[dict[Place, tuple[int, int]]] = {("HOT-2", "default"): (20, 60)}
"""Safety stock and backorder limit."""
SETTLED_SECONDS_MAX: Final = 20
"""The longest hold ends 3 s after the last call."""
CERTAIN: Final = {
    *(f"{method} {reason}" for method in ("CreateHold", "CreateOrder")
      for reason in ("OK", "INSUFFICIENT_STOCK")),
    *(f"{method} {reason}" for method in ("ConvertHold", "ExtendHold", "ReleaseHold")
      for reason in ("OK", "HOLD_EXPIRED", "HOLD_CONVERTED", "HOLD_RELEASED")),
    "ShipOrder OK", "CancelOrder OK",
}  # fmt: skip
"""Answers that so many calls are bound to get."""


async def test_every_unit_of_5000_mixed_holds_and_orders_is_in_one_place(
    database: Database, tmp_path: Path
) -> None:
    chance = seeded()
    with ExitStack() as stack:
        server = stack.enter_context(unswept(database, tmp_path))
        stock_up(server)
        async with shop_at(server.target) as shop:
            traffic = Traffic(chance, shop, CALLS)
            await run_all(traffic, shop, Sweepers(database, tmp_path, stack))
            await asyncio.to_thread(wait_until_settled, database)
            assert await shop.inconsistencies() == []
    told = traffic.memory
    print(dict(sorted(told.reasons.items())))
    assert set(told.reasons) >= CERTAIN
    history = replay(database, POLICIES)
    check_units(history, told, STOCK)
    check_answers(database, history, told)
    check_refusals(history, told)
    check_ends(database, history)
    audit(database)
    assert trouble(database)[0] == 0


def unswept(database: Database, directory: Path) -> AbstractContextManager[Server]:
    """A server that leaves expiry to others; its two committers race for every row."""
    settings = {"database_url": database.url, "hold_sweep_seconds": "0", "committers": "2"}
    return running(directory / "log", "--no-migrate", **settings)


def stock_up(server: Server) -> None:
    server.locations.CreateLocation(
        locations_pb2.CreateLocationRequest(
            location=locations_pb2.Location(location_id="second", display_name="", priority=1)
        ),
        timeout=10,
    )
    for sku, places in PLACES.items():
        message = products_pb2.CreateProductRequest()
        message.product.sku = message.product.name = sku
        for place in places:
            message.initial_stock.add(location_id=place, quantity=STOCK)
        server.products.CreateProduct(message, timeout=10)
    for (sku, place), (safety, backorder) in POLICIES.items():
        policy = stock_pb2.SetStockPolicyRequest(
            product=common_pb2.ProductKey(sku=sku),
            location_id=place,
            safety_stock=safety,
            backorder_limit=backorder,
        )
        server.stock.SetStockPolicy(policy, timeout=10)


# -- while it runs ---------------------------------------------------------------------------------


class Sweepers:
    """Servers that no customer calls, one after the other; all but the last are killed."""

    def __init__(self, database: Database, directory: Path, stack: ExitStack) -> None:
        self._database = database
        self._log = directory / "sweepers.log"
        self._stack = stack
        self._deaths = asyncio.Semaphore(0)
        self._calls_left_at_death = [CALLS * turn // (KILLS + 1) for turn in range(1, KILLS + 1)]

    def at_call(self, left: int) -> None:
        """Every so many calls a sweeper has to die, wherever it is just then."""
        if self._calls_left_at_death and left <= self._calls_left_at_death[-1]:
            self._calls_left_at_death.pop()
            self._deaths.release()

    async def run(self) -> None:
        """Until the last of them sweeps, which it does until the end of the stack."""
        for _ in range(KILLS):
            sweeper = await self._next()
            await self._deaths.acquire()
            sweeper.kill()
        await self._next()

    async def _next(self) -> Server:
        settings = {"database_url": self._database.url, "hold_sweep_seconds": "0.1"}
        return await asyncio.to_thread(
            self._stack.enter_context, running(self._log, "--no-migrate", **settings)
        )


async def run_all(traffic: Traffic, shop: Shop, sweepers: Sweepers) -> None:
    """The customers, while sweepers come and go and somebody checks without end."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(check_until(over, shop))
        sweeping = group.create_task(sweepers.run())
        await traffic.run(CUSTOMERS, sweepers.at_call)
        await sweeping
        over.set()


async def check_until(over: asyncio.Event, shop: Shop) -> None:
    """No moment shows a change by halves."""
    checks = 0
    while not over.is_set():
        assert await shop.inconsistencies() == []
        checks += 1
    print(f"checked {checks} times meanwhile")


def wait_until_settled(database: Database) -> None:
    """Until time has ended every hold, and the sweeper has written it."""
    written = "SELECT count(*) FROM holds WHERE status = 1"
    poll_until(lambda: value(database, written) == 0, SETTLED_SECONDS_MAX)
