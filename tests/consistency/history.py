"""A stock level with a past, and what the check and the repair make of it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import AllocationStrategy, DemandLine, LineQuantity, Remainder
from inventory_grpc.domain.consistency import Summary, Violation
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.results import LevelRepair
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.services.consistency import Consistency
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.services.repairs import Repairs
from inventory_grpc.settings import Settings
from inventory_grpc.store.engine import ReadDatabase
from tests.concurrency.harness import (
    adjust,
    create_location,
    done,
    mutations,
    place,
    query,
    stocked,
)
from tests.conftest import Database

VERSION: Final = 12
"""Of the level when its past is told."""
COUNTERS: Final = (100, 9, 5)
"""on_hand, allocated, held then."""


@dataclass(frozen=True, slots=True)
class Past:
    """Ids of what happened to MUG at ``default``."""

    product: str
    part_shipped: str
    """Order of 10 at version 2, of which 4 are shipped (version 4)."""
    shipped: str
    """Order of 5 at version 3, shipped at version 9."""
    converted: str
    """Order of 3, made of the hold at version 6."""
    cancelled: str
    """Order of 2 at version 7, cancelled at version 8."""
    hold: str
    """Of 8 at version 5, of which 3 were converted."""
    released: str
    """Hold of 6 at version 11, released at version 12."""


async def tell(database: Database) -> Past:
    """Let it happen, and beside it some traffic at other levels that must not matter."""
    async with mutations(database) as server:
        await stocked(server, MUG=100, CUP=50)
        await done(server, create_location("berlin", 1))
        await done(server, adjust("MUG", 20, "berlin"))
        past = await _tell(server)
        await done(server, place(("CUP", 3), ("MUG", 2, "berlin")))
    [(product,)] = query(database, "SELECT product_id::text FROM products WHERE sku = 'MUG'")
    return Past(product, *past)


async def _tell(server: Mutations) -> tuple[str, ...]:
    part_shipped = (await done(server, place(("MUG", 10, "default")))).order.order_id
    shipped = (await done(server, place(("MUG", 5, "default")))).order.order_id
    await done(server, commands.ShipOrder(part_shipped, (LineQuantity(1, 4),), "", 0))
    hold = (await done(server, hold_of(("MUG", 8)))).hold.hold_id
    convert = commands.ConvertHold(hold, (LineQuantity(1, 3),), Remainder.KEEP, "", {}, 0)
    converted = (await done(server, convert)).order.order_id
    cancelled = (await done(server, place(("MUG", 2, "default")))).order.order_id
    await done(server, commands.CancelOrder(cancelled, (), "", recall=False, expected_version=0))
    await done(server, commands.ChangeOrderStatus(shipped, OrderStatus.SHIPPED, "", 0))
    await done(server, adjust("MUG", 9))
    released = (await done(server, hold_of(("MUG", 6)))).hold.hold_id
    await done(server, commands.ReleaseHold(released, "", 0))
    return part_shipped, shipped, converted, cancelled, hold, released


def hold_of(
    *lines: tuple[str, int], ttl: timedelta = timedelta(hours=1), location_id: str = "default"
) -> commands.CreateHold:
    """A hold of (SKU, quantity)."""
    demand = tuple(DemandLine(ProductKey(sku=sku), units, location_id) for sku, units in lines)
    return commands.CreateHold(demand, ttl, "", False, AllocationStrategy.PRIORITY)


def damage(database: Database, statements: str, past: Past) -> None:
    """By hand, as the owner of the schema: the service's role cannot even edit the ledger.

    The fields of ``past`` stand in braces; {level} is the level as a condition.
    """
    fields = {name: getattr(past, name) for name in Past.__slots__}
    level = f"product_id = '{past.product}' AND location_id = 'default'"
    with closing(database.connect("owner")) as conn, conn, conn.cursor() as cursor:
        cursor.execute(statements.format(level=level, **fields))


def check(database: Database, *keys: ProductKey) -> tuple[list[Violation], Summary]:
    """What the check finds, and how it ends."""
    with closing(ReadDatabase(database.url, pool_size=1, statement_timeout_ms=30_000)) as reading:
        items = [
            item for item in Consistency(reading).check(keys, lambda: None) if item is not None
        ]
    found = [item for item in items if isinstance(item, Violation)]
    assert len(items) == len(found) + 1
    summary = items[-1]
    assert isinstance(summary, Summary)
    assert summary.violations == len(found)
    return found, summary


def named(found: Sequence[Violation]) -> list[tuple[str, int]]:
    """(invariant, first bad version), sorted."""
    return sorted((str(each.invariant), each.first_bad_version) for each in found)


@contextmanager
def repairs(database: Database, **settings: Any) -> Iterator[Repairs]:
    """The repair, as the service's role."""
    with closing(Repairs.start(Settings(database_url=database.url, **settings))) as each:
        yield each


def repair_all(database: Database, *, apply: bool) -> list[LevelRepair]:
    """Of every damaged level: the plan, or what was done."""
    with repairs(database) as each:
        return [each.repair(level, apply=apply) for level in list(each.damaged([]))]


TABLES: Final = (
    "stock_levels",
    "stock_movements",
    "orders",
    "order_lines",
    "holds",
    "hold_lines",
    "ledger_repairs",
)


def contents(database: Database, *tables: str) -> dict[str, list[str]]:
    """Every row of these tables (none = all that a repair may read)."""
    return {
        table: sorted(text for (text,) in query(database, f"SELECT t::text FROM {table} t"))  # noqa: S608
        for table in tables or TABLES
    }
