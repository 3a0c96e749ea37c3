"""The catalogue that everything is measured on, made through the API like anybody's."""

from collections.abc import Iterator, Sequence
from typing import Final

import grpc

from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from inventory_grpc.v1.products_pb2_grpc import ProductServiceStub
from tests.benchmarks.load.workloads import Catalogue

_ROWS_MAX: Final = 1_000
_UNITS: Final = 1_000_000_000
"""Stock that no run uses up."""
_SECONDS_MAX: Final = 60


def seed(address: str, products: int, orders: int) -> Catalogue:
    """Products with a price and stock at one location, and orders of two lines."""
    with grpc.insecure_channel(address) as channel:
        product_ids = [
            product_id
            for numbers in _portions(range(products))
            for product_id in _create_products(ProductServiceStub(channel), numbers)
        ]
        order_ids = [
            order_id
            for numbers in _portions(range(orders))
            for order_id in _create_orders(OrderServiceStub(channel), product_ids, numbers)
        ]
    return Catalogue(product_ids, order_ids)


def _portions(numbers: range) -> Iterator[range]:
    return (numbers[start : start + _ROWS_MAX] for start in range(0, len(numbers), _ROWS_MAX))


def _create_products(stub: ProductServiceStub, numbers: range) -> list[str]:
    requests = [_product(number) for number in numbers]
    response = stub.BatchCreateProducts(
        products_pb2.BatchCreateProductsRequest(requests=requests), timeout=_SECONDS_MAX
    )
    return [result.response.product.product_id for result in response.results]


def _product(number: int) -> products_pb2.CreateProductRequest:
    return products_pb2.CreateProductRequest(
        product=products_pb2.Product(
            sku=f"BENCH-{number:05}",
            name=f"Benchmark product {number}",
            price=common_pb2.Money(currency_code="EUR", units=number % 100, nanos=990_000_000),
        ),
        initial_stock=[products_pb2.InitialStock(quantity=_UNITS)],
    )


def _create_orders(stub: OrderServiceStub, product_ids: Sequence[str], numbers: range) -> list[str]:
    requests = [
        orders_pb2.CreateOrderRequest(
            lines=[_line(product_ids, 2 * number), _line(product_ids, 2 * number + 1)]
        )
        for number in numbers
    ]
    response = stub.BatchCreateOrders(
        orders_pb2.BatchCreateOrdersRequest(requests=requests), timeout=_SECONDS_MAX
    )
    return [result.response.order.order_id for result in response.results]


def _line(product_ids: Sequence[str], number: int) -> common_pb2.DemandLine:
    product_id = product_ids[number % len(product_ids)]
    return common_pb2.DemandLine(product=common_pb2.ProductKey(product_id=product_id), quantity=1)
