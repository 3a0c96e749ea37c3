"""Endless requests of each workload, as bytes made as cheaply as a client can.

Messages are put together from serialized parts, which protobuf defines as merging them: the
client shares its processors with the server, so what it saves does not disturb the figures.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Final

import uuid_utils

from inventory_grpc.v1 import common_pb2, orders_pb2, stock_pb2
from tests.benchmarks.plan import PRODUCTS_PER_LOOKUP, ROWS_PER_BATCH, Workload

_SEED: Final = 20_240_229
_ORDERS: Final = "/inventory.v1.OrderService"

METHODS: Final[Mapping[Workload, str]] = {
    Workload.EMPTY: "/grpc.health.v1.Health/Check",
    Workload.ORDER_HOT: f"{_ORDERS}/CreateOrder",
    Workload.ORDER_UNIFORM: f"{_ORDERS}/CreateOrder",
    Workload.BATCH_HOT: f"{_ORDERS}/BatchCreateOrders",
    Workload.BATCH_UNIFORM: f"{_ORDERS}/BatchCreateOrders",
    Workload.ORDER_READ: f"{_ORDERS}/GetOrder",
    Workload.AVAILABILITY: "/inventory.v1.StockService/BatchGetAvailability",
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What was seeded."""

    product_ids: list[str]
    order_ids: list[str]


def requests_of(workload: Workload, catalogue: Catalogue) -> Iterator[bytes]:
    """The same sequence every time, but for the request ids."""
    chance = random.Random(_SEED)  # noqa: S311 - which products, nothing secret
    return _REQUESTS[workload](catalogue, chance)


def _empty(_catalogue: Catalogue, _chance: random.Random) -> Iterator[bytes]:
    return repeat(b"")


def _hot_orders(catalogue: Catalogue, _chance: random.Random) -> Iterator[bytes]:
    """Everybody wants the same two products."""
    lines = b"".join(_lines(catalogue)[:2])
    while True:
        yield lines + _request_id()


def _uniform_orders(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    """Any two products."""
    lines = _lines(catalogue)
    while True:
        one, other = chance.sample(lines, 2)
        yield one + other + _request_id()


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


def _availabilities(catalogue: Catalogue, chance: random.Random) -> Iterator[bytes]:
    while True:
        keys = [
            common_pb2.ProductKey(product_id=product_id)
            for product_id in chance.sample(catalogue.product_ids, PRODUCTS_PER_LOOKUP)
        ]
        yield stock_pb2.BatchGetAvailabilityRequest(products=keys).SerializeToString()


def _lines(catalogue: Catalogue) -> list[bytes]:
    """One unit of each product, as a request with nothing else in it."""
    return [
        orders_pb2.CreateOrderRequest(
            lines=[
                common_pb2.DemandLine(
                    product=common_pb2.ProductKey(product_id=product_id), quantity=1
                )
            ]
        ).SerializeToString()
        for product_id in catalogue.product_ids
    ]


def _request_id() -> bytes:
    request_id = str(uuid_utils.uuid7())
    return orders_pb2.CreateOrderRequest(request_id=request_id).SerializeToString()


_REQUESTS: Final[Mapping[Workload, Callable[[Catalogue, random.Random], Iterator[bytes]]]] = {
    Workload.EMPTY: _empty,
    Workload.ORDER_HOT: _hot_orders,
    Workload.ORDER_UNIFORM: _uniform_orders,
    Workload.BATCH_HOT: _hot_batches,
    Workload.BATCH_UNIFORM: _uniform_batches,
    Workload.ORDER_READ: _order_reads,
    Workload.AVAILABILITY: _availabilities,
}
