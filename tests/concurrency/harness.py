"""The write path without a network: requests as the edge makes them, answers as it reads them."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID, uuid4

from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from psycopg2.extensions import connection

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import AllocationStrategy, Command, DemandLine
from inventory_grpc.domain.model import AdjustmentReason, ProductKey
from inventory_grpc.engine.batcher import Batcher, BatcherSettings
from inventory_grpc.engine.committer import Committer
from inventory_grpc.engine.counters import Counters
from inventory_grpc.engine.request import Answer, Request
from inventory_grpc.rpc import encode
from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.services.mutations import STATEMENTS, Mutations
from inventory_grpc.settings import Settings
from inventory_grpc.store.link import Link, LinkSettings
from inventory_grpc.v1 import (
    errors_pb2,
    holds_pb2,
    locations_pb2,
    orders_pb2,
    products_pb2,
    stock_pb2,
)
from tests.concurrency.audit_queries import NEVER
from tests.conftest import Database

Row = Any
"""A row as the driver hands it over."""

ENCODERS: Final[dict[type[Command], encode.Encode]] = {
    commands.PlaceOrder: encode.order_in(orders_pb2.CreateOrderResponse),
    commands.ChangeOrderStatus: encode.order_in(orders_pb2.UpdateOrderStatusResponse),
    commands.ShipOrder: encode.order_in(orders_pb2.ShipOrderResponse),
    commands.CancelOrder: encode.order_in(orders_pb2.CancelOrderResponse),
    commands.ReturnOrder: encode.order_in(orders_pb2.ReturnOrderResponse),
    commands.AdjustStock: encode.stock_change_in(stock_pb2.AdjustStockResponse),
    commands.SetStock: encode.stock_change_in(stock_pb2.SetStockResponse),
    commands.SetStockPolicy: encode.stock_policy,
    commands.TransferStock: encode.transfer,
    commands.CreateProduct: encode.product_in(products_pb2.CreateProductResponse),
    commands.UpdateProduct: encode.product_in(products_pb2.UpdateProductResponse),
    commands.DeleteProduct: encode.product_in(products_pb2.DeleteProductResponse),
    commands.UndeleteProduct: encode.product_in(products_pb2.UndeleteProductResponse),
    commands.CreateLocation: encode.location_in(locations_pb2.CreateLocationResponse),
    commands.UpdateLocation: encode.location_in(locations_pb2.UpdateLocationResponse),
    commands.DeleteLocation: encode.location_in(locations_pb2.DeleteLocationResponse),
    commands.CreateHold: encode.hold_in(holds_pb2.CreateHoldResponse),
    commands.ExtendHold: encode.hold_in(holds_pb2.ExtendHoldResponse),
    commands.ConvertHold: encode.conversion,
    commands.ReleaseHold: encode.hold_in(holds_pb2.ReleaseHoldResponse),
    commands.ExpireHolds: lambda _result: b"",
}

_RESPONSES: Final[dict[type[Command], Any]] = {
    commands.PlaceOrder: orders_pb2.CreateOrderResponse,
    commands.ChangeOrderStatus: orders_pb2.UpdateOrderStatusResponse,
    commands.ShipOrder: orders_pb2.ShipOrderResponse,
    commands.CancelOrder: orders_pb2.CancelOrderResponse,
    commands.ReturnOrder: orders_pb2.ReturnOrderResponse,
    commands.AdjustStock: stock_pb2.AdjustStockResponse,
    commands.SetStock: stock_pb2.SetStockResponse,
    commands.SetStockPolicy: stock_pb2.SetStockPolicyResponse,
    commands.TransferStock: stock_pb2.TransferStockResponse,
    commands.CreateProduct: products_pb2.CreateProductResponse,
    commands.UpdateProduct: products_pb2.UpdateProductResponse,
    commands.DeleteProduct: products_pb2.DeleteProductResponse,
    commands.UndeleteProduct: products_pb2.UndeleteProductResponse,
    commands.CreateLocation: locations_pb2.CreateLocationResponse,
    commands.UpdateLocation: locations_pb2.UpdateLocationResponse,
    commands.DeleteLocation: locations_pb2.DeleteLocationResponse,
    commands.CreateHold: holds_pb2.CreateHoldResponse,
    commands.ExtendHold: holds_pb2.ExtendHoldResponse,
    commands.ConvertHold: holds_pb2.ConvertHoldResponse,
    commands.ReleaseHold: holds_pb2.ReleaseHoldResponse,
}


# -- requests --------------------------------------------------------------------------------------


def request(
    command: Command, request_id: str | None = None, *, validate_only: bool = False
) -> Request:
    """As the edge hands it over; without an id it gets one that nothing else has."""
    fingerprint = blake2b(repr(command).encode(), digest_size=16).digest()
    return Request(
        "anonymous", request_id or str(uuid4()), fingerprint, command, ENCODERS[type(command)],
        validate_only,
    )  # fmt: skip


def place(
    *lines: tuple[str, int] | tuple[str, int, str],
    strategy: AllocationStrategy = AllocationStrategy.PRIORITY,
) -> commands.PlaceOrder:
    """An order of (SKU, quantity) or (SKU, quantity, location)."""
    demand = tuple(DemandLine(ProductKey(sku=line[0]), line[1], *line[2:]) for line in lines)
    return commands.PlaceOrder(demand, strategy, "", {})


def adjust(
    sku: str,
    delta: int,
    location_id: str = "default",
    reason: AdjustmentReason | None = None,
) -> commands.AdjustStock:
    """A receipt, or a correction downwards."""
    if reason is None:
        reason = AdjustmentReason.RECEIVED if delta > 0 else AdjustmentReason.CORRECTION
    return commands.AdjustStock(ProductKey(sku=sku), location_id, delta, reason, "", 0)


def create_product(sku: str, *stock: tuple[str, int]) -> commands.CreateProduct:
    """A product without a price, with (location, units)."""
    return commands.CreateProduct(sku, sku, "", None, {}, stock)


def create_location(location_id: str, priority: int = 0) -> commands.CreateLocation:
    """A location named like its id."""
    return commands.CreateLocation(location_id, location_id, priority, {})


# -- answers ---------------------------------------------------------------------------------------


def response(command: Command | type[Command], answer: Answer) -> Any:
    """The command's response message. Fails on a refusal."""
    assert answer.code == 0, status_pb2.Status.FromString(answer.body)
    kind = command if isinstance(command, type) else type(command)
    return _RESPONSES[kind].FromString(answer.body)


def order_of(answer: Answer) -> orders_pb2.Order:
    """The order in the answer of any order command; all of them have it in the same field."""
    message: orders_pb2.Order = response(commands.PlaceOrder, answer).order
    return message


def error_info(answer: Answer) -> Any:
    """The ErrorInfo of a refusal."""
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(answer.body).details:
        if detail.Unpack(info):
            return info
    raise AssertionError("no ErrorInfo")


def reason_of(answer: Answer) -> str:
    """ "OK", or why it was refused."""
    return error_info(answer).reason if answer.code else "OK"


def shortages_of(answer: Answer) -> Sequence[errors_pb2.StockShortage]:
    """What an INSUFFICIENT_STOCK refusal lists."""
    found = errors_pb2.InsufficientStock()
    for detail in status_pb2.Status.FromString(answer.body).details:
        if detail.Unpack(found):
            return list(found.shortages)
    raise AssertionError("no InsufficientStock")


# -- servers ---------------------------------------------------------------------------------------


@asynccontextmanager
async def mutations(database: Database, **settings: Any) -> AsyncIterator[Mutations]:
    """The write path of one server, from its settings; not closed cleanly if the block raises."""
    server = Mutations.start(Settings(database_url=database.url, **settings), encode_refusal)
    yield server
    await server.close()


@asynccontextmanager
async def isolated(database: Database, isolation: str) -> AsyncIterator[Mutations]:
    """The write path at another isolation level."""
    counters = Counters()
    settings = LinkSettings(database.url, isolation=isolation)
    lanes = [Committer(Link(settings, STATEMENTS), encode_refusal, counters) for _ in range(3)]
    server = Mutations(Batcher(lanes[2:], lanes[0], lanes[1], BatcherSettings()), counters)
    yield server
    await server.close()


async def done(server: Mutations, command: Command, request_id: str | None = None) -> Any:
    """The response to a command that is not refused."""
    return response(command, await server.execute(request(command, request_id), None))


async def stocked(server: Mutations, **units: int) -> None:
    """Products with these SKUs and units at ``default``."""
    for sku, count in units.items():
        await done(server, create_product(sku, ("default", count)))


# -- the database ----------------------------------------------------------------------------------


def query(database: Database, sql: str, *arguments: object) -> list[Row]:
    """Rows of one statement, seen by a connection of its own."""
    with closing(database.connect("superuser")) as conn, conn.cursor() as cursor:
        conn.autocommit = True
        cursor.execute(sql, arguments)
        rows: list[Row] = cursor.fetchall()
        return rows


def value(database: Database, sql: str, *arguments: object) -> Any:
    """The one value of one row."""
    [(found,)] = query(database, sql, *arguments)
    return found


def run(database: Database, sql: str) -> None:
    """Statements of the superuser's, committed."""
    with closing(database.connect("superuser")) as conn, conn.cursor() as cursor:
        cursor.execute(sql)
        conn.commit()


@contextmanager
def held(database: Database, sql: str, *arguments: object) -> Iterator[connection]:
    """Whatever ``sql`` locks stays locked inside the block, or until its rollback."""
    with closing(database.connect("superuser")) as conn, conn.cursor() as cursor:
        cursor.execute(sql, arguments)
        yield conn


def held_level(database: Database, sku: str) -> Any:
    """All stock levels of one product locked by hand."""
    return held(
        database,
        "SELECT 1 FROM stock_levels JOIN products USING (product_id) WHERE sku = %s "
        "FOR UPDATE OF stock_levels",
        sku,
    )


def trouble(database: Database) -> tuple[int, int]:
    """(deadlocks, transactions rolled back) that PostgreSQL counted.

    A backend reports at its end at the latest: close the servers first.
    """
    with closing(database.connect("superuser")) as conn, conn.cursor() as cursor:
        conn.autocommit = True
        for _ in range(1000):
            cursor.execute(
                "SELECT pg_sleep(0.01), count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if (cursor.fetchone() or ("", 0))[1] == 0:
                break
        else:
            raise AssertionError("somebody is still connected")
        cursor.execute(
            "SELECT deadlocks, xact_rollback FROM pg_stat_database "
            "WHERE datname = current_database()"
        )
        row: tuple[int, int] = cursor.fetchone() or (-1, -1)
        return row


def levels(database: Database) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """(on_hand, allocated, shortfall, version) by (SKU, location), of what ever had stock."""
    return {
        (sku, place): (on_hand, allocated, shortfall, version)
        for sku, place, on_hand, allocated, shortfall, version in query(
            database,
            "SELECT sku, location_id, on_hand, allocated, shortfall, s.version "
            "FROM stock_levels s JOIN products USING (product_id) WHERE s.version > 0",
        )
    }


def audit(database: Database) -> None:
    """The ledger explains every counter, step by step; every order its allocations, every hold its
    held units, and every caller's budget its holds."""
    for what, sql in NEVER.items():
        found = query(database, sql)
        assert found == [], f"{what}: {found}"


# -- chance and threads ----------------------------------------------------------------------------


def seeded(seed: int | None = None) -> random.Random:
    """Chance that can be had again: the seed is in the output of a test that fails."""
    chosen = random.SystemRandom().randrange(2**32) if seed is None else seed
    print(f"seed {chosen}")
    return random.Random(chosen)  # noqa: S311 - repeatable on purpose


def uuid_of(chance: random.Random) -> str:
    """A request id."""
    return str(UUID(int=chance.getrandbits(128), version=4))


@dataclass
class Gate:
    """Lets a thread of the write path wait for the test."""

    reached: threading.Event
    opened: threading.Event

    @classmethod
    def closed(cls) -> "Gate":
        return cls(threading.Event(), threading.Event())

    def pass_through(self) -> None:
        """Called by the write path."""
        self.reached.set()
        assert self.opened.wait(30)

    async def wait_until_reached(self) -> None:
        """Called by the test."""
        assert await asyncio.to_thread(self.reached.wait, 30)
