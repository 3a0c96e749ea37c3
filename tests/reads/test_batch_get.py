"""Reading many at once: in the order asked for, each once, and what is missing."""

import pytest

from inventory_grpc.domain.errors import AnswerTooLarge, InvalidFields
from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2
from tests.reads.shop import CALL, Handlers, Shop

NOBODY = "0192D0A8-FFFF-7000-8000-FFFFFFFFFFFF"


def by_id(product_id: str) -> common_pb2.ProductKey:
    return common_pb2.ProductKey(product_id=product_id)


def by_sku(sku: str) -> common_pb2.ProductKey:
    return common_pb2.ProductKey(sku=sku)


def test_products_come_in_the_order_asked_for_each_once(shop: Shop, handlers: Handlers) -> None:
    mug, cup, jug = (shop.product(sku) for sku in ("MUG", "CUP", "JUG"))
    keys = [by_sku("JUG"), by_id(mug.upper()), by_sku("MUG"), by_id(mug), by_sku("CUP")]

    answer = handlers.BatchGetProducts(products_pb2.BatchGetProductsRequest(products=keys), CALL)

    assert [product.product_id for product in answer.products] == [jug, mug, cup]
    assert not answer.missing


def test_missing_products_are_named_as_sent_each_once(shop: Shop, handlers: Handlers) -> None:
    gone = shop.product("GONE", deleted=True)
    keys = [by_id(NOBODY), by_sku("GONE"), by_id(gone), by_sku("NULL"), by_id(NOBODY.lower())]

    answer = handlers.BatchGetProducts(products_pb2.BatchGetProductsRequest(products=keys), CALL)

    assert list(answer.missing) == [by_id(NOBODY), by_sku("GONE"), by_sku("NULL")]
    assert [product.product_id for product in answer.products] == [gone]


def test_a_deleted_product_does_not_hide_the_live_one_with_its_sku(
    shop: Shop, handlers: Handlers
) -> None:
    old = shop.product("MUG", deleted=True)
    new = shop.product("MUG")
    keys = [by_sku("MUG"), by_id(old)]
    answer = handlers.BatchGetProducts(products_pb2.BatchGetProductsRequest(products=keys), CALL)
    assert [product.product_id for product in answer.products] == [new, old]


def test_orders_come_in_the_order_asked_for_each_once(shop: Shop, handlers: Handlers) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    first, second = shop.order(mug, cup), shop.order(cup)
    ids = [second.upper(), NOBODY, first, second, NOBODY.lower()]

    answer = handlers.BatchGetOrders(orders_pb2.BatchGetOrdersRequest(order_ids=ids), CALL)

    assert [order.order_id for order in answer.orders] == [second, first]
    assert [line.sku for line in answer.orders[1].lines] == ["MUG", "CUP"]
    assert list(answer.missing) == [NOBODY]


def test_an_answer_beyond_three_mebibytes_is_refused(shop: Shop, handlers: Handlers) -> None:
    ids = [shop.product(f"BIG-{number}", description="x" * 4096) for number in range(800)]
    request = products_pb2.BatchGetProductsRequest(products=[by_id(each) for each in ids])
    with pytest.raises(AnswerTooLarge) as refused:
        handlers.BatchGetProducts(request, CALL)
    assert refused.value.bytes > refused.value.bytes_max == 3 * 1024 * 1024

    del request.products[700:]
    assert len(handlers.BatchGetProducts(request, CALL).products) == 700


@pytest.mark.parametrize("keys", [0, 1_001])
def test_a_batch_has_one_to_a_thousand_keys(handlers: Handlers, keys: int) -> None:
    with pytest.raises(InvalidFields) as products:
        handlers.BatchGetProducts(
            products_pb2.BatchGetProductsRequest(products=[by_sku("A")] * keys), CALL
        )
    with pytest.raises(InvalidFields) as orders:
        handlers.BatchGetOrders(orders_pb2.BatchGetOrdersRequest(order_ids=[NOBODY] * keys), CALL)
    assert [each.field for each in products.value.violations] == ["products"]
    assert [each.field for each in orders.value.violations] == ["order_ids"]


def test_every_malformed_key_is_named(handlers: Handlers) -> None:
    keys = [by_sku("OK"), by_sku("not ok"), common_pb2.ProductKey(), by_id("7")]
    with pytest.raises(InvalidFields) as refused:
        handlers.BatchGetProducts(products_pb2.BatchGetProductsRequest(products=keys), CALL)
    assert [violation.field for violation in refused.value.violations] == [
        "products[1].sku",
        "products[2]",
        "products[3].product_id",
    ]
