"""Commands of holds on one connection of the write path, each batch a transaction of the test's."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from inventory_grpc.domain import commands
from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import Command, LineQuantity, Remainder
from inventory_grpc.domain.context import Context, Ids
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.holds import expire_due
from inventory_grpc.domain.model import Hold
from inventory_grpc.store.footprint import Footprint
from inventory_grpc.store.link import Link
from inventory_grpc.store.prefetch import lock_and_read
from inventory_grpc.store.writes import write_calls
from tests.concurrency.harness import place, query
from tests.conftest import Database

HOUR = timedelta(hours=1)
AT_ONCE = timedelta(microseconds=1)
"""Over before the next transaction begins."""


@dataclass
class Store:
    """One connection of the write path; each call is a transaction."""

    link: Link
    caller: str = "anonymous"
    optimistic: bool = False
    enough: int = 0
    """Units that the caller may hold without anybody looking whether some of them are due."""

    def run(self, *batch: Command, callers: Collection[str] = ()) -> list[Any]:
        """Lock and read, decide, write and commit; each command by its own caller, if given."""
        books, now = self.read(*batch)
        results = self.decide(books, now, *batch, callers=callers)
        self.write(books, now)
        return results

    def read(self, *batch: Command) -> tuple[Books, datetime]:
        footprint = Footprint.of(batch)
        return lock_and_read(
            self.link,
            footprint,
            [],
            hold_callers={self.caller: self.enough},
            locking=not self.optimistic,
        )

    def decide(
        self, books: Books, now: datetime, *batch: Command, callers: Collection[str] = ()
    ) -> list[Any]:
        ids = Ids(now, 1)
        expire_due(books, now, ids)
        by = callers or [self.caller] * len(batch)
        contexts = (Context(now, ids, caller, str(uuid4())) for caller in by)
        return [decide(books, *each) for each in zip(batch, contexts, strict=True)]

    def write(self, books: Books, now: datetime) -> None:
        ids = Ids(now, 2)
        self.link.commit(write_calls(books, now, ids.next(), verify=self.optimistic))

    def seen(self, *batch: Command) -> Books:
        """What they would find."""
        books, _ = self.read(*batch)
        self.link.rollback()
        return books


def hold(*lines: tuple[str, int], ttl: timedelta = HOUR) -> commands.CreateHold:
    demand = place(*lines)
    return commands.CreateHold(demand.lines, ttl, "cart", False, demand.allocation)


def convert(
    found: Hold, *lines: tuple[int, int], rest: Remainder = Remainder.KEEP
) -> commands.ConvertHold:
    asked = tuple(LineQuantity(*line) for line in lines)
    return commands.ConvertHold(found.hold_id, asked, rest, "", {}, 0)


def extend(found: Hold, ttl: timedelta = HOUR) -> commands.ExtendHold:
    return commands.ExtendHold(found.hold_id, ttl, 0)


def release(found: Hold) -> commands.ReleaseHold:
    return commands.ReleaseHold(found.hold_id, "gone", 0)


def held_units(database: Database) -> dict[str, int]:
    sql = "SELECT sku, held FROM stock_levels JOIN products USING (product_id)"
    return dict(query(database, sql))


def budgets(database: Database) -> dict[str, int]:
    return dict(query(database, "SELECT caller, units FROM hold_budgets"))
