"""Where a product's numbers come from: its movements, added up."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from inventory_grpc.domain.errors import (
    HoldNotFound,
    InvalidFields,
    LocationNotFound,
    OrderNotFound,
    ProductNotFound,
)
from inventory_grpc.domain.reads import MovementQuery
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.queries import movements
from inventory_grpc.v1 import common_pb2, stock_pb2
from tests.concurrency.harness import query, seeded
from tests.conftest import Database
from tests.reads.asking_as_of import at, fields, in_time, listed, stamp
from tests.reads.past import live_levels, traffic
from tests.reads.plans import ROWS, Run, buffers, explained, id_at, names, python_id_at
from tests.reads.shop import CALL, COMMIT, REQUEST, Handlers, Shop

NOBODY = "0192d0a8-0000-7000-8000-00000000aaaa"
Sums = Counter[tuple[str, str]]
"""Units by location and counter."""


def summarize(handlers: Handlers, sku: str = "MUG", **wanted: Any) -> Any:
    product = common_pb2.ProductKey(sku=sku)
    request = stock_pb2.GetStockMovementSummaryRequest(
        filter=stock_pb2.StockMovementFilter(product=product, **wanted)
    )
    return handlers.GetStockMovementSummary(request, CALL).summary


def changes(summary: Any) -> Sums:
    sums: Sums = Counter()
    for group in summary.groups:
        sums[group.location_id, "on_hand"] += group.on_hand_delta
        sums[group.location_id, "allocated"] += group.allocated_delta
        sums[group.location_id, "held"] += group.held_delta
    return sums


def counters(levels: list[stock_pb2.StockLevel], sku: str) -> Sums:
    sums: Sums = Counter()
    for level in levels:
        if level.sku == sku:
            for name in ("on_hand", "allocated", "held"):
                sums[level.location_id, name] += getattr(level, name)
    return sums


def test_a_level_is_the_sum_of_its_movements_and_a_time_the_difference_of_two_moments(
    database: Database, handlers: Handlers
) -> None:
    past = asyncio.run(traffic(database, seeded()))
    [(first, last)] = query(
        database, "SELECT min(occur_time), max(occur_time) FROM stock_movements"
    )
    start, end = first + (last - first) / 3, first + (last - first) * 2 / 3
    just_before = timedelta(microseconds=1)
    now = list(live_levels(database).values())
    before, after = (listed(handlers, at(each - just_before), 100) for each in (start, end))
    for sku in past.skus:
        assert changes(summarize(handlers, sku)) == counters(now, sku)
        between = counters(after, sku)
        between.subtract(counters(before, sku))
        of_time = summarize(handlers, sku, start_time=stamp(start), end_time=stamp(end))
        assert changes(of_time) == between
        at_berlin = changes(summarize(handlers, sku, location_id="berlin"))
        assert at_berlin == {k: v for k, v in counters(now, sku).items() if k[0] == "berlin"}


def test_movements_come_by_location_kind_reason_and_caller_the_most_first(
    shop: Shop, handlers: Handlers
) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    shop.location("aachen")
    for version in range(1, 4):
        shop.movement(mug, version, kind=8, at=in_time(version))
    shop.movement(mug, 4, kind=2)
    shop.run("UPDATE stock_movements SET actor = 'ann', reason = 3 WHERE stock_version = 2")
    shop.movement(mug, 1, "aachen", kind=1)
    shop.movement(cup, 1)

    groups = summarize(handlers).groups

    told = [
        (each.location_id, each.kind, each.reason, each.actor, each.movements) for each in groups
    ]
    assert told == [
        ("aachen", 1, 1, "anonymous", 1),
        ("default", 8, 1, "anonymous", 2),
        ("default", 2, 1, "anonymous", 1),
        ("default", 8, 3, "ann", 1),
    ]
    orders = groups[1]
    assert (orders.on_hand_delta, orders.allocated_delta, orders.held_delta) == (2, 4, 6)
    assert (orders.first_time, orders.last_time) == (stamp(in_time(1)), stamp(in_time(3)))
    assert not summarize(handlers).HasField("others")
    assert [each.actor for each in summarize(handlers, kinds=[2]).groups] == ["anonymous"]
    assert not summarize(handlers, kinds=[5]).groups


def test_the_smaller_of_too_many_groups_are_told_together(
    shop: Shop, read_database: ReadDatabase, handlers: Handlers
) -> None:
    mug = shop.product("MUG")
    for version in range(1, 9):
        shop.movement(mug, version)
    shop.run("UPDATE stock_movements SET actor = 'a' || stock_version WHERE stock_version < 7")
    with read_database.begin(None) as conn:
        summary = movements.summary(conn, MovementQuery(), mug, groups_max=3)
    assert [(each.actor, each.movements) for each in summary.groups] == [
        ("anonymous", 2), ("a1", 1), ("a2", 1),
    ]  # fmt: skip
    assert summary.others is not None
    assert (summary.others.movements, summary.others.held_delta) == (4, 12)
    # The bound of the API.
    shop.run(
        "INSERT INTO stock_movements SELECT product_id, location_id, 100 + n, gen_random_uuid(), 1,"
        " 1, 0, 0, 1, 0, 0, 0, 0, NULL, NULL, NULL, request_id, 'b' || n, 0, '', occur_time,"
        " commit_id FROM stock_movements, generate_series(1, 1000) n WHERE stock_version = 8"
    )
    told = summarize(handlers)
    assert len(told.groups) == 1_000
    others = told.others
    assert (others.movements, others.location_id, others.kind, others.actor) == (7, "", 0, "")


def test_a_summary_is_of_one_product(handlers: Handlers) -> None:
    wanted = stock_pb2.StockMovementFilter(location_id="A", order_id="x")
    request = stock_pb2.GetStockMovementSummaryRequest(filter=wanted)
    request.MergeFromString(b"r\x01?")
    with pytest.raises(InvalidFields) as refused:
        handlers.GetStockMovementSummary(request, CALL)
    assert sorted(fields(refused)) == [
        "filter.location_id", "filter.order_id", "filter.product", "min_token",
    ]  # fmt: skip


def test_what_is_unknown_is_refused(shop: Shop, handlers: Handlers) -> None:
    with pytest.raises(ProductNotFound):
        summarize(handlers)
    shop.product("MUG")
    with pytest.raises(LocationNotFound):
        summarize(handlers, location_id="rome")
    with pytest.raises(OrderNotFound):
        summarize(handlers, order_id=NOBODY)
    with pytest.raises(HoldNotFound):
        summarize(handlers, hold_id=NOBODY)
    assert not summarize(handlers).groups


def test_a_summary_reads_no_movement_of_another_product(
    shop: Shop, read_database: ReadDatabase
) -> None:
    shop.run("ALTER TABLE stock_movements SET (autovacuum_enabled = off)")
    shop.run(
        f"INSERT INTO stock_movements SELECT {id_at('n / 100', 1)}, 'default', n,"  # noqa: S608
        f" {id_at('n', 3)}, 1, 1, 0, 0, n, 0, 0, 0, 0, NULL, NULL, NULL, '{REQUEST}', 'anonymous',"
        f" 0, '', now(), '{COMMIT}' FROM generate_series(1, {ROWS // 3}) n"
    )
    for wanted in (MovementQuery(), MovementQuery(location_id="default")):
        plan = explained(read_database, summing_up(wanted))
        assert "Seq Scan" not in names(plan)
        assert buffers(plan) < 120


def summing_up(wanted: MovementQuery) -> Run:
    return lambda conn: movements.summary(conn, wanted, python_id_at(9, 1))
