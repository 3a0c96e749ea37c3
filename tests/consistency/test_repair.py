"""Repairing: on top of earlier repairs, beside others, and never more than is wrong."""

import asyncio
from datetime import timedelta

import psycopg2.errors
import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import LineQuantity
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.services.repairs import RepairFailed
from inventory_grpc.store.queries.consistency import LAST_ID
from tests.concurrency.harness import (
    adjust,
    done,
    held_level,
    mutations,
    place,
    query,
    request,
    seeded,
    value,
)
from tests.conftest import Database
from tests.consistency.damages import DAMAGES, UNKNOWN
from tests.consistency.history import (
    COUNTERS,
    VERSION,
    check,
    contents,
    damage,
    hold_of,
    named,
    repair_all,
    repairs,
    tell,
)

ROUNDS = 12
_LEVEL = (
    "SELECT on_hand, allocated, held FROM stock_levels"
    " WHERE product_id = %s AND location_id = 'default'"
)


async def test_the_service_cannot_edit_its_ledger(database: Database) -> None:
    await tell(database)
    with database.connect() as conn, conn.cursor() as cursor:
        for statement in ("UPDATE stock_movements SET note = ''", "DELETE FROM stock_movements"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
            conn.rollback()


async def test_damage_upon_damage_is_mended_every_time(database: Database) -> None:
    """Whatever is damaged together, also what an earlier repair has looked at or posted."""
    chance = seeded()
    past = await tell(database)
    # Those that drop a constraint or a row that others refer to can only be done once.
    again = [each for each in DAMAGES if "DROP" not in each.sql and "lost order" not in each.title]
    async with mutations(database) as server:
        for _ in range(ROUNDS):
            for each in chance.sample(again, chance.randint(1, 4)):
                try:
                    damage(database, each.sql, past)
                except psycopg2.errors.IntegrityError:
                    continue
            repair_all(database, apply=True)
            assert check(database)[0] == []
            await done(server, adjust("MUG", chance.randint(1, 9)))
            # Refused where what was believed leaves too little.
            await server.execute(request(place(("MUG", 1, "default"))), None)
            assert check(database)[0] == []


@pytest.mark.parametrize(
    ("title", "counters"),
    [
        ("on_hand too high", COUNTERS),
        ("a delta of on_hand", COUNTERS),
        ("the last after-value", COUNTERS),
        ("the last movement", COUNTERS),
        ("a movement twice", COUNTERS),
        ("a lost level", COUNTERS),
        ("the whole ledger", COUNTERS),
        ("more on an order's line", (100, 11, 5)),
        ("an order that was never cancelled", (100, 3, 5)),
        ("less on a hold's line", (100, 9, 3)),
        # The counter says 90; the deltas sum to 101; the last after-value is 100.
        ("a counter and a movement", (90, 9, 5)),
    ],
)
async def test_a_repair_believes_two_of_three_and_the_lines(
    database: Database, title: str, counters: tuple[int, int, int]
) -> None:
    past = await tell(database)
    [each] = [each for each in DAMAGES if each.title == title]
    damage(database, each.sql, past)
    [repair] = repair_all(database, apply=True)
    assert query(database, _LEVEL, past.product) == [counters]
    assert repair.on_hand_is_known == (
        title not in {"a counter and a movement", "the whole ledger"}
    )


async def test_a_repair_is_signed_and_says_what_it_found(database: Database) -> None:
    past = await tell(database)
    damage(database, "UPDATE order_lines SET quantity = 12 WHERE order_id = '{part_shipped}'", past)
    repair_all(database, apply=True)
    assert query(
        database,
        "SELECT kind, on_hand_delta, allocated_delta, held_delta, on_hand_after, allocated_after,"
        " held_after, order_id::text, actor, reason, note FROM stock_movements"
        " WHERE product_id = %s AND location_id = 'default' AND stock_version > %s",
        past.product,
        VERSION,
    ) == [(2, 0, 2, 0, 100, 11, 5, past.part_shipped, "system:repair", 2,
           "repair: ORDER_LINES, ORDER_NET")]  # fmt: skip
    assert query(
        database, "SELECT product_id::text, location_id, stock_version, found FROM ledger_repairs"
    ) == [
        (
            past.product, "default", VERSION + 1,
            [
                {"invariant": "ORDER_LINES", "expected": 11, "actual": 9, "first_bad_version": 2},
                {"invariant": "ORDER_NET", "expected": 8, "actual": 6, "first_bad_version": 2},
            ],
        )
    ]  # fmt: skip


async def test_what_was_repaired_can_be_shipped_cancelled_and_released(database: Database) -> None:
    past = await tell(database)
    damage(
        database,
        "UPDATE order_lines SET quantity = 12 WHERE order_id = '{part_shipped}';"
        "UPDATE hold_lines SET released = 2 WHERE hold_id = '{hold}';"
        "UPDATE stock_levels SET allocated = 0, held = 0 WHERE product_id = '{product}'",
        past,
    )
    repair_all(database, apply=True)
    async with mutations(database) as server:
        ship = commands.ShipOrder(past.part_shipped, (LineQuantity(1, 7),), "", 0)
        await done(server, ship)
        cancel = commands.CancelOrder(past.part_shipped, (), "", False, 0)
        await done(server, cancel)
        await done(server, commands.ReleaseHold(past.hold, "", 0))
    assert query(database, _LEVEL, past.product) == [(93, 3, 0)]
    assert check(database)[0] == []


async def test_rows_before_a_repair_are_not_looked_at_again_but_still_counted(
    database: Database,
) -> None:
    past = await tell(database)
    damage(database, "UPDATE stock_levels SET on_hand = 40 WHERE product_id = '{product}'", past)
    repair_all(database, apply=True)
    early = "UPDATE stock_movements SET {} = 1 WHERE {{level}} AND stock_version = 4"
    damage(database, early.format("on_hand_after"), past)
    assert check(database)[0] == []
    damage(database, early.format("on_hand_delta"), past)
    assert named(check(database)[0]) == [("ON_HAND", VERSION + 1)]
    repair_all(database, apply=True)
    assert check(database)[0] == []


async def test_a_movement_where_there_is_no_such_place_is_named_and_harms_no_other_repair(
    database: Database,
) -> None:
    past = await tell(database)
    astray = "UPDATE stock_movements SET location_id = 'none' WHERE {level} AND stock_version = 10"
    damage(database, astray, past)
    assert named(check(database)[0]) == [
        ("ON_HAND", 10), ("ON_HAND", 11), ("VERSIONS", 1), ("VERSIONS", 10),
    ]  # fmt: skip
    with repairs(database) as each:
        levels = list(each.damaged([]))
        assert levels == [(past.product, "default"), (past.product, "none")]
        each.repair(levels[0], apply=True)
        with pytest.raises(RepairFailed, match="no such location: none"):
            each.repair(levels[1], apply=True)
    assert {wrong.location_id for wrong in check(database)[0]} == {"none"}


async def test_movements_of_a_product_that_never_was_are_found(database: Database) -> None:
    past = await tell(database)
    stray = (
        "CREATE TEMP TABLE stray AS SELECT * FROM stock_movements WHERE {level}"
        " AND stock_version = 1; UPDATE stray SET product_id = 'nobody';"
        "INSERT INTO stock_movements SELECT * FROM stray"
    )
    for unknown in (UNKNOWN, LAST_ID):
        damage(database, stray.replace("nobody", unknown), past)
    assert named(check(database)[0]) == [("ON_HAND", 1)] * 2 + [("VERSIONS", 1)] * 2
    with repairs(database) as each, pytest.raises(RepairFailed, match="no such product"):
        each.repair((UNKNOWN, "default"), apply=True)


async def test_a_due_hold_counts_as_held_until_its_end_is_written(database: Database) -> None:
    past = await tell(database)
    async with mutations(database) as server:
        await done(server, hold_of(("MUG", 7), ttl=timedelta(microseconds=1)))
        assert check(database)[0] == []
        damage(database, "UPDATE stock_levels SET held = 1 WHERE {level}", past)
        repair_all(database, apply=True)
        assert query(database, _LEVEL, past.product) == [(100, 9, 12)]
        assert check(database)[0] == []
        await done(server, adjust("MUG", 1))
        assert query(database, _LEVEL, past.product) == [(101, 9, 5)]
    assert check(database)[0] == []


async def test_a_level_that_somebody_else_has_locked_is_left_for_later(database: Database) -> None:
    past = await tell(database)
    damage(database, "UPDATE stock_levels SET on_hand = 40 WHERE product_id = '{product}'", past)
    with (
        held_level(database, "MUG"),
        repairs(database, lock_wait_ms_max=20) as each,
        pytest.raises(RepairFailed, match="try again"),
    ):
        each.repair((past.product, "default"), apply=True)
    assert len(repair_all(database, apply=True)) == 2


async def test_two_repairs_at_once_post_one(database: Database) -> None:
    past = await tell(database)
    damage(database, "UPDATE stock_levels SET held = 1 WHERE {level}", past)
    level = past.product, "default"

    def mend() -> int:
        with repairs(database) as each:
            return len(each.repair(level, apply=True).movements)

    posted = await asyncio.gather(*(asyncio.to_thread(mend) for _ in range(4)))
    assert sorted(posted) == [0, 0, 0, 1]
    assert value(database, "SELECT count(*) FROM ledger_repairs") == 1


async def test_only_the_products_asked_for_are_repaired(database: Database) -> None:
    past = await tell(database)
    damage(database, "UPDATE stock_levels SET on_hand = on_hand + 1", past)
    before = contents(database, "stock_levels")
    with repairs(database) as each:
        levels = list(each.damaged([ProductKey(sku="MUG")]))
        assert levels == [(past.product, "berlin"), (past.product, "default")]
        for level in levels:
            each.repair(level, apply=True)
    assert {wrong.product_id for wrong in check(database)[0]} == {_cup(database)}
    assert len(set(before["stock_levels"]) & set(contents(database)["stock_levels"])) == 1


def _cup(database: Database) -> str:
    return str(value(database, "SELECT product_id FROM products WHERE sku = 'CUP'"))


async def test_a_line_that_was_partly_expired_by_hand_ends_with_what_it_has_left(
    database: Database,
) -> None:
    past = await tell(database)
    damage(database, "UPDATE hold_lines SET expired = 2 WHERE hold_id = '{hold}'", past)
    repair_all(database, apply=True)
    assert query(database, _LEVEL, past.product) == [(100, 9, 3)]
    damage(
        database,
        "UPDATE hold_lines SET expire_time = now() WHERE hold_id = '{hold}';"
        "UPDATE holds SET expire_time = now() WHERE hold_id = '{hold}'",
        past,
    )
    async with mutations(database) as server:
        await done(server, adjust("MUG", 1))
    assert query(database, _LEVEL, past.product) == [(101, 9, 0)]
    assert check(database)[0] == []
