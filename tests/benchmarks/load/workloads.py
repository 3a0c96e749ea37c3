"""The requests of each workload, as bytes made as cheaply as a client can.

Messages are put together from serialized parts, which protobuf defines as merging them: the
client shares its processors with the server, so what it saves does not disturb the figures.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from typing import Final

import uuid_utils

from inventory_grpc.v1 import common_pb2, holds_pb2, orders_pb2, products_pb2, stock_pb2
from tests.benchmarks.plan import (
    HOLD_HOURS,
    PREPARED_BY,
    PRODUCTS_PER_CART,
    PRODUCTS_PER_LOOKUP,
    ROWS_PER_BATCH,
    Workload,
)

_SEED: Final = 20_240_229
_ORDERS: Final = "/inventory.v1.OrderService"
_HOLDS: Final = "/inventory.v1.HoldService"
_STOCK: Final = "/inventory.v1.StockService"

METHODS: Final[Mapping[Workload, str]] = {
    Workload.EMPTY: "/grpc.health.v1.Health/Check",
    Workload.ORDER_HOT: f"{_ORDERS}/CreateOrder",
    Workload.ORDER_UNIFORM: f"{_ORDERS}/CreateOrder",
    Workload.OPTIMISTIC_HOT: f"{_ORDERS}/CreateOrder",
    Workload.OPTIMISTIC_UNIFORM: f"{_ORDERS}/CreateOrder",
    Workload.HOLD_HOT: f"{_HOLDS}/CreateHold",
    Workload.HOLD_UNIFORM: f"{_HOLDS}/CreateHold",
    Workload.CONVERT_HOT: f"{_HOLDS}/ConvertHold",
    Workload.CONVERT_UNIFORM: f"{_HOLDS}/ConvertHold",
    Workload.BATCH_HOT: f"{_ORDERS}/BatchCreateOrders",
    Workload.BATCH_UNIFORM: f"{_ORDERS}/BatchCreateOrders",
    Workload.ORDER_READ: f"{_ORDERS}/GetOrder",
    Workload.PRODUCT_READ: "/inventory.v1.ProductService/GetProduct",
    Workload.LEVEL_READ: f"{_STOCK}/GetStockLevel",
    Workload.CART_AVAILABILITY: f"{_STOCK}/BatchGetAvailability",
    Workload.AVAILABILITY: f"{_STOCK}/BatchGetAvailability",
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What was seeded, and what was prepared since."""

    product_ids: list[str]
    order_ids: list[str]
    hold_ids: dict[Workload, deque[str]] = field(
        default_factory=lambda: {workload: deque() for workload in PREPARED_BY}
    )
    """Holds that the workload may convert, each once."""


def requests_of(workload: Workload, catalogue: Catalogue) -> Iterator[bytes]:
    """The same sequence every time, but for the request ids; endless but for conversions."""
    chance = random.Random(_SEED)  # noqa: S311 - which products, nothing secret
    return _REQUESTS[workload](catalogue, chance)


def _empty(_catalogue: Catalogue, _chance: random.Random) -> Iterator[bytes]:
    return repeat(b"")


def _hot_orders(catalogue: Catalogue, chance: random.Random, every: bytes = b"") -> Iterator[bytes]:
    return _with_order_ids(_hot_lines(catalogue, chance), every)


def _uniform_orders(
    catalogue: Catalogue, chance: random.Random, every: bytes = b""
) -> Iterator[bytes]:
    return _with_order_ids(_uniform_lines(catalogue, chance), every)


def _with_order_ids(lines: Iterator[bytes], every: bytes) -> Iterator[bytes]:
    return (
        each + every + orders_pb2.CreateOrderRequest(request_id=_request_id()).SerializeToString()
        for each in lines
    )


def _hot_holds(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    return _holds(_hot_lines(catalogue, chance))


def _uniform_holds(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    return _holds(_uniform_lines(catalogue, chance))


def _holds(lines: Iterator[bytes]) -> Iterator[bytes]:
    request = holds_pb2.CreateHoldRequest()
    request.ttl.seconds = HOLD_HOURS * 3600
    for each in lines:
        request.request_id = _request_id()
        yield each + request.SerializeToString()


def _conversions(
    workload: Workload, catalogue: Catalogue, _chance: random.Random
) -> Iterator[bytes]:
    """Of everything prepared."""
    hold_ids = catalogue.hold_ids[workload]
    while hold_ids:
        yield holds_pb2.ConvertHoldRequest(
            hold_id=hold_ids.popleft(), request_id=_request_id()
        ).SerializeToString()


def _hot_batches(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    return _batches(_hot_orders(catalogue, chance))


def _uniform_batches(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    return _batches(_uniform_orders(catalogue, chance))


def _batches(orders: Iterator[bytes]) -> Iterator[bytes]:
    while True:
        batch = orders_pb2.BatchCreateOrdersRequest()
        for _ in range(ROWS_PER_BATCH):
            batch.requests.add().MergeFromString(next(orders))
        yield batch.SerializeToString()


def _order_reads(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    while True:
        order_id = chance.choice(catalogue.order_ids)
        yield orders_pb2.GetOrderRequest(order_id=order_id).SerializeToString()


def _product_reads(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    while True:
        key = _key(chance.choice(catalogue.product_ids))
        yield products_pb2.GetProductRequest(product=key).SerializeToString()


def _level_reads(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    while True:
        key = _key(chance.choice(catalogue.product_ids))
        yield stock_pb2.GetStockLevelRequest(product=key).SerializeToString()


def _availabilities(
    catalogue: Catalogue, chance: random.Random, products: int = PRODUCTS_PER_LOOKUP
) -> Iterator[bytes]:
    while True:
        keys = [_key(product_id) for product_id in chance.sample(catalogue.product_ids, products)]
        yield stock_pb2.BatchGetAvailabilityRequest(products=keys).SerializeToString()


def _hot_lines(catalogue: Catalogue, _chance: random.Random) -> Iterator[bytes]:
    """Everybody wants the same two products."""
    return repeat(b"".join(_lines(catalogue)[:2]))


def _uniform_lines(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    """Any two products."""
    lines = _lines(catalogue)
    while True:
        one, other = chance.sample(lines, 2)
        yield one + other


def _lines(catalogue: Catalogue) -> list[bytes]:
    """One unit of each product, as a request with nothing else in it, for an order or a hold."""
    return [
        orders_pb2.CreateOrderRequest(
            lines=[common_pb2.DemandLine(product=_key(product_id), quantity=1)]
        ).SerializeToString()
        for product_id in catalogue.product_ids
    ]


def _key(product_id: str) -> common_pb2.ProductKey:
    return common_pb2.ProductKey(product_id=product_id)


def _request_id() -> str:
    return str(uuid_utils.uuid7())


_OPTIMISTIC: Final = orders_pb2.CreateOrderRequest(
    locking=common_pb2.LOCKING_STRATEGY_OPTIMISTIC
).SerializeToString()

_REQUESTS: Final[Mapping[Workload, Callable[[Catalogue, random.Random], Iterator[bytes]]]] = {
    Workload.EMPTY: _empty,
    Workload.ORDER_HOT: _hot_orders,
    Workload.ORDER_UNIFORM: _uniform_orders,
    Workload.OPTIMISTIC_HOT: partial(_hot_orders, every=_OPTIMISTIC),
    Workload.OPTIMISTIC_UNIFORM: partial(_uniform_orders, every=_OPTIMISTIC),
    Workload.HOLD_HOT: _hot_holds,
    Workload.HOLD_UNIFORM: _uniform_holds,
    Workload.CONVERT_HOT: partial(_conversions, Workload.CONVERT_HOT),
    Workload.CONVERT_UNIFORM: partial(_conversions, Workload.CONVERT_UNIFORM),
    Workload.BATCH_HOT: _hot_batches,
    Workload.BATCH_UNIFORM: _uniform_batches,
    Workload.ORDER_READ: _order_reads,
    Workload.PRODUCT_READ: _product_reads,
    Workload.LEVEL_READ: _level_reads,
    Workload.CART_AVAILABILITY: partial(_availabilities, products=PRODUCTS_PER_CART),
    Workload.AVAILABILITY: _availabilities,
}
