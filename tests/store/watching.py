"""A watcher that compares every change with what the reads show right after the call."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from typing import Any

from inventory_grpc.domain import commands
from inventory_grpc.domain.changes import Change, ChangeKind, Cursor
from inventory_grpc.domain.commands import Command
from inventory_grpc.domain.model import Hold, Order, Product, ProductKey, ProductStock, StockLevel
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.store.changes import read_changes
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.queries import holds, orders, products, stock
from tests.concurrency.harness import done, mutations, query
from tests.conftest import Database
from tests.store.stream import sequence_all

Key = tuple[str, ...]
Resource = Product | StockLevel | Hold | Order

ALL = {
    "product": "SELECT product_id::text, version FROM products",
    "level": "SELECT product_id::text, location_id, version FROM stock_levels WHERE version > 0",
    "hold": "SELECT hold_id::text, version FROM holds",
    "order": "SELECT order_id::text, version FROM orders",
}
LEVELS = """
    SELECT product_id::text, location_id, on_hand, allocated, held,
           coalesce(on_hand - allocated - held - safety_stock <= low_stock_threshold, false)
      FROM stock_levels WHERE version > 0"""
CROSSINGS = (ChangeKind.LOW_STOCK, ChangeKind.STOCK_RECOVERED)


def kinds(changes: Sequence[Change]) -> list[ChangeKind]:
    return [change.kind for change in changes]


def policy(sku: str, **values: Any) -> commands.SetStockPolicy:
    nothing = commands.SetStockPolicy(ProductKey(sku=sku), "default", None, None, None, False, 0)
    return replace(nothing, **values)


def key_of(resource: Resource) -> Key:
    match resource:
        case Product():
            return "product", resource.product_id
        case StockLevel():
            return "level", resource.product_id, resource.location_id
        case Hold():
            return "hold", resource.hold_id
        case Order():
            return "order", resource.order_id


@dataclass
class Watcher:
    """What it knows is what it was told."""

    database: Database
    server: Mutations
    reading: ReadDatabase
    cursor: Cursor = field(default_factory=lambda: Cursor(0))
    told: list[Change] = field(default_factory=list)
    known: dict[Key, Resource] = field(default_factory=dict)
    low: set[Key] = field(default_factory=set)

    async def did(self, command: Command) -> Any:
        """The answer to a command, after everything told of it was compared."""
        answer = await done(self.server, command)
        for key in {key_of(change.resource) for change in self.listen()}:
            assert self.known[key] == self.shown(key), key
        return answer

    def listen(self, commits_max: int = 1_000) -> list[Change]:
        """What is new, each version right behind the one before."""
        sequence_all(self.database)
        with self.reading.begin(None) as conn:
            changes, self.cursor = read_changes(conn, self.cursor, commits_max)
        for change in changes:
            self._take(change)
        self.told += changes
        return changes

    def _take(self, change: Change) -> None:
        key = key_of(change.resource)
        assert change.version == change.resource.version
        before = self.known[key].version if key in self.known else 0
        if change.kind in CROSSINGS:
            assert change.version == before
            is_low = change.kind is ChangeKind.LOW_STOCK
            assert is_low == (key not in self.low), change
            self.low ^= {key}
        else:
            assert change.version == before + 1
        self.known[key] = change.resource

    def shown(self, key: Key) -> Resource | None:
        """By the reads, now; a product without its stock."""
        with self.reading.begin(None) as conn:
            match key:
                case ("product", product_id):
                    (product,) = products.batch_get(conn, [ProductKey(product_id)])
                    return replace(product, stock=ProductStock())
                case ("level", product_id, location_id):
                    at = ProductKey(product_id), location_id
                    return stock.levels(conn, [at])[at]
                case ("hold", hold_id):
                    return holds.get(conn, hold_id)
        return orders_get(self.reading, key[1])

    def check(self) -> None:
        """What was told, replayed, is what the tables have."""
        self.check_versions()
        for key, resource in self.known.items():
            assert resource == self.shown(key)

    def check_versions(self) -> None:
        """No more and no less than there is; levels with their counters; and which are low."""
        stored = {
            (kind, *row[:-1]): row[-1]
            for kind, sql in ALL.items()
            for row in query(self.database, sql)
        }
        assert {key: resource.version for key, resource in self.known.items()} == stored
        for *key, on_hand, allocated, held, is_low in query(self.database, LEVELS):
            level = self.known["level", *key]
            assert isinstance(level, StockLevel)
            assert (level.on_hand, level.allocated, level.held) == (on_hand, allocated, held)
            assert (("level", *key) in self.low) == is_low


def orders_get(reading: ReadDatabase, order_id: str) -> Order | None:
    with reading.begin(None) as conn:
        return orders.batch_get(conn, [order_id]).get(order_id)


def from_anywhere(watcher: Watcher) -> Iterator[tuple[Change, list[Change]]]:
    """Every change, and what comes behind it for who resumes there, some commits at a time."""
    for change in watcher.told:
        cursor, rest = change.cursor, []
        while True:
            with watcher.reading.begin(None) as conn:
                changes, behind = read_changes(conn, cursor, 2)
            if behind == cursor:
                break
            cursor = behind
            rest += changes
        yield change, rest


@asynccontextmanager
async def watching(database: Database) -> AsyncIterator[Watcher]:
    with closing(ReadDatabase(database.url, pool_size=2, statement_timeout_ms=30_000)) as reading:
        async with mutations(database) as server:
            yield Watcher(database, server, reading)
