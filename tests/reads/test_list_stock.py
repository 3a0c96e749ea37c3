"""Listing levels, locations and the ledger."""

from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.errors import (
    HoldNotFound,
    InvalidFields,
    LocationNotFound,
    OrderNotFound,
    ProductNotFound,
)
from inventory_grpc.v1 import common_pb2, locations_pb2, stock_pb2
from inventory_grpc.v1.stock_pb2 import StockLevelFilter, StockMovementFilter
from tests.reads.shop import CALL, START, Handlers, Shop

MUG = common_pb2.ProductKey(sku="MUG")
REQUEST = "0192D0A8-0000-7000-8000-00000000AAAA"


def levels(handlers: Handlers, wanted: StockLevelFilter, page_size: int = 2) -> list[str]:
    request = stock_pb2.ListStockLevelsRequest(page_size=page_size, filter=wanted)
    found: list[str] = []
    while True:
        answer = handlers.ListStockLevels(request, CALL)
        found += [f"{level.sku}@{level.location_id}" for level in answer.stock_levels]
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


def movements(handlers: Handlers, wanted: StockMovementFilter, page_size: int = 2) -> list[str]:
    request = stock_pb2.ListStockMovementsRequest(page_size=page_size, filter=wanted)
    found: list[str] = []
    while True:
        answer = handlers.ListStockMovements(request, CALL)
        found += [movement.movement_id for movement in answer.movements]
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


def test_levels_come_by_product_and_location(shop: Shop, handlers: Handlers) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    for place in ("berlin", "aachen"):
        shop.location(place)
    shop.level(cup, "berlin", on_hand=5, low_stock_threshold=4)
    shop.level(mug, "berlin", on_hand=4, low_stock_threshold=4)
    shop.level(mug, "aachen", on_hand=9, safety_stock=6, low_stock_threshold=3)
    shop.level(mug, on_hand=0)
    shop.level(cup, "aachen", version=0)

    everything = ["MUG@aachen", "MUG@berlin", "MUG@default", "CUP@berlin"]
    assert levels(handlers, StockLevelFilter()) == everything
    assert levels(handlers, StockLevelFilter(), page_size=4) == everything
    assert levels(handlers, StockLevelFilter(product=MUG)) == everything[:3]
    assert levels(handlers, StockLevelFilter(location_id="berlin")) == ["MUG@berlin", "CUP@berlin"]
    assert levels(handlers, StockLevelFilter(low_stock=True)) == ["MUG@aachen", "MUG@berlin"]
    assert levels(handlers, StockLevelFilter(low_stock=False)) == ["MUG@default", "CUP@berlin"]
    request = stock_pb2.ListStockLevelsRequest(page_size=1, include_total=True)
    assert handlers.ListStockLevels(request, CALL).total_size == 4


def test_unknown_names_in_a_level_filter_are_refused(shop: Shop, handlers: Handlers) -> None:
    shop.product("MUG")
    with pytest.raises(ProductNotFound):
        levels(handlers, StockLevelFilter(product=common_pb2.ProductKey(sku="NOPE")))
    with pytest.raises(LocationNotFound):
        levels(handlers, StockLevelFilter(product=MUG, location_id="rome"))


def test_locations_come_by_id_and_deleted_ones_on_demand(shop: Shop, handlers: Handlers) -> None:
    for place in ("berlin", "aachen", "zürich".replace("ü", "u")):
        shop.location(place)
    shop.location("gone", deleted=True)

    def listed(show_deleted: bool, page_size: int) -> list[str]:
        request = locations_pb2.ListLocationsRequest(
            page_size=page_size,
            include_total=True,
            filter=locations_pb2.LocationFilter(show_deleted=show_deleted),
        )
        found: list[str] = []
        while True:
            answer = handlers.ListLocations(request, CALL)
            assert answer.total_size == 4 + show_deleted
            found += [location.location_id for location in answer.locations]
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    assert listed(False, 1) == listed(False, 50) == ["aachen", "berlin", "default", "zurich"]
    assert listed(True, 2) == ["aachen", "berlin", "default", "gone", "zurich"]


def test_the_ledger_comes_newest_first(shop: Shop, handlers: Handlers) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    shop.location("berlin")
    shop.location("empty", deleted=True)
    order_id = shop.order(mug)
    one = shop.movement(mug, 1)
    two = shop.movement(cup, 1, location_id="berlin", kind=2)
    three = shop.movement(mug, 2, kind=8, order_id=order_id)
    four = shop.movement(mug, 1, location_id="berlin", request_id=REQUEST)
    hold_id = shop.hold()
    five = shop.movement(cup, 1, kind=8, order_id=order_id, hold_id=hold_id)
    six = shop.movement(mug, 3, kind=5, hold_id=hold_id)

    received = stock_pb2.MOVEMENT_KIND_RECEIVED
    held = stock_pb2.MOVEMENT_KIND_HELD
    for wanted, expected in (
        (StockMovementFilter(), [six, five, four, three, two, one]),
        (StockMovementFilter(product=MUG), [six, four, three, one]),
        (StockMovementFilter(location_id="berlin"), [four, two]),
        (StockMovementFilter(product=MUG, location_id="berlin"), [four]),
        (StockMovementFilter(kinds=[held, received]), [six, four, one]),
        (StockMovementFilter(order_id=order_id.upper()), [five, three]),
        (StockMovementFilter(order_id=order_id, product=MUG), [three]),
        (StockMovementFilter(hold_id=hold_id.upper()), [six, five]),
        (StockMovementFilter(hold_id=hold_id, order_id=order_id), [five]),
        (StockMovementFilter(request_id=REQUEST), [four]),
        (StockMovementFilter(location_id="empty"), []),
    ):
        assert movements(handlers, wanted) == expected
        assert movements(handlers, wanted, page_size=9) == expected
        request = stock_pb2.ListStockMovementsRequest(include_total=True, filter=wanted)
        assert handlers.ListStockMovements(request, CALL).total_size == len(expected)


def test_unknown_names_in_a_movement_filter_are_refused(shop: Shop, handlers: Handlers) -> None:
    shop.product("MUG")
    with pytest.raises(ProductNotFound):
        movements(handlers, StockMovementFilter(product=common_pb2.ProductKey(sku="NOPE")))
    with pytest.raises(LocationNotFound):
        movements(handlers, StockMovementFilter(product=MUG, location_id="rome"))
    with pytest.raises(OrderNotFound):
        movements(handlers, StockMovementFilter(product=MUG, order_id=REQUEST))
    with pytest.raises(HoldNotFound) as refused:
        movements(handlers, StockMovementFilter(hold_id=REQUEST))
    assert refused.value.missing == [REQUEST.lower()]
    assert movements(handlers, StockMovementFilter(request_id=REQUEST)) == []


def test_a_movement_shows_all_it_recorded(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    order_id, hold_id = shop.order(mug), shop.hold()
    movement_id = shop.movement(
        mug, 9, kind=8, order_id=order_id, request_id=REQUEST, hold_id=hold_id
    )
    shop.run("UPDATE products SET sku = 'MUG-2'")
    answer = handlers.ListStockMovements(stock_pb2.ListStockMovementsRequest(), CALL)
    (movement,) = answer.movements
    expected = stock_pb2.StockMovement(
        movement_id=movement_id,
        product_id=mug,
        sku="MUG-2",
        location_id="default",
        kind=stock_pb2.MOVEMENT_KIND_ALLOCATED,
        on_hand_delta=1,
        allocated_delta=2,
        held_delta=3,
        on_hand_after=4,
        allocated_after=5,
        held_after=6,
        shortfall_after=7,
        stock_version=9,
        line_number=1,
        order_id=order_id,
        hold_id=hold_id,
        request_id=REQUEST.lower(),
        actor="anonymous",
        reason=stock_pb2.ADJUSTMENT_REASON_RECEIVED,
        note="note",
    )
    expected.occur_time.FromDatetime(START)
    assert movement == expected


def test_movement_times_are_exact_to_the_microsecond(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    ids = [
        shop.movement(mug, version, at=START + timedelta(microseconds=offset))
        for version, offset in enumerate((-1, 0, 1500, 1501), start=1)
    ]
    start, end = Timestamp(), Timestamp()
    start.FromDatetime(START)
    end.FromDatetime(START + timedelta(microseconds=1501))
    wanted = StockMovementFilter(start_time=start, end_time=end)
    assert set(movements(handlers, wanted)) == {ids[1], ids[2]}


def test_every_malformed_field_is_named(handlers: Handlers) -> None:
    wanted = StockMovementFilter(
        product=common_pb2.ProductKey(),
        location_id="A",
        kinds=[99],  # type: ignore[list-item]
        order_id="1",
        hold_id="3",
        request_id="2",
        start_time=Timestamp(nanos=-1),
    )
    with pytest.raises(InvalidFields) as refused:
        movements(handlers, wanted, page_size=-1)
    assert {violation.field for violation in refused.value.violations} == {
        "page_size",
        "filter.product",
        "filter.location_id",
        "filter.kinds[0]",
        "filter.order_id",
        "filter.hold_id",
        "filter.request_id",
        "filter.start_time.nanos",
    }
