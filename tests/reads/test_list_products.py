"""Listing products: every order, every filter, no row twice and none lost."""

from collections.abc import Callable, Iterable

import pytest

from inventory_grpc.domain.errors import InvalidFields, PageTokenInvalid
from inventory_grpc.v1 import common_pb2, products_pb2
from inventory_grpc.v1.products_pb2 import Product, ProductFilter, ProductOrderBy
from tests.reads.shop import CALL, Handlers, Shop

EUR_10 = common_pb2.Money(currency_code="EUR", units=10)
EUR_20 = common_pb2.Money(currency_code="EUR", units=20)
USD_20 = common_pb2.Money(currency_code="USD", units=20)

ORDERS: dict[ProductOrderBy.ValueType, Callable[[Product], tuple[object, ...]]] = {
    products_pb2.PRODUCT_ORDER_BY_CREATE_TIME: lambda product: (product.product_id,),
    products_pb2.PRODUCT_ORDER_BY_SKU: lambda product: (product.sku, product.product_id),
    products_pb2.PRODUCT_ORDER_BY_NAME: lambda product: (
        product.name.encode(),
        product.product_id,
    ),
    products_pb2.PRODUCT_ORDER_BY_PRICE: lambda product: (
        not product.HasField("price"),
        product.price.units,
        product.price.nanos,
        product.product_id,
    ),
}


def walk(
    handlers: Handlers,
    request: products_pb2.ListProductsRequest,
    between: Callable[[int], object] = lambda _: None,
) -> Iterable[Product]:
    """All rows of all pages; calls ``between`` after each page."""
    page = 0
    while True:
        answer = handlers.ListProducts(request, CALL)
        yield from answer.products
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token
        between(page)
        page += 1


def skus(handlers: Handlers, **wanted: object) -> set[str]:
    request = products_pb2.ListProductsRequest(filter=ProductFilter(**wanted))  # type: ignore[arg-type]
    return {product.sku for product in walk(handlers, request)}


@pytest.mark.parametrize("order_by", ORDERS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("page_size", [1, 4, 50])
def test_every_order_holds_across_pages(
    shop: Shop,
    handlers: Handlers,
    order_by: ProductOrderBy.ValueType,
    descending: bool,
    page_size: int,
) -> None:
    prices = ["5", None, "5", "0.0001", "999999999999.9999", None, "5", "12"]
    names = ["b", "B", "ä", "b", "a", "Z", "b", "~"]
    for number, (price, name) in enumerate(zip(prices, names, strict=True)):
        shop.product(f"SKU-{number * 7 % 8}", name, price=price)

    request = products_pb2.ListProductsRequest(
        page_size=page_size, order_by=order_by, descending=descending
    )
    listed = list(walk(handlers, request))

    assert len({product.product_id for product in listed}) == len(prices)
    assert listed == sorted(listed, key=ORDERS[order_by], reverse=descending)


@pytest.mark.parametrize("order_by", ORDERS)
@pytest.mark.parametrize("descending", [False, True])
def test_rows_inserted_while_paging_make_none_repeat_or_vanish(
    shop: Shop, handlers: Handlers, order_by: ProductOrderBy.ValueType, descending: bool
) -> None:
    there = {
        shop.product(f"SKU-{number}", f"Name {number % 3}", price=str(number % 4))
        for number in range(30)
    }

    def insert(page: int) -> None:
        shop.product(f"SKU-{page}-0", f"Name {page % 3}", price=str(page % 4))
        shop.product(f"A-{page}", "A", price="0")
        shop.product(f"Z-{page}", "Z", price=None)

    request = products_pb2.ListProductsRequest(
        page_size=4, order_by=order_by, descending=descending
    )
    # New rows may lie ahead and make the list longer, but no more than ten pages' worth.
    listed = [
        product.product_id
        for product in walk(handlers, request, lambda page: insert(page) if page < 10 else None)
    ]

    assert len(listed) == len(set(listed))
    assert there <= set(listed)


def test_a_query_finds_words_in_name_description_or_sku_in_either_case(
    shop: Shop, handlers: Handlers
) -> None:
    shop.product("MUG-1", "Blue mug", "for Tea")
    shop.product("MUG-2", "Käsemesser", "BLUE handle")
    shop.product("CUP-1", "100% cotton_cup", "back\\slash")

    assert skus(handlers, query="blue") == {"MUG-1", "MUG-2"}
    assert skus(handlers, query=" tea\tMUG ") == {"MUG-1"}
    assert skus(handlers, query="KÄSE") == {"MUG-2"}
    assert skus(handlers, query="cup-1") == {"CUP-1"}
    assert skus(handlers, query="blue tea handle") == set()
    assert skus(handlers, query="   ") == {"MUG-1", "MUG-2", "CUP-1"}


@pytest.mark.parametrize("query", ["0%", "n_c", "k\\s", "'", '"', ":x", "%(x)s", "%s"])
def test_a_query_has_no_wildcards(shop: Shop, handlers: Handlers, query: str) -> None:
    shop.product("PLAIN", "100 cotton cup", "backslash")
    shop.product("SPECIAL", "100% cotton_cup", "back\\slash ' \" :x %(x)s %s")
    assert skus(handlers, query=query) == {"SPECIAL"}


def test_a_prefix_is_a_prefix_and_case_counts(shop: Shop, handlers: Handlers) -> None:
    for sku in ("A_B", "A-B", "AXB", "A", "a_b", "A_", "B"):
        shop.product(sku)
    assert skus(handlers, sku_prefix="A_") == {"A_B", "A_"}
    assert skus(handlers, sku_prefix="A") == {"A_B", "A-B", "AXB", "A", "A_"}
    assert skus(handlers, sku_prefix="a") == {"a_b"}


def test_a_price_selects_its_currency(shop: Shop, handlers: Handlers) -> None:
    for sku, price, currency in (
        ("E10", "10", "EUR"),
        ("E20", "20", "EUR"),
        ("E30", "30", "EUR"),
        ("U15", "15", "USD"),
    ):
        shop.product(sku, price=price, currency=currency)
    shop.product("NONE")
    assert skus(handlers, min_price=EUR_10, max_price=EUR_20) == {"E10", "E20"}
    assert skus(handlers, min_price=EUR_20) == {"E20", "E30"}
    assert skus(handlers, max_price=USD_20) == {"U15"}


def test_all_labels_must_match(shop: Shop, handlers: Handlers) -> None:
    shop.product("BOTH", labels={"size": "l", "colour": 'b"lue'})
    shop.product("ONE", labels={"size": "l"})
    shop.product("OTHER", labels={"size": "m", "colour": 'b"lue'})
    assert skus(handlers, labels={"size": "l", "colour": 'b"lue'}) == {"BOTH"}
    assert skus(handlers, labels={"size": "l"}) == {"BOTH", "ONE"}


def test_stock_filters_look_at_single_locations(shop: Shop, handlers: Handlers) -> None:
    shop.location("berlin")
    some, none, low, _never = (shop.product(sku) for sku in ("SOME", "NONE", "LOW", "NEVER"))
    shop.level(some, on_hand=0, allocated=9, backorder_limit=9)
    shop.level(some, "berlin", on_hand=1)
    shop.level(none, on_hand=5, allocated=3, safety_stock=2)
    shop.level(low, on_hand=3, low_stock_threshold=3)
    assert skus(handlers, in_stock=True) == {"SOME", "LOW"}
    assert skus(handlers, in_stock=False) == {"NONE", "NEVER"}
    assert skus(handlers, low_stock=True) == {"LOW"}
    assert skus(handlers, low_stock=False) == {"SOME", "NONE", "NEVER"}


def test_deleted_products_are_shown_on_demand(shop: Shop, handlers: Handlers) -> None:
    shop.product("MUG")
    shop.product("GONE", deleted=True)
    assert skus(handlers) == {"MUG"}
    assert skus(handlers, show_deleted=True) == {"MUG", "GONE"}


def test_the_total_counts_all_pages_and_comes_on_demand(shop: Shop, handlers: Handlers) -> None:
    for number in range(5):
        shop.product(f"MUG-{number}")
    shop.product("CUP")
    request = products_pb2.ListProductsRequest(page_size=2, filter=ProductFilter(query="mug"))
    assert not handlers.ListProducts(request, CALL).HasField("total_size")
    request.include_total = True
    first = handlers.ListProducts(request, CALL)
    assert first.total_size == 5
    # The total and the page size belong to the page, not to the question.
    request.page_token, request.page_size, request.include_total = first.next_page_token, 9, False
    assert len(handlers.ListProducts(request, CALL).products) == 3


def test_the_last_page_has_no_token_even_when_it_is_full(shop: Shop, handlers: Handlers) -> None:
    for number in range(4):
        shop.product(f"MUG-{number}")
    request = products_pb2.ListProductsRequest(page_size=4)
    answer = handlers.ListProducts(request, CALL)
    assert (len(answer.products), answer.next_page_token) == (4, "")


def test_a_page_ends_early_at_three_mebibytes_and_nothing_is_lost(
    shop: Shop, handlers: Handlers
) -> None:
    for number in range(900):
        shop.product(f"BIG-{number}", description="x" * 4000)
    request = products_pb2.ListProductsRequest(page_size=1000)
    first = handlers.ListProducts(request, CALL)
    assert 2_900_000 < first.ByteSize() <= 3 * 1024 * 1024
    assert first.next_page_token
    assert len({product.sku for product in walk(handlers, request)}) == 900


def test_a_token_holds_for_its_filter_and_order_only(shop: Shop, handlers: Handlers) -> None:
    for number in range(4):
        shop.product(f"MUG-{number}")
    request = products_pb2.ListProductsRequest(page_size=1)
    token = handlers.ListProducts(request, CALL).next_page_token
    for other in (
        products_pb2.ListProductsRequest(page_token=token, descending=True),
        products_pb2.ListProductsRequest(
            page_token=token, order_by=products_pb2.PRODUCT_ORDER_BY_SKU
        ),
        products_pb2.ListProductsRequest(page_token=token, filter=ProductFilter(query="mug")),
        products_pb2.ListProductsRequest(page_token=token, filter=ProductFilter(in_stock=False)),
        products_pb2.ListProductsRequest(page_token=token + "A"),
    ):
        with pytest.raises(PageTokenInvalid):
            handlers.ListProducts(other, CALL)
    # Named or left out, the default order is the same question.
    named = products_pb2.ListProductsRequest(
        page_token=token, order_by=products_pb2.PRODUCT_ORDER_BY_CREATE_TIME
    )
    assert len(handlers.ListProducts(named, CALL).products) == 3


def test_every_malformed_field_is_named(handlers: Handlers) -> None:
    wanted = ProductFilter(
        query="x" * 256,
        sku_prefix="a b",
        min_price=EUR_10,
        max_price=USD_20,
        labels={"Bad Key": "x"},
    )
    request = products_pb2.ListProductsRequest(
        page_size=-1,
        filter=wanted,
        order_by=99,  # type: ignore[arg-type]
    )
    with pytest.raises(InvalidFields) as refused:
        handlers.ListProducts(request, CALL)
    assert {violation.field for violation in refused.value.violations} == {
        "page_size",
        "filter.query",
        "filter.sku_prefix",
        "filter.max_price.currency_code",
        "filter.labels",
        "order_by",
    }
