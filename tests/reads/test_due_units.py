"""A due hold blocks nobody: no read of stock counts its units, though nobody wrote their end."""

from contextlib import closing

import pytest

from inventory_grpc.v1 import common_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.products_pb2 import ProductFilter
from inventory_grpc.v1.stock_pb2 import StockLevelFilter
from tests.conftest import Database
from tests.reads.shop import CALL, HOUR, Call, Handlers, Held, Shop

MUG = common_pb2.ProductKey(sku="MUG")
DUE = -HOUR


def level(handlers: Handlers, location_id: str = "default") -> stock_pb2.StockLevel:
    request = stock_pb2.GetStockLevelRequest(product=MUG, location_id=location_id)
    return handlers.GetStockLevel(request, CALL).stock_level


def levels(handlers: Handlers, low_stock: bool | None = None) -> list[stock_pb2.StockLevel]:
    request = stock_pb2.ListStockLevelsRequest(
        filter=StockLevelFilter(low_stock=low_stock), include_total=True
    )
    answer = handlers.ListStockLevels(request, CALL)
    assert answer.total_size == len(answer.stock_levels)
    return list(answer.stock_levels)


def availability(handlers: Handlers, *places: str) -> stock_pb2.Availability:
    request = stock_pb2.BatchGetAvailabilityRequest(products=[MUG], location_ids=places)
    (found,) = handlers.BatchGetAvailability(request, CALL).availabilities
    return found


def stocks(handlers: Handlers) -> list[products_pb2.ProductStock]:
    """What each way to read the product says of it."""
    one = handlers.GetProduct(products_pb2.GetProductRequest(product=MUG), CALL).product
    by_id = common_pb2.ProductKey(product_id=one.product_id)
    return [
        one.stock,
        handlers.GetProduct(products_pb2.GetProductRequest(product=by_id), CALL).product.stock,
        handlers.BatchGetProducts(products_pb2.BatchGetProductsRequest(products=[MUG]), CALL)
        .products[0]
        .stock,
        handlers.ListProducts(products_pb2.ListProductsRequest(), CALL).products[0].stock,
    ]


def listed(handlers: Handlers, wanted: ProductFilter) -> list[str]:
    request = products_pb2.ListProductsRequest(filter=wanted, include_total=True)
    answer = handlers.ListProducts(request, CALL)
    assert answer.total_size == len(answer.products)
    return [product.sku for product in answer.products]


def test_due_units_are_available_wherever_stock_is_read(shop: Shop, handlers: Handlers) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    shop.location("berlin")
    # Open: 1 + 2 + 4 that are due and 8 that are not; nothing else of these lines is held.
    shop.hold(Held(mug, quantity=1), Held(mug, "berlin", 16), Held(cup, quantity=99), ends_in=DUE)
    shop.hold(Held(mug, quantity=2), Held(mug, quantity=4), ends_in=DUE)
    shop.hold(Held(mug, quantity=8 + 7 + 5 + 3, converted=7, released=5, expired=3))
    shop.level(mug, on_hand=100, allocated=10, held=15, safety_stock=20, shortfall=6, version=7)
    shop.level(mug, "berlin", on_hand=50, held=16)

    here = level(handlers)
    assert (here.on_hand, here.allocated, here.held, here.available) == (100, 10, 8, 62)
    assert (here.safety_stock, here.shortfall, here.version) == (20, 6, 7)
    there = level(handlers, "berlin")
    assert (there.held, there.available) == (0, 50)
    assert levels(handlers) == [there, here]
    everywhere = availability(handlers)
    assert list(everywhere.levels) == [there, here]
    assert (everywhere.held, everywhere.available) == (8, 112)
    assert list(availability(handlers, "default").levels) == [here]
    for stock in stocks(handlers):
        assert (stock.on_hand, stock.allocated, stock.held, stock.available) == (150, 10, 8, 112)


def test_units_are_held_until_the_hold_is_due(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    shop.level(mug, on_hand=10, held=5)
    hold_id = shop.hold(Held(mug))
    assert (level(handlers).held, availability(handlers).held) == (5, 5)
    assert {stock.held for stock in stocks(handlers)} == {5}
    shop.run("UPDATE hold_lines SET expire_time = now() WHERE hold_id = %s", [hold_id])
    assert (level(handlers).held, availability(handlers).held) == (0, 0)
    assert {stock.held for stock in stocks(handlers)} == {0}


@pytest.mark.parametrize("ended", [{"converted": 5}, {"released": 5}, {"expired": 5}])
def test_what_was_written_is_not_left_out_twice(
    shop: Shop, handlers: Handlers, ended: dict[str, int]
) -> None:
    """Part of a hold's lines may have expired in passing while the hold itself is unsettled."""
    mug = shop.product("MUG")
    shop.level(mug, on_hand=10, held=3)
    shop.hold(Held(mug, "default", **ended), ends_in=DUE)
    shop.hold(Held(mug, quantity=3), ends_in=HOUR)
    assert level(handlers).held == 3


def test_due_units_count_in_the_filters_of_levels(shop: Shop, handlers: Handlers) -> None:
    """Available is stored as 2 everywhere; 5 more are due at one place and held at the other."""
    mug = shop.product("MUG")
    for place in ("due", "held", "untouched"):
        shop.location(place)
    for place, held in (("due", 5), ("held", 5), ("untouched", 0)):
        shop.level(mug, place, on_hand=2 + held, held=held, low_stock_threshold=2)
    shop.level(mug, on_hand=5, held=5)
    shop.hold(Held(mug, "due"), Held(mug), ends_in=DUE)
    shop.hold(Held(mug, "held"))
    assert [each.location_id for each in levels(handlers, low_stock=True)] == ["held", "untouched"]
    assert [each.location_id for each in levels(handlers, low_stock=False)] == ["default", "due"]
    shop.run("UPDATE stock_levels SET low_stock_threshold = 7 WHERE location_id = 'due'")
    assert [each.location_id for each in levels(handlers, low_stock=False)] == ["default"]


def test_due_units_count_in_the_filters_of_products(shop: Shop, handlers: Handlers) -> None:
    for sku, held, ends_in in (("DUE", 5, DUE), ("HELD", 5, HOUR), ("EMPTY", 0, HOUR)):
        product_id = shop.product(sku)
        shop.level(product_id, on_hand=held, held=held, low_stock_threshold=4)
        if held:
            shop.hold(Held(product_id), ends_in=ends_in)
    shop.product("UNHEARD-OF")
    assert listed(handlers, ProductFilter(in_stock=True)) == ["DUE"]
    assert listed(handlers, ProductFilter(in_stock=False)) == ["HELD", "EMPTY", "UNHEARD-OF"]
    assert listed(handlers, ProductFilter(low_stock=True)) == ["HELD", "EMPTY"]
    assert listed(handlers, ProductFilter(low_stock=False)) == ["DUE", "UNHEARD-OF"]


def test_reading_what_is_due_waits_for_nobody(
    database: Database, shop: Shop, handlers: Handlers
) -> None:
    mug = shop.product("MUG")
    shop.level(mug, on_hand=9, held=5)
    shop.hold(Held(mug), ends_in=DUE)
    with closing(database.connect("owner")) as writer, writer.cursor() as cursor:
        for table in ("holds", "hold_lines", "stock_levels", "products"):
            cursor.execute(f"SELECT FROM {table} FOR UPDATE")
        request = stock_pb2.GetStockLevelRequest(product=MUG)
        assert handlers.GetStockLevel(request, Call(seconds=5)).stock_level.available == 9
