"""Rows to read, written by the owner of the schema: reads are tested apart from the write path."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import Json

from inventory_grpc.domain.status import HoldStatus, OrderStatus
from inventory_grpc.rpc.reads.holds import HoldReads
from inventory_grpc.rpc.reads.locations import LocationReads
from inventory_grpc.rpc.reads.orders import OrderReads
from inventory_grpc.rpc.reads.products import ProductReads
from inventory_grpc.rpc.reads.stock import StockReads
from inventory_grpc.services.reads import Reads
from inventory_grpc.v1 import orders_pb2, products_pb2, stock_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
COMMIT = "0192d0a8-0000-7000-8000-0000000000cc"
REQUEST = "0192d0a8-0000-7000-8000-0000000000ee"


def uuid7(moment: datetime, number: int) -> str:
    """A UUIDv7 of that moment, the ``number``-th of its millisecond."""
    milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-7{number >> 16 & 0xFFF:03x}-8000-{number & 0xFFFF:012x}"


class Handlers(ProductReads, LocationReads, StockReads, OrderReads, HoldReads):
    """All reads of the API, as the guard calls them; those that gather are waited for here."""

    def __init__(self, reads: Reads) -> None:
        self.reads = reads

    def GetProduct(  # type: ignore[override] # noqa: N802
        self, request: products_pb2.GetProductRequest, context: "Call"
    ) -> products_pb2.GetProductResponse:
        answer = asyncio.run(super().GetProduct(request, context))
        return products_pb2.GetProductResponse.FromString(answer)

    def GetOrder(  # type: ignore[override] # noqa: N802
        self, request: orders_pb2.GetOrderRequest, context: "Call"
    ) -> orders_pb2.GetOrderResponse:
        return orders_pb2.GetOrderResponse.FromString(
            asyncio.run(super().GetOrder(request, context))
        )

    def GetStockLevel(  # type: ignore[override] # noqa: N802
        self, request: stock_pb2.GetStockLevelRequest, context: "Call"
    ) -> stock_pb2.GetStockLevelResponse:
        answer = asyncio.run(super().GetStockLevel(request, context))
        return stock_pb2.GetStockLevelResponse.FromString(answer)

    def BatchGetAvailability(  # type: ignore[override] # noqa: N802
        self, request: stock_pb2.BatchGetAvailabilityRequest, context: "Call"
    ) -> stock_pb2.BatchGetAvailabilityResponse:
        answer = asyncio.run(super().BatchGetAvailability(request, context))
        return stock_pb2.BatchGetAvailabilityResponse.FromString(answer)


@dataclass(frozen=True, slots=True)
class Call:
    """A call with that many seconds left; without a deadline gRPC says something enormous."""

    seconds: float | None = 1e18

    def time_remaining(self) -> float | None:
        return self.seconds


CALL = Call()


@dataclass(frozen=True, slots=True)
class Held:
    """A line of a hold; its units come and go with the columns of the table."""

    product_id: str
    location_id: str = "default"
    quantity: int = 5
    converted: int = 0
    released: int = 0
    expired: int = 0


@dataclass(slots=True)
class Shop:
    """Writes rows through ``conn`` and commits each; ids ascend with the order of the calls."""

    conn: connection
    made: int = 0
    moment: datetime = field(default=START)

    def run(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> None:
        with self.conn.cursor() as cursor:
            cursor.execute(statement, parameters or None)
        self.conn.commit()

    def next_id(self, at: datetime | None = None) -> str:
        self.made += 1
        return uuid7(at or self.moment, self.made)

    def product(
        self,
        sku: str,
        name: str = "A product",
        description: str = "",
        price: str | None = None,
        currency: str = "EUR",
        labels: Mapping[str, str] | None = None,
        deleted: bool = False,
    ) -> str:
        product_id = self.next_id()
        amount = None if price is None else Decimal(price)
        self.run(
            "INSERT INTO products VALUES (%s, %s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s)",
            (
                product_id,
                sku,
                name,
                description,
                amount,
                None if price is None else currency,
                Json(labels or {}),
                self.moment,
                self.moment,
                self.moment if deleted else None,
                COMMIT,
            ),
        )
        return product_id

    def location(self, location_id: str, deleted: bool = False) -> str:
        self.run(
            "INSERT INTO locations VALUES (%s, %s, 1, '{}', 1, %s, %s, %s, %s)",
            (
                location_id,
                location_id.title(),
                self.moment,
                self.moment,
                self.moment if deleted else None,
                COMMIT,
            ),
        )
        return location_id

    def level(self, product_id: str, location_id: str = "default", **counters: int | None) -> None:
        columns = {"version": 1, **counters}
        names = ", ".join(columns)
        places = ", ".join(f"%({name})s" for name in columns)
        self.run(
            f"INSERT INTO stock_levels (product_id, location_id, update_time, {names})"  # noqa: S608
            f" VALUES (%(product_id)s, %(location_id)s, now(), {places})",
            {**columns, "product_id": product_id, "location_id": location_id},
        )

    def order(
        self,
        *product_ids: str,
        status: OrderStatus = OrderStatus.PENDING,
        reference: str = "",
        at: datetime | None = None,
        hold_id: str | None = None,
    ) -> str:
        moment = at or self.moment
        order_id = self.next_id(moment)
        self.run(
            "INSERT INTO orders VALUES"
            " (%s, %s, %s, '{\"k\": \"v\"}', 12.5, 'EUR', %s, 1, %s, %s, 'because', %s)",
            (order_id, int(status), reference, hold_id, moment, moment, COMMIT),
        )
        for number, product_id in enumerate(product_ids, start=1):
            self.run(
                "INSERT INTO order_lines VALUES"
                " (%s, %s, %s, %s, 'default', 5, 2.5, 'EUR', 3, 1, 2)",
                (order_id, number, number - 1, product_id),
            )
        return order_id

    def hold(
        self,
        *lines: Held,
        status: HoldStatus = HoldStatus.ACTIVE,
        reference: str = "",
        ends_in: timedelta = HOUR,
    ) -> str:
        """A hold that ends so long after now, or before it."""
        made = self.moment
        hold_id = self.next_id()
        self.run(
            "INSERT INTO holds VALUES (%s, %s, 'anonymous', %s, now() + %s, 9, 3, %s, %s, %s)",
            (hold_id, int(status), reference, ends_in, made, made, COMMIT),
        )
        for number, line in enumerate(lines, start=1):
            counters = (line.quantity, line.converted, line.released, line.expired)
            self.run(
                "INSERT INTO hold_lines VALUES"
                " (%s, %s, %s, %s, %s, 1000, %s, %s, %s, %s, now() + %s)",
                (
                    hold_id,
                    number,
                    number - 1,
                    line.product_id,
                    line.location_id,
                    *counters,
                    ends_in,
                ),
            )
        return hold_id

    def event(self, order_id: str, version: int) -> str:
        event_id = self.next_id()
        self.run(
            "INSERT INTO order_events VALUES"
            " (%s, %s, %s, 3, 1, 4, '[[1, 3], [2, 4]]', 'why', 'anonymous', %s, %s, %s)",
            (order_id, version, event_id, REQUEST, self.moment, COMMIT),
        )
        return event_id

    def movement(
        self,
        product_id: str,
        version: int,
        location_id: str = "default",
        *,
        kind: int = 1,
        order_id: str | None = None,
        request_id: str = REQUEST,
        at: datetime | None = None,
        hold_id: str | None = None,
    ) -> str:
        moment = at or self.moment
        movement_id = self.next_id(moment)
        self.run(
            "INSERT INTO stock_movements VALUES (%s, %s, %s, %s, %s, 1, 2, 3, 4, 5, 6, 7, 1,"
            " %s, %s, NULL, %s, 'anonymous', 1, 'note', %s, %s)",
            (
                product_id,
                location_id,
                version,
                movement_id,
                kind,
                order_id,
                hold_id,
                request_id,
                moment,
                COMMIT,
            ),
        )
        return movement_id
