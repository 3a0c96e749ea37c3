"""What a repair takes for the truth, and what it posts for it."""

from datetime import UTC, datetime

import pytest

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import RepairLevel
from inventory_grpc.domain.consistency import (
    Counters,
    LedgerFacts,
    Share,
    Side,
    counters_of,
    violations,
)
from inventory_grpc.domain.context import Context, Ids
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.entries import Item
from inventory_grpc.domain.errors import LocationNotFound, ProductNotFound
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.results import LevelRepair

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_COMMAND = RepairLevel("p", "default")


def _repair(level: StockLevel | None, facts: LedgerFacts) -> tuple[Books, LevelRepair]:
    books = Books()
    books.open_item(Item("p", "MUG", None, deleted=False))
    if level is not None:
        books.open_level(level)
    books.open_ledger(("p", "default"), facts)
    result = decide(books, _COMMAND, Context(_NOW, Ids(_NOW, 1), "system:repair", "r"))
    assert isinstance(result, LevelRepair)
    return books, result


def _level(on_hand: int, version: int = 5, allocated: int = 0, held: int = 0) -> StockLevel:
    return StockLevel("p", "MUG", "default", on_hand, allocated, held, version=version)


def _facts(on_hand: int, last: int, last_version: int = 5, repaired: int = 0) -> LedgerFacts:
    return LedgerFacts(
        sums=Counters(on_hand),
        last=Counters(last),
        last_version=last_version,
        movements=last_version,
        repaired=repaired,
    )


@pytest.mark.parametrize(
    ("counter", "deltas", "last", "last_version", "on_hand", "is_known"),
    [
        (9, 7, 7, 5, 7, True),
        (7, 9, 7, 5, 7, True),
        (7, 7, 9, 5, 7, True),
        (7, 8, 9, 5, 7, False),
        # The last movement was deleted: the one before it and the deltas agree on what used to be.
        (9, 7, 7, 4, 9, False),
        # The level is older than its ledger.
        (7, 9, 9, 6, 9, True),
        # No shelf holds less than nothing.
        (7, -2, -2, 5, 7, False),
    ],
)
def test_on_hand_is_what_two_of_three_agree_on(
    counter: int, deltas: int, last: int, last_version: int, on_hand: int, is_known: bool
) -> None:
    _, repair = _repair(_level(counter), _facts(deltas, last, last_version))
    assert (repair.level.on_hand, repair.on_hand_is_known) == (on_hand, is_known)


def test_each_order_and_hold_gets_its_own_movement_and_the_rest_one_more() -> None:
    orders = Side(open=7, owed=6, astray=(Share("o1", 4, 6, 6, 2), Share("o2", 1, 1, 0, 3)))
    holds = Side(open=5, owed=5, astray=(Share("h1", 9, 5, 5, 4),))
    facts = LedgerFacts(
        sums=Counters(10, 8, 12), last=Counters(10, 5, 9), last_version=9, movements=9,
        orders=orders, holds=holds,
    )  # fmt: skip
    books, repair = _repair(_level(10, version=4, allocated=5, held=9), facts)
    posted = [
        (
            move.stock_version, move.order_id, move.hold_id,
            Counters(move.on_hand_delta, move.allocated_delta, move.held_delta),
        )
        for move in repair.movements
    ]  # fmt: skip
    assert posted == [
        (10, "o1", "", Counters(allocated=2)),
        (11, "o2", "", Counters(allocated=-1)),
        (12, "", "h1", Counters(held=-4)),
        (13, "", "", Counters(0, -3, -3)),
    ]
    after = {
        (move.on_hand_after, move.allocated_after, move.held_after) for move in books.movements
    }
    assert after == {(10, 6, 5)} == {counters_of(repair.level)}
    assert (repair.level.version, repair.level.shortfall) == (13, 1)
    assert books.versions_read["p", "default"] == 4
    assert [each.stock_version for each in books.repairs] == [13]


def test_a_wrong_row_with_nothing_to_compensate_is_a_movement_of_zero() -> None:
    broken = LedgerFacts(
        sums=Counters(10), last=Counters(10), last_version=5, movements=5, broken=3,
        broken_expected=Counters(4), broken_actual=Counters(3),
    )  # fmt: skip
    _, repair = _repair(_level(10), broken)
    [movement] = repair.movements
    assert (movement.on_hand_delta, movement.allocated_delta, movement.held_delta) == (0, 0, 0)
    assert (movement.on_hand_after, movement.stock_version) == (10, 6)
    assert movement.note == "repair: AFTER_VALUES"


def test_what_does_not_fit_into_one_movement_is_compensated_by_several() -> None:
    _, result = _repair(_level(7), _facts(2**63 + 100, 7))
    deltas = [move.on_hand_delta for move in result.movements]
    assert 2**63 + 100 + sum(deltas) == 7
    assert all(-(2**63) <= delta < 2**63 for delta in deltas)
    assert [move.on_hand_after for move in result.movements] == [7] * len(deltas)


def test_a_level_without_a_violation_is_not_touched() -> None:
    books, repair = _repair(_level(10), _facts(10, 10))
    assert (repair.found, repair.movements, books.movements, books.repairs) == ((), (), [], [])
    assert violations(_level(10), _facts(10, 10)) == []


def test_a_repair_never_reuses_a_version_that_was_looked_at() -> None:
    _, repair = _repair(_level(9, version=3), _facts(10, 10, last_version=2, repaired=8))
    assert repair.level.version == 9


def test_a_level_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(LocationNotFound):
        _repair(None, _facts(10, 10))
    books = Books()
    with pytest.raises(ProductNotFound):
        decide(books, _COMMAND, Context(_NOW, Ids(_NOW, 1), "system:repair", "r"))
