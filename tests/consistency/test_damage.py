"""A row damaged by hand is found with the right invariant and version, and mended by the plan."""

import pytest

from inventory_grpc.domain.results import LevelRepair
from tests.conftest import Database
from tests.consistency.damages import DAMAGES, Damage
from tests.consistency.history import (
    VERSION,
    check,
    contents,
    damage,
    named,
    repair_all,
    tell,
)


async def test_an_undamaged_level_is_left_alone(database: Database) -> None:
    await tell(database)
    before = contents(database)
    found, summary = check(database)
    assert found == []
    assert (summary.products, summary.levels) == (2, 3)
    assert summary.movements == len(before["stock_movements"]) == VERSION + 4
    assert summary.start_time <= summary.end_time
    assert repair_all(database, apply=True) == []
    assert contents(database) == before


@pytest.mark.parametrize("each", DAMAGES, ids=lambda each: each.title)
async def test_a_damaged_row_is_found_and_mended_as_planned(
    database: Database, each: Damage
) -> None:
    past = await tell(database)
    damage(database, each.sql, past)
    damaged = contents(database)
    assert named(check(database)[0]) == sorted(each.found)

    plan = repair_all(database, apply=False)
    assert contents(database) == damaged, "a plan changes nothing"
    assert named([wrong for level in plan for wrong in level.found]) == sorted(each.found)

    done = repair_all(database, apply=True)
    assert _without_ids(done) == _without_ids(plan)
    assert check(database)[0] == []
    assert repair_all(database, apply=True) == []
    after = contents(database)
    for table in ("orders", "order_lines", "holds", "hold_lines"):
        assert after[table] == damaged[table]
    posted = sum(len(level.movements) for level in done)
    assert set(damaged["stock_movements"]) < set(after["stock_movements"])
    assert len(after["stock_movements"]) == len(damaged["stock_movements"]) + posted


def _without_ids(repairs: list[LevelRepair]) -> list[object]:
    return [
        (
            level.level.product_id, level.level.location_id, level.level.on_hand,
            level.level.allocated, level.level.held, level.level.version, level.found,
            [
                (
                    move.stock_version, move.on_hand_delta, move.allocated_delta, move.held_delta,
                    move.order_id, move.hold_id, move.note,
                )
                for move in level.movements
            ],
            level.on_hand_is_known,
        )
        for level in repairs
    ]  # fmt: skip
