"""Refusals that other tests have no occasion for, as a client sees them."""

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from inventory_grpc.v1 import (
    common_pb2,
    locations_pb2,
    orders_pb2,
    products_pb2,
)
from tests.conftest import Database
from tests.server.harness import Server, reason_of, running

_MUG = common_pb2.ProductKey(sku="MUG")


def test_the_id_of_a_location_cannot_be_taken_twice(server: Server) -> None:
    location = locations_pb2.Location(location_id="berlin", display_name="Berlin")
    request = locations_pb2.CreateLocationRequest(location=location)
    server.locations.CreateLocation(request)
    _refused("LOCATION_TAKEN", lambda: server.locations.CreateLocation(request))


def test_a_live_product_cannot_be_undeleted(server: Server) -> None:
    product_id = _product(server).product_id
    request = products_pb2.UndeleteProductRequest(product_id=product_id)
    _refused("PRODUCT_NOT_DELETED", lambda: server.products.UndeleteProduct(request))


def test_an_order_cannot_cost_more_than_money_can_say(server: Server) -> None:
    _product(server, common_pb2.Money(currency_code="EUR", units=999_999_999_999))
    request = _order(quantity=2)
    _refused("TOTAL_TOO_LARGE", lambda: server.orders.CreateOrder(request))


def test_who_waits_too_long_for_a_row_is_told_so(database: Database, tmp_path: Path) -> None:
    settings = {"lock_timeout_ms": "50", "lock_wait_ms_max": "200", "database_url": database.url}
    with running(tmp_path / "log", "--no-migrate", **settings) as server:
        _product(server)
        conn = database.connect("owner")
        with conn.cursor() as cursor:
            cursor.execute("SELECT FROM stock_levels FOR UPDATE")
        _refused("LOCK_TIMEOUT", lambda: server.orders.CreateOrder(_order(quantity=1)))
        conn.close()
        assert server.orders.CreateOrder(_order(quantity=1)).order.version == 1


def _product(server: Server, price: common_pb2.Money | None = None) -> products_pb2.Product:
    product = products_pb2.Product(sku="MUG", name="Mug", price=price)
    stock = [products_pb2.InitialStock(quantity=5)]
    request = products_pb2.CreateProductRequest(product=product, initial_stock=stock)
    return server.products.CreateProduct(request).product


def _order(quantity: int) -> orders_pb2.CreateOrderRequest:
    lines = [common_pb2.DemandLine(product=_MUG, quantity=quantity)]
    return orders_pb2.CreateOrderRequest(lines=lines)


def _refused(reason: str, call: Callable[[], object]) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    assert reason_of(refused.value) == reason
