"""Pages of the past, and moments that are none."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.errors import (
    InvalidFields,
    LocationNotFound,
    PageTokenInvalid,
    ProductNotFound,
)
from inventory_grpc.v1 import stock_pb2
from tests.concurrency.harness import query, seeded
from tests.conftest import Database
from tests.reads.asking_as_of import (
    Moment,
    after,
    at,
    available,
    fields,
    get,
    in_seconds,
    in_time,
    listed,
    move,
    pages,
)
from tests.reads.past import live_levels, traffic
from tests.reads.shop import CALL, Handlers, Shop

NOWHERE = "0192d0a8-0000-7000-8000-00000000aaaa"


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mug")
def test_a_time_to_come_is_refused_and_a_clock_that_is_a_little_ahead_is_not(
    database: Database, handlers: Handlers
) -> None:
    [(now,)] = query(database, "SELECT clock_timestamp()")
    assert get(handlers, at(now + timedelta(seconds=0.5))).version == 5
    for read in READS:
        with pytest.raises(InvalidFields) as refused:
            read(handlers, at(now + timedelta(hours=1)))
        assert fields(refused) == ["as_of_time"]


READS: tuple[Callable[[Handlers, Moment], object], ...] = (
    get,
    lambda handlers, when: available(handlers, when, "MUG"),
    listed,
)


@pytest.mark.usefixtures("mug")
@pytest.mark.parametrize("read", READS, ids=["level", "availability", "list"])
def test_a_moment_that_is_none_is_refused(
    handlers: Handlers, read: Callable[[Handlers, Moment], object]
) -> None:
    """An unknown movement, a time that does not exist, something that is no id, nothing."""
    for when, field in (
        (after(NOWHERE), "as_of_movement_id"),
        (after("yesterday"), "as_of_movement_id"),
        (after(""), "as_of_movement_id"),
        ({"as_of_time": Timestamp(seconds=2**60)}, "as_of_time.seconds"),
        ({"as_of_time": Timestamp(nanos=-(2**31))}, "as_of_time.nanos"),
    ):
        with pytest.raises(InvalidFields) as refused:
            read(handlers, when)
        assert fields(refused) == [field]


def test_every_malformed_field_is_named(handlers: Handlers) -> None:
    with pytest.raises(InvalidFields) as refused:
        get(handlers, after("x"), place="A", sku="a b")
    assert fields(refused) == ["product.sku", "location_id", "as_of_movement_id"]
    request = stock_pb2.ListStockLevelsRequest(
        page_size=-1, include_total=True, as_of_movement_id="x"
    )
    with pytest.raises(InvalidFields) as refused:
        handlers.ListStockLevels(request, CALL)
    assert fields(refused) == ["page_size", "as_of_movement_id", "include_total"]


@pytest.mark.usefixtures("mug")
def test_what_is_unknown_is_named(handlers: Handlers) -> None:
    with pytest.raises(ProductNotFound):
        get(handlers, in_seconds(1), sku="CUP")
    with pytest.raises(LocationNotFound):
        get(handlers, in_seconds(1), "rome")
    with pytest.raises(LocationNotFound):
        available(handlers, in_seconds(1), "MUG", places=("rome",))
    with pytest.raises(LocationNotFound):
        listed(handlers, in_seconds(1), location_id="rome")


# -- pages -----------------------------------------------------------------------------------------


def test_pages_of_the_past_stay_as_they_are_while_writes_go_on(
    database: Database, handlers: Handlers
) -> None:
    chance = seeded()
    past = asyncio.run(traffic(database, chance, rounds=10))
    [(moment,)] = query(database, "SELECT clock_timestamp()")
    expected = live_levels(database)
    seen = []
    for page in pages(handlers, at(moment), page_size=1):
        seen += list(page.stock_levels)
        asyncio.run(traffic(database, chance, rounds=2, past=past))
    assert {(e.sku, e.location_id): e for e in seen} == expected
    assert len(seen) == len(expected) > 5
    assert live_levels(database) != expected


def test_a_token_goes_on_with_its_own_moment_only(shop: Shop, handlers: Handlers, mug: str) -> None:
    shop.location("berlin")
    shop.level(mug, "berlin")
    token = next(pages(handlers, in_seconds(3), page_size=1)).next_page_token
    assert token
    for when in (in_seconds(4), {}):
        request = stock_pb2.ListStockLevelsRequest(page_size=1, page_token=token, **when)
        with pytest.raises(PageTokenInvalid):
            handlers.ListStockLevels(request, CALL)


def test_a_list_ends_before_the_products_that_were_made_later(
    shop: Shop, handlers: Handlers, mug: str
) -> None:
    shop.moment = in_time(60)
    for number in range(10):
        shop.level(shop.product(f"NEW-{number}"))
    found = list(pages(handlers, in_seconds(5), page_size=1))
    assert [level.sku for page in found for level in page.stock_levels] == ["MUG"]
    assert len(found) == 1


def test_a_page_of_low_levels_ends_where_it_is_full(
    shop: Shop, handlers: Handlers, mug: str
) -> None:
    for number in range(5):
        each = shop.product(f"CUP-{number}")
        shop.level(each)
        move(shop, each, 1, low=number % 2 * 9)
    found = list(pages(handlers, in_seconds(2), page_size=2, low_stock=True))
    assert [[level.sku for level in page.stock_levels] for page in found] == [
        ["MUG", "CUP-1"],
        ["CUP-3"],
    ]
