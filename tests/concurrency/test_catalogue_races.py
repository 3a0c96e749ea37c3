"""Deleting races with everything that brings stock: never stock where nothing may be."""

import asyncio
import random
from collections.abc import Sequence
from itertools import chain

import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Command, DemandLine, Disposition, ReturnLine
from inventory_grpc.domain.errors import DomainError
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.services.mutations import Mutations
from tests.concurrency.harness import (
    adjust,
    audit,
    create_location,
    create_product,
    done,
    error_info,
    mutations,
    place,
    query,
    reason_of,
    request,
    seeded,
    stocked,
    trouble,
    value,
)
from tests.conftest import Database

PLACES = ("east", "west")
SKUS = ("A", "B", "C")


async def outcome(server: Mutations, command: Command) -> str:
    try:
        return reason_of(await server.execute(request(command), None))
    except DomainError as error:
        return error.reason


async def all_at_once(servers: Sequence[Mutations], wanted: Sequence[Command]) -> list[str]:
    """Each from one of the servers, mixed, in small steps."""
    queue = iter(wanted)

    async def caller(number: int) -> list[str]:
        return [await outcome(servers[number % len(servers)], command) for command in queue]

    return [*chain.from_iterable(await asyncio.gather(*map(caller, range(16))))]


@pytest.mark.parametrize("servers", [1, 2])
async def test_stock_never_appears_at_a_deleted_product_or_location(
    database: Database, servers: int
) -> None:
    chance = seeded()
    async with mutations(database) as one, mutations(database) as two:
        for sku in SKUS:
            await done(one, create_product(sku))
        wanted = [_random_command(chance) for _ in range(1500)]
        reasons = await all_at_once([one, two][:servers], wanted)
        print(one.counters, two.counters)
    # Every kind of thing happened, and nothing but what is documented.
    assert {"OK", "PRODUCT_NOT_FOUND", "LOCATION_NOT_FOUND", "PRODUCT_IN_USE", "LOCATION_IN_USE",
            "SKU_TAKEN"} <= set(reasons)  # fmt: skip
    assert set(reasons) <= {
        "OK", "PRODUCT_NOT_FOUND", "LOCATION_NOT_FOUND", "PRODUCT_IN_USE", "LOCATION_IN_USE",
        "SKU_TAKEN", "INSUFFICIENT_STOCK", "LOCATION_TAKEN",
    }  # fmt: skip
    audit(database)
    assert query(
        database,
        "SELECT sku FROM products WHERE delete_time IS NULL GROUP BY sku HAVING count(*) > 1",
    ) == []  # fmt: skip
    assert trouble(database)[0] == 0


def _random_command(chance: random.Random) -> Command:
    sku = chance.choice(SKUS)
    key = ProductKey(sku=sku)
    units = chance.randint(1, 3)
    # A location's id is never used again, so there are many.
    where = f"{chance.choice(PLACES)}-{chance.randint(0, 20)}"
    ends = chance.choice((("default", where), (where, "default")))
    weighted: list[tuple[Command, int]] = [
        (create_location(where), 15),
        (commands.DeleteLocation(where, 0), 10),
        (commands.DeleteProduct(key, 0), 15),
        (create_product(sku, ("default", units)), 10),
        (adjust(sku, chance.choice((-units, units)), chance.choice(ends)), 15),
        (commands.TransferStock(*ends, (DemandLine(key, units),), ""), 15),
        (commands.SetStock(key, "default", 0, None, None, ""), 10),
        (place((sku, units)), 10),
    ]
    return chance.choices([command for command, _ in weighted], [each for _, each in weighted])[0]


async def test_a_location_can_be_deleted_or_filled_but_not_both(database: Database) -> None:
    """Forty times: one deletes, the other brings stock, at the same moment."""
    both: list[tuple[str, str]] = []
    async with mutations(database) as one, mutations(database) as two:
        await stocked(one, A=1000)
        for number in range(40):
            where = f"shop-{number}"
            await done(one, create_location(where))
            filler: Command = adjust("A", 1, where)
            if number % 2:
                lines = (DemandLine(ProductKey(sku="A"), 1),)
                filler = commands.TransferStock("default", where, lines, "")
            deleted, filled = await asyncio.gather(
                outcome(one, commands.DeleteLocation(where, 0)), outcome(two, filler)
            )
            both.append((deleted, filled))
    assert set(both) <= {("OK", "LOCATION_NOT_FOUND"), ("LOCATION_IN_USE", "OK")}
    audit(database)
    assert trouble(database)[0] == 0


async def test_a_return_to_a_shop_that_is_being_closed_arrives_or_is_refused(
    database: Database,
) -> None:
    both: list[tuple[str, str]] = []
    async with mutations(database) as one, mutations(database) as two:
        await stocked(one, A=1000)
        for number in range(25):
            where = f"shop-{number}"
            await done(one, create_location(where))
            order_id = (await done(one, place(("A", 1)))).order.order_id
            for status in (OrderStatus.SHIPPED, OrderStatus.DELIVERED):
                await done(one, commands.ChangeOrderStatus(order_id, status, "", 0))
            back = ReturnLine(1, 1, Disposition.RESTOCK, where)
            deleted, returned = await asyncio.gather(
                outcome(one, commands.DeleteLocation(where, 0)),
                outcome(two, commands.ReturnOrder(order_id, (back,), "", 0)),
            )
            both.append((deleted, returned))
    assert set(both) <= {("OK", "LOCATION_NOT_FOUND"), ("LOCATION_IN_USE", "OK")}
    audit(database)


async def test_a_product_can_be_deleted_or_ordered_but_not_both(database: Database) -> None:
    """With nothing on hand but a backorder allowance, which an order may use at any moment."""
    both: list[tuple[str, str]] = []
    async with mutations(database) as one, mutations(database) as two:
        for number in range(40):
            sku = f"P{number}"
            await done(one, create_product(sku))
            key = ProductKey(sku=sku)
            policy = commands.SetStockPolicy(key, "default", None, 5, None, False, 0)
            await done(one, policy)
            rival: Command = place((sku, 1)) if number % 2 else adjust(sku, 1)
            deleted, used = await asyncio.gather(
                outcome(one, commands.DeleteProduct(key, 0)), outcome(two, rival)
            )
            both.append((deleted, used))
    assert set(both) <= {("OK", "PRODUCT_NOT_FOUND"), ("PRODUCT_IN_USE", "OK")}
    audit(database)


async def test_one_of_many_gets_the_sku_and_the_others_are_told_who(database: Database) -> None:
    async with mutations(database) as one, mutations(database) as two:
        for number in range(10):
            sku = f"P{number}"
            calls = [
                server.execute(request(create_product(sku, ("default", 1))), None)
                for _ in range(5)
                for server in (one, two)
            ]
            answers = await asyncio.gather(*calls)
            winner = value(database, "SELECT product_id::text FROM products WHERE sku = %s", sku)
            assert sorted(reason_of(each) for each in answers) == ["OK"] + ["SKU_TAKEN"] * 9
            losers = [each for each in answers if each.code]
            assert {error_info(each).metadata["product_id"] for each in losers} == {winner}
    audit(database)
    assert trouble(database)[0] == 0


async def test_one_of_many_gets_the_location_id(database: Database) -> None:
    async with mutations(database) as one, mutations(database) as two:
        calls = [
            outcome(server, create_location("shop")) for _ in range(5) for server in (one, two)
        ]
        reasons = await asyncio.gather(*calls)
    assert sorted(reasons) == ["LOCATION_TAKEN"] * 9 + ["OK"]


async def test_products_that_pass_a_sku_on_never_share_it(database: Database) -> None:
    """Renames, deletions and undeletions on two servers, all about two SKUs."""
    chance = seeded()
    async with mutations(database) as one, mutations(database) as two:
        ids = [
            (await done(one, create_product(f"P{number}"))).product.product_id
            for number in range(4)
        ]

        def change() -> Command:
            key = ProductKey(product_id=chance.choice(ids))
            pick = chance.random()
            if pick < 0.5:
                sku = chance.choice(("P0", "P1"))
                fields = frozenset({"sku"})
                return commands.UpdateProduct(key, fields, sku, "", "", None, {}, 0)
            if pick < 0.75:
                return commands.DeleteProduct(key, 0)
            return commands.UndeleteProduct(key.product_id, 0)

        reasons = await all_at_once([one, two], [change() for _ in range(600)])
        print(one.counters, two.counters)
    assert set(reasons) <= {"OK", "SKU_TAKEN", "PRODUCT_NOT_FOUND", "PRODUCT_NOT_DELETED",
                            "CONTENTION"}  # fmt: skip
    assert reasons.count("CONTENTION") == 0
    audit(database)
