"""Every plain read of the API, as a call that succeeds on a small shop."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from inventory_grpc.v1 import (
    common_pb2,
    holds_pb2,
    locations_pb2,
    orders_pb2,
    products_pb2,
    stock_pb2,
)
from tests.server.harness import Server


@dataclass(frozen=True)
class Shop:
    """One of each, and the token of the last change."""

    product_id: str
    order_id: str
    hold_id: str
    resume_token: str


def stocked(server: Server) -> Shop:
    """A product with stock, an order and a hold of it."""
    made = server.products.CreateProduct(
        products_pb2.CreateProductRequest(
            product=products_pb2.Product(sku="CUP", name="Cup"),
            initial_stock=[products_pb2.InitialStock(quantity=10)],
        )
    )
    line = common_pb2.DemandLine(product=common_pb2.ProductKey(sku="CUP"), quantity=1)
    order = server.orders.CreateOrder(orders_pb2.CreateOrderRequest(lines=[line]))
    ttl = Duration()
    ttl.FromTimedelta(timedelta(hours=1))
    hold = server.holds.CreateHold(holds_pb2.CreateHoldRequest(lines=[line], ttl=ttl))
    return Shop(made.product.product_id, order.order.order_id, hold.hold.hold_id, hold.resume_token)


Ask = Callable[[Server, Shop], tuple[Any, Any]]
"""A method of a stub, and a request that it answers."""


def _key(shop: Shop) -> common_pb2.ProductKey:
    return common_pb2.ProductKey(product_id=shop.product_id)


READS: Final[dict[str, Ask]] = {
    "GetProduct": lambda server, shop: (
        server.products.GetProduct,
        products_pb2.GetProductRequest(product=_key(shop)),
    ),
    "BatchGetProducts": lambda server, shop: (
        server.products.BatchGetProducts,
        products_pb2.BatchGetProductsRequest(products=[_key(shop)]),
    ),
    "ListProducts": lambda server, _: (
        server.products.ListProducts,
        products_pb2.ListProductsRequest(),
    ),
    "GetLocation": lambda server, _: (
        server.locations.GetLocation,
        locations_pb2.GetLocationRequest(location_id="default"),
    ),
    "ListLocations": lambda server, _: (
        server.locations.ListLocations,
        locations_pb2.ListLocationsRequest(),
    ),
    "GetStockLevel": lambda server, shop: (
        server.stock.GetStockLevel,
        stock_pb2.GetStockLevelRequest(product=_key(shop)),
    ),
    "ListStockLevels": lambda server, _: (
        server.stock.ListStockLevels,
        stock_pb2.ListStockLevelsRequest(),
    ),
    "BatchGetAvailability": lambda server, shop: (
        server.stock.BatchGetAvailability,
        stock_pb2.BatchGetAvailabilityRequest(products=[_key(shop)]),
    ),
    "ListStockMovements": lambda server, _: (
        server.stock.ListStockMovements,
        stock_pb2.ListStockMovementsRequest(),
    ),
    "GetStockMovementSummary": lambda server, shop: (
        server.stock.GetStockMovementSummary,
        stock_pb2.GetStockMovementSummaryRequest(
            filter=stock_pb2.StockMovementFilter(product=_key(shop))
        ),
    ),
    "GetHold": lambda server, shop: (
        server.holds.GetHold,
        holds_pb2.GetHoldRequest(hold_id=shop.hold_id),
    ),
    "ListHolds": lambda server, _: (server.holds.ListHolds, holds_pb2.ListHoldsRequest()),
    "GetOrder": lambda server, shop: (
        server.orders.GetOrder,
        orders_pb2.GetOrderRequest(order_id=shop.order_id),
    ),
    "BatchGetOrders": lambda server, shop: (
        server.orders.BatchGetOrders,
        orders_pb2.BatchGetOrdersRequest(order_ids=[shop.order_id]),
    ),
    "ListOrders": lambda server, _: (server.orders.ListOrders, orders_pb2.ListOrdersRequest()),
    "ListOrderEvents": lambda server, shop: (
        server.orders.ListOrderEvents,
        orders_pb2.ListOrderEventsRequest(order_id=shop.order_id),
    ),
}
WITH_RESUME_TOKEN: Final = (
    "BatchGetAvailability", "ListStockLevels", "ListOrders", "ListHolds", "ListProducts",
)  # fmt: skip
"""Reads whose answers say where the change stream stood."""
