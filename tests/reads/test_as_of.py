"""Stock as it was: what the ledger says of a moment is what the books said then."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, timedelta

import pytest

from inventory_grpc.domain.errors import ProductNotFound
from inventory_grpc.v1 import common_pb2, stock_pb2
from tests.concurrency.harness import query, seeded
from tests.conftest import Database
from tests.reads.asking_as_of import (
    MICROSECOND,
    Moment,
    after,
    at,
    available,
    get,
    in_seconds,
    in_time,
    listed,
    move,
    pages,
    stamp,
)
from tests.reads.past import replayed, traffic
from tests.reads.shop import CALL, START, Handlers, Shop

INSTANTS = 100


# -- it agrees with the ledger ---------------------------------------------------------------------


def test_any_moment_is_answered_as_a_replay_of_the_ledger_has_it(
    database: Database, handlers: Handlers
) -> None:
    chance = seeded()
    past = asyncio.run(traffic(database, chance))
    for when, expected in moments(database, chance):
        answers = listed(handlers, when, page_size=6)
        assert {(level.sku, level.location_id): level for level in answers} == expected, when
        assert len(answers) == len(expected)
        for each in available(handlers, when, *past.skus).availabilities:
            there = {place: lvl for (sku, place), lvl in expected.items() if sku == each.sku}
            assert {level.location_id: level for level in each.levels} == there, when
            assert each.available == sum(level.available for level in there.values())
        sku, place = chance.choice(past.skus), chance.choice(past.places)
        level = get(handlers, when, place, sku)
        nothing = stock_pb2.StockLevel(product_id=level.product_id, sku=sku, location_id=place)
        assert level == expected.get((sku, place), nothing), when


def moments(
    database: Database, chance: random.Random
) -> Iterator[tuple[Moment, dict[tuple[str, str], stock_pb2.StockLevel]]]:
    """Random ones, those of movements, and the instant before; and what was true then."""
    ledger = query(database, "SELECT movement_id::text, occur_time FROM stock_movements ORDER BY 1")
    first, last = ledger[0][1], ledger[-1][1]
    for _ in range(INSTANTS // 2):
        moment = first + chance.uniform(-0.05, 1) * (last - first)
        if chance.random() < 0.5:
            moment = chance.choice(ledger)[1] - chance.choice([0, 1]) * MICROSECOND
        yield at(moment), replayed(database, moment)
    for _ in range(INSTANTS // 2):
        movement_id = chance.choice(ledger)[0]
        yield after(movement_id), replayed(database, movement_id)


def test_what_the_books_said_is_said_again(database: Database, handlers: Handlers) -> None:
    past = asyncio.run(traffic(database, seeded()))
    assert len(past.seen) > 20
    for moment, movement_id, books in past.seen:
        for when in (at(moment), after(movement_id)):
            assert {(e.sku, e.location_id): e for e in listed(handlers, when)} == books, when


def test_ids_and_times_of_movements_ascend_with_the_versions_of_every_level(
    database: Database,
) -> None:
    asyncio.run(traffic(database, seeded()))
    assert not query(
        database,
        """SELECT * FROM (
             SELECT stock_version, row_number() OVER (PARTITION BY product_id, location_id
                                                      ORDER BY movement_id) AS by_id,
                    occur_time - lag(occur_time) OVER (PARTITION BY product_id, location_id
                                                       ORDER BY stock_version) AS passed
               FROM stock_movements) m
            WHERE by_id <> stock_version OR passed < interval '0'""",
    )


# -- single rules ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("mug")
def test_a_movement_counts_from_its_time_on_to_the_microsecond(handlers: Handlers) -> None:
    third = START + timedelta(seconds=3)
    assert get(handlers, at(third)).version == 3
    assert get(handlers, at(third - MICROSECOND)).version == 2
    almost = stamp(third - MICROSECOND)
    almost.nanos += 999
    assert get(handlers, {"as_of_time": almost}).version == 2


@pytest.mark.usefixtures("mug")
def test_a_level_that_was_not_there_yet_has_zeros(shop: Shop, handlers: Handlers) -> None:
    shop.location("berlin")
    for when, place in ((in_seconds(0.5), "default"), (in_seconds(9), "berlin")):
        level = get(handlers, when, place)
        assert (level.on_hand, level.version) == (0, 0)
        assert not level.HasField("update_time")
    assert not listed(handlers, in_seconds(0.5))
    [mugs] = available(handlers, in_seconds(0.5), "MUG").availabilities
    assert (mugs.on_hand, list(mugs.levels)) == (0, [])


def test_other_levels_are_shown_with_what_came_before_the_movement(
    database: Database, shop: Shop, handlers: Handlers, mug: str
) -> None:
    shop.location("berlin")
    shop.level(mug, "berlin", version=2)
    earlier = move(shop, mug, 1, "berlin", seconds=2)
    later = move(shop, mug, 2, "berlin", seconds=4)
    assert (get(handlers, after(earlier)).version, get(handlers, after(later)).version) == (2, 4)
    [(third,)] = query(
        database,
        "SELECT movement_id::text FROM stock_movements"
        " WHERE location_id = 'default' AND stock_version = 3",
    )
    assert get(handlers, after(third.upper()), "berlin").version == 1


def test_the_level_of_a_movement_goes_by_its_versions_whatever_the_clock_did(
    shop: Shop, handlers: Handlers, mug: str
) -> None:
    back = move(shop, mug, 6, seconds=-3600)
    assert get(handlers, after(back)).version == 6


def test_a_clock_that_was_set_back_a_little_is_made_up_for(shop: Shop, handlers: Handlers) -> None:
    """What counts is the last version with an early enough time, whatever came in between."""
    chance = seeded()
    mug = shop.product("MUG")
    shop.level(mug, version=40)
    times = [version / 10 + chance.uniform(0, 0.99) for version in range(41)]
    for version in range(1, 41):
        move(shop, mug, version, seconds=times[version])
    for _ in range(40):
        moment = chance.uniform(0, 5)
        early = [version for version in range(1, 41) if times[version] <= moment]
        assert get(handlers, in_seconds(moment)).version == max(early, default=0)


def test_a_ledger_with_missing_rows_is_answered_by_what_it_has(
    shop: Shop, handlers: Handlers, mug: str
) -> None:
    shop.run("DELETE FROM stock_movements WHERE stock_version IN (1, 3, 4)")
    seen = [get(handlers, in_seconds(at_)).version for at_ in (1, 2, 3, 4.5, 5, 99)]
    assert seen == [0, 2, 2, 2, 5, 5]


def test_a_release_that_did_not_note_policies_is_answered_without(
    shop: Shop, handlers: Handlers, mug: str
) -> None:
    shop.run(
        "UPDATE stock_movements SET safety_stock_after = NULL, backorder_limit_after = NULL,"
        " low_stock_threshold_after = NULL"
    )
    shop.run("UPDATE stock_levels SET safety_stock = 3, backorder_limit = 4")
    level = get(handlers, in_seconds(3))
    assert (level.safety_stock, level.backorder_limit, level.available) == (0, 0, 3)
    assert not level.HasField("low_stock_threshold")


def test_low_stock_goes_by_the_numbers_of_then(shop: Shop, handlers: Handlers, mug: str) -> None:
    cup = shop.product("CUP")
    shop.level(cup, on_hand=1, version=1, low_stock_threshold=9)
    move(shop, cup, 1, seconds=3)
    low = [[e.sku for e in listed(handlers, in_seconds(s), low_stock=True)] for s in (1, 2, 3)]
    fine = [[e.sku for e in listed(handlers, in_seconds(s), low_stock=False)] for s in (1, 2, 3)]
    assert (low, fine) == ([["MUG"], ["MUG"], []], [[], [], ["MUG", "CUP"]])


def test_deleted_products_have_a_past_by_id_and_deleted_locations_had_stock(
    shop: Shop, handlers: Handlers, mug: str
) -> None:
    shop.location("berlin")
    shop.level(mug, "berlin", version=1)
    move(shop, mug, 1, "berlin")
    shop.run("UPDATE locations SET delete_time = %s WHERE location_id = 'berlin'", [in_time(2)])
    places = [
        [level.location_id for level in available(handlers, when, "MUG").availabilities[0].levels]
        for when in (in_seconds(1), in_seconds(2))
    ]
    assert places == [["berlin", "default"], ["default"]]
    shop.run("UPDATE products SET delete_time = now()")
    assert available(handlers, in_seconds(3), "MUG").missing
    with pytest.raises(ProductNotFound):
        get(handlers, in_seconds(3))
    by_id = common_pb2.ProductKey(product_id=mug)
    request = stock_pb2.GetStockLevelRequest(product=by_id, **in_seconds(3))
    assert handlers.GetStockLevel(request, CALL).stock_level.on_hand == 3


def test_a_snapshot_of_the_past_has_its_time_and_stands_nowhere_in_the_stream(
    shop: Shop, handlers: Handlers, mug: str
) -> None:
    movement_id = move(shop, mug, 6)
    for when, moment in ((in_seconds(3), in_time(3)), (after(movement_id), in_time(6))):
        answer = available(handlers, when, "MUG", "MUG", "CUP")
        assert answer.snapshot_time.ToDatetime(UTC) == moment
        assert len(answer.availabilities) == 1
        assert list(answer.missing) == [common_pb2.ProductKey(sku="CUP")]
        assert not answer.resume_token
        assert all(not page.resume_token for page in pages(handlers, when))
