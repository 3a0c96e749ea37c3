"""Reading one thing by its name."""

from collections.abc import Callable

import pytest

from inventory_grpc.domain.errors import (
    InvalidFields,
    LocationNotFound,
    OrderNotFound,
    ProductNotFound,
)
from inventory_grpc.v1 import common_pb2, locations_pb2, orders_pb2, products_pb2, stock_pb2
from tests.reads.shop import CALL, Handlers, Shop

NOBODY = "0192d0a8-ffff-7000-8000-ffffffffffff"


def get_product(handlers: Handlers, **key: str) -> products_pb2.Product:
    request = products_pb2.GetProductRequest(product=common_pb2.ProductKey(**key))
    return handlers.GetProduct(request, CALL).product


def get_level(handlers: Handlers, location_id: str = "", **key: str) -> stock_pb2.StockLevel:
    product = common_pb2.ProductKey(**key)
    request = stock_pb2.GetStockLevelRequest(product=product, location_id=location_id)
    return handlers.GetStockLevel(request, CALL).stock_level


def test_a_product_shows_its_stock_summed_over_locations(shop: Shop, handlers: Handlers) -> None:
    product_id = shop.product("MUG-1", "Mug", "Blue", "9.9999", labels={"size": "l"})
    shop.level(product_id, on_hand=10, allocated=3, held=2, safety_stock=1)
    shop.level(product_id, shop.location("berlin"), on_hand=5, allocated=7, backorder_limit=2)

    product = get_product(handlers, sku="MUG-1")

    assert product == get_product(handlers, product_id=product_id)
    assert product == get_product(handlers, product_id=product_id.upper())
    assert product.product_id == product_id
    assert (product.name, product.description, product.version) == ("Mug", "Blue", 1)
    assert (product.price.units, product.price.nanos) == (9, 999_900_000)
    assert dict(product.labels) == {"size": "l"}
    stock = product.stock
    assert (stock.on_hand, stock.allocated, stock.held, stock.available) == (15, 10, 2, 2)
    assert product.create_time.ToDatetime(tzinfo=shop.moment.tzinfo) == shop.moment
    assert not product.HasField("delete_time")


def test_a_product_without_stock_or_price_shows_zeros_and_no_price(
    shop: Shop, handlers: Handlers
) -> None:
    shop.product("MUG-1")
    product = get_product(handlers, sku="MUG-1")
    assert product.HasField("stock")
    assert product.stock == products_pb2.ProductStock()
    assert not product.HasField("price")


def test_a_deleted_product_is_found_by_id_only(shop: Shop, handlers: Handlers) -> None:
    product_id = shop.product("MUG-1", deleted=True)
    assert get_product(handlers, product_id=product_id).HasField("delete_time")
    with pytest.raises(ProductNotFound) as refused:
        get_product(handlers, sku="MUG-1")
    assert refused.value.metadata == {"missing": "sku:MUG-1"}


def test_a_reused_sku_finds_the_live_product(shop: Shop, handlers: Handlers) -> None:
    shop.product("MUG-1", deleted=True)
    live = shop.product("MUG-1")
    assert get_product(handlers, sku="MUG-1").product_id == live


def test_skus_differ_in_case(shop: Shop, handlers: Handlers) -> None:
    shop.product("MUG-1")
    with pytest.raises(ProductNotFound):
        get_product(handlers, sku="mug-1")


def test_an_order_shows_its_lines_in_order_with_the_skus_of_now(
    shop: Shop, handlers: Handlers
) -> None:
    mug, cup = shop.product("MUG-1"), shop.product("CUP-1")
    order_id = shop.order(mug, cup, mug, reference="A7")
    shop.run("UPDATE products SET sku = 'CUP-2' WHERE product_id = %s", [cup])

    request = orders_pb2.GetOrderRequest(order_id=order_id.upper())
    order = handlers.GetOrder(request, CALL).order

    assert order.order_id == order_id
    assert order.status == orders_pb2.ORDER_STATUS_PENDING
    assert [(line.line_number, line.sku) for line in order.lines] == [
        (1, "MUG-1"),
        (2, "CUP-2"),
        (3, "MUG-1"),
    ]
    line = order.lines[0]
    assert (line.quantity, line.shipped_quantity) == (5, 3)
    assert (line.cancelled_quantity, line.returned_quantity) == (1, 2)
    assert (line.unit_price.units, line.unit_price.nanos) == (2, 500_000_000)
    assert (order.total.currency_code, order.total.units) == ("EUR", 12)
    assert (order.customer_reference, order.status_reason) == ("A7", "because")
    assert dict(order.labels) == {"k": "v"}


def test_a_level_shows_its_counters(shop: Shop, handlers: Handlers) -> None:
    product_id = shop.product("MUG-1")
    shop.level(
        product_id,
        on_hand=10,
        allocated=12,
        held=1,
        safety_stock=2,
        backorder_limit=1,
        low_stock_threshold=0,
        shortfall=2,
        version=7,
    )
    level = get_level(handlers, sku="MUG-1")
    assert level == get_level(handlers, "default", product_id=product_id)
    assert (level.on_hand, level.allocated, level.held, level.available) == (10, 12, 1, -5)
    assert (level.safety_stock, level.backorder_limit, level.shortfall) == (2, 1, 2)
    assert level.HasField("low_stock_threshold")
    assert level.version == 7
    assert level.HasField("update_time")


def test_a_known_product_at_a_known_location_without_stock_is_a_level_of_zeros(
    shop: Shop, handlers: Handlers
) -> None:
    product_id = shop.product("MUG-1")
    shop.location("berlin")
    zeros = stock_pb2.StockLevel(product_id=product_id, sku="MUG-1", location_id="berlin")
    assert get_level(handlers, "berlin", sku="MUG-1") == zeros

    # A row that a refused first delivery left behind.
    shop.level(product_id, "berlin", version=0)
    assert get_level(handlers, "berlin", sku="MUG-1") == zeros


def test_a_deleted_product_and_a_deleted_location_keep_their_levels_readable(
    shop: Shop, handlers: Handlers
) -> None:
    product_id = shop.product("MUG-1", deleted=True)
    shop.level(product_id, shop.location("berlin", deleted=True), version=4)
    assert get_level(handlers, "berlin", product_id=product_id).version == 4
    request = locations_pb2.GetLocationRequest(location_id="berlin")
    assert handlers.GetLocation(request, CALL).location.HasField("delete_time")


def test_the_default_location_is_always_there(handlers: Handlers) -> None:
    location = handlers.GetLocation(
        locations_pb2.GetLocationRequest(location_id="default"), CALL
    ).location
    assert (location.location_id, location.version) == ("default", 1)


def test_what_is_not_there_is_named(shop: Shop, handlers: Handlers) -> None:
    shop.product("MUG-1")
    with pytest.raises(OrderNotFound) as order:
        handlers.GetOrder(orders_pb2.GetOrderRequest(order_id=NOBODY), CALL)
    assert order.value.missing == [NOBODY]
    with pytest.raises(LocationNotFound) as location:
        handlers.GetLocation(locations_pb2.GetLocationRequest(location_id="rome"), CALL)
    assert location.value.missing == ["rome"]
    with pytest.raises(LocationNotFound):
        get_level(handlers, "rome", sku="MUG-1")
    with pytest.raises(ProductNotFound):
        get_level(handlers, "rome", sku="MUG-2")


@pytest.mark.parametrize(
    ("ask", "fields"),
    [
        (
            lambda h: h.GetProduct(products_pb2.GetProductRequest(), CALL),
            ["product"],
        ),
        (
            lambda h: h.GetOrder(orders_pb2.GetOrderRequest(order_id="7"), CALL),
            ["order_id"],
        ),
        (
            lambda h: h.GetStockLevel(stock_pb2.GetStockLevelRequest(location_id="A"), CALL),
            ["product", "location_id"],
        ),
        (
            lambda h: h.GetLocation(locations_pb2.GetLocationRequest(), CALL),
            ["location_id"],
        ),
        (
            lambda h: h.ListOrderEvents(orders_pb2.ListOrderEventsRequest(page_size=-1), CALL),
            ["order_id", "page_size"],
        ),
    ],
)
def test_every_malformed_field_is_named(
    handlers: Handlers, ask: Callable[[Handlers], object], fields: list[str]
) -> None:
    with pytest.raises(InvalidFields) as refused:
        ask(handlers)
    assert [violation.field for violation in refused.value.violations] == fields
