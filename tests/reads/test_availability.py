"""What is available of several products, as of one moment."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC
from threading import Event

import pytest

from inventory_grpc.domain.errors import InvalidFields, LocationNotFound
from inventory_grpc.v1 import common_pb2, products_pb2, stock_pb2
from tests.conftest import Database
from tests.reads.shop import CALL, Handlers, Shop


def ask(
    handlers: Handlers, *skus: str, places: tuple[str, ...] = ()
) -> stock_pb2.BatchGetAvailabilityResponse:
    keys = [common_pb2.ProductKey(sku=sku) for sku in skus]
    request = stock_pb2.BatchGetAvailabilityRequest(products=keys, location_ids=places)
    return handlers.BatchGetAvailability(request, CALL)


def test_levels_come_by_location_with_their_sums(shop: Shop, handlers: Handlers) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    for place in ("berlin", "aachen", "paris"):
        shop.location(place)
    shop.level(mug, "berlin", on_hand=10, allocated=4, held=1, safety_stock=2)
    shop.level(mug, "aachen", on_hand=5, allocated=6, backorder_limit=1)
    shop.level(mug, "paris", version=0)

    answer = ask(handlers, "CUP", "NULL", "MUG", "MUG")

    assert [each.product_id for each in answer.availabilities] == [cup, mug]
    assert list(answer.missing) == [common_pb2.ProductKey(sku="NULL")]
    none, some = answer.availabilities
    assert none == stock_pb2.Availability(product_id=cup, sku="CUP")
    assert [level.location_id for level in some.levels] == ["aachen", "berlin"]
    assert (some.on_hand, some.allocated, some.held, some.available) == (15, 10, 1, 2)


def test_only_the_locations_asked_for_count(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    for place, units in (("aachen", 1), ("berlin", 2), ("paris", 4)):
        shop.level(mug, shop.location(place), on_hand=units)
    answer = ask(handlers, "MUG", places=("paris", "aachen", "default"))
    assert [each.location_id for each in answer.availabilities[0].levels] == ["aachen", "paris"]
    assert answer.availabilities[0].on_hand == 5


@pytest.mark.parametrize("places", [(), ("default", "closed")])
def test_the_safety_stock_of_a_deleted_location_keeps_nothing_back(
    shop: Shop, handlers: Handlers, places: tuple[str, ...]
) -> None:
    mug = shop.product("MUG")
    shop.level(mug, on_hand=5)
    shop.level(mug, shop.location("closed", deleted=True), safety_stock=9, low_stock_threshold=1)
    [mugs] = ask(handlers, "MUG", places=places).availabilities
    assert (mugs.available, [each.location_id for each in mugs.levels]) == (5, ["default"])
    request = products_pb2.GetProductRequest(product=common_pb2.ProductKey(sku="MUG"))
    assert handlers.GetProduct(request, CALL).product.stock.available == 5
    low = products_pb2.ListProductsRequest(filter=products_pb2.ProductFilter(low_stock=True))
    assert not handlers.ListProducts(low, CALL).products


def test_all_unknown_locations_are_named(shop: Shop, handlers: Handlers) -> None:
    shop.product("MUG")
    with pytest.raises(LocationNotFound) as refused:
        ask(handlers, "MUG", places=("rome", "default", "oslo", "rome"))
    assert refused.value.missing == ["rome", "oslo"]


def test_when_nothing_is_known_the_moment_is_still_told(handlers: Handlers) -> None:
    answer = ask(handlers, "MUG")
    assert not answer.availabilities
    assert answer.HasField("snapshot_time")


def test_a_deleted_product_is_missing_by_sku_and_readable_by_id(
    shop: Shop, handlers: Handlers
) -> None:
    gone = shop.product("MUG", deleted=True)
    assert ask(handlers, "MUG").missing
    request = stock_pb2.BatchGetAvailabilityRequest(
        products=[common_pb2.ProductKey(product_id=gone)]
    )
    assert len(handlers.BatchGetAvailability(request, CALL).availabilities) == 1


def test_every_malformed_field_is_named(handlers: Handlers) -> None:
    with pytest.raises(InvalidFields) as refused:
        ask(handlers, "MUG", "a b", places=("A", "ok"))
    fields = [violation.field for violation in refused.value.violations]
    assert fields == ["products[1].sku", "location_ids[0]"]
    with pytest.raises(InvalidFields):
        ask(handlers, "MUG", places=("a",) * 101)


def test_units_on_the_move_are_seen_in_one_place_only(
    database: Database, shop: Shop, handlers: Handlers
) -> None:
    """Somebody moves units between locations and products all the time: the sum never changes."""
    products = [shop.product(f"MUG-{number}") for number in range(5)]
    shop.location("berlin")
    for product_id in products:
        shop.level(product_id, on_hand=1000)
        shop.level(product_id, "berlin", on_hand=1000)
    done, moved = Event(), Event()

    def move() -> None:
        with closing(database.connect("owner")) as conn:
            sign = 1
            while not done.is_set():
                for product_id, place, delta in (
                    (products[0], "default", -1),
                    (products[4], "berlin", 1),
                ):
                    with conn.cursor() as cursor:
                        cursor.execute(
                            "UPDATE stock_levels SET on_hand = on_hand + %s, version = version + 1,"
                            " update_time = clock_timestamp()"
                            " WHERE product_id = %s AND location_id = %s",
                            (sign * delta, product_id, place),
                        )
                conn.commit()
                sign = -sign
                moved.set()

    with ThreadPoolExecutor(1) as threads:
        mover = threads.submit(move)
        try:
            assert moved.wait(10)
            for _ in range(200):
                answer = ask(handlers, *(f"MUG-{number}" for number in range(5)))
                assert sum(each.on_hand for each in answer.availabilities) == 10_000
                snapshot = answer.snapshot_time.ToDatetime(tzinfo=UTC)
                for each in answer.availabilities:
                    for level in each.levels:
                        assert level.update_time.ToDatetime(tzinfo=UTC) <= snapshot
        finally:
            done.set()
        mover.result()
