"""Adjusting, counting, policies and transfers: what a level becomes, and what is refused."""

from typing import Any

import pytest

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import (
    AdjustStock,
    Command,
    DemandLine,
    SetStock,
    SetStockPolicy,
    TransferStock,
)
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.errors import (
    InsufficientStock,
    LocationNotFound,
    ProductNotFound,
    QuantityLimit,
    VersionMismatch,
)
from inventory_grpc.domain.model import (
    COUNTER_MAX,
    AdjustmentReason,
    MovementKind,
    StockLevel,
    StockMovement,
)
from inventory_grpc.domain.results import StockChange, Transfer
from tests.unit.domain.harness import books, context, counters, key, ledger, level, product

LOSSES = (AdjustmentReason.DAMAGED, AdjustmentReason.LOST)


def change(made: Books, command: Command) -> tuple[StockLevel, StockMovement]:
    result = decide(made, command, context())
    assert isinstance(result, StockChange)
    return result.level, result.movement


def adjust(
    delta: int, reason: AdjustmentReason = AdjustmentReason.CORRECTION, version: int = 0
) -> AdjustStock:
    return AdjustStock(key("A"), "default", delta, reason, "why", version)


def count(units: int, **expected: int) -> SetStock:
    return SetStock(
        key("A"), "default", units,
        expected.get("on_hand"), expected.get("version"), "counted",
    )  # fmt: skip


def policy(**values: Any) -> SetStockPolicy:
    given = {
        "safety_stock": None, "backorder_limit": None, "low_stock_threshold": None,
        "clear_low_stock_threshold": False, "expected_version": 0,
    }  # fmt: skip
    return SetStockPolicy(key("A"), "default", **{**given, **values})


def move(*lines: tuple[str, int]) -> TransferStock:
    demand = tuple(DemandLine(key(sku), units) for sku, units in lines)
    return TransferStock("here", "there", demand, "moved")


class TestAdjust:
    def test_a_receipt_raises_on_hand_and_leaves_one_movement(self) -> None:
        made = books()
        level(made, "A", on_hand=3, allocated=1)
        after, movement = change(made, adjust(4, AdjustmentReason.RECEIVED))
        assert (after.on_hand, after.allocated, after.version) == (7, 1, 6)
        assert movement.kind is MovementKind.RECEIVED
        assert (movement.on_hand_delta, movement.on_hand_after, movement.stock_version) == (4, 7, 6)
        assert (movement.note, movement.actor, movement.request_id) == ("why", "somebody", "r")

    @pytest.mark.parametrize("reason", [each for each in AdjustmentReason if each > 1])
    def test_any_other_reason_is_an_adjustment_that_names_it(
        self, reason: AdjustmentReason
    ) -> None:
        made = books()
        level(made, "A", on_hand=3)
        _, movement = change(made, adjust(1, reason))
        assert (movement.kind, movement.reason) == (MovementKind.ADJUSTED, reason)

    def test_stock_can_arrive_while_more_is_promised_than_is_there(self) -> None:
        made = books()
        level(made, "A", on_hand=0, allocated=5, backorder_limit=5)
        after, _ = change(made, adjust(1, AdjustmentReason.RECEIVED))
        assert (after.on_hand, after.allocated) == (1, 5)

    def test_a_correction_may_not_touch_what_is_promised(self) -> None:
        made = books()
        level(made, "A", on_hand=10, allocated=4, held=3, safety_stock=2)
        with pytest.raises(InsufficientStock) as refused:
            change(made, adjust(-4))
        [shortage] = refused.value.shortages
        assert (shortage.line_index, shortage.requested, shortage.available) == (0, 4, 3)
        assert (shortage.on_hand, shortage.allocated, shortage.held) == (10, 4, 3)

    def test_a_correction_may_touch_the_safety_stock(self) -> None:
        made = books()
        level(made, "A", on_hand=10, allocated=4, held=3, safety_stock=2)
        assert change(made, adjust(-3))[0].on_hand == 7

    def test_a_correction_of_a_backordered_level_has_nothing_to_take(self) -> None:
        made = books()
        level(made, "A", on_hand=2, allocated=5, backorder_limit=5)
        with pytest.raises(InsufficientStock) as refused:
            change(made, adjust(-1))
        assert refused.value.shortages[0].available == 0

    @pytest.mark.parametrize("reason", LOSSES)
    def test_a_loss_goes_below_what_is_promised_and_raises_shortfall(
        self, reason: AdjustmentReason
    ) -> None:
        made = books()
        level(made, "A", on_hand=10, allocated=8, backorder_limit=1)
        after, movement = change(made, adjust(-9, reason))
        assert (after.on_hand, after.allocated, after.shortfall) == (1, 8, 6)
        assert movement.shortfall_after == 6

    @pytest.mark.parametrize("reason", LOSSES)
    def test_nothing_that_is_not_there_can_be_lost(self, reason: AdjustmentReason) -> None:
        made = books()
        level(made, "A", on_hand=2)
        with pytest.raises(InsufficientStock):
            change(made, adjust(-3, reason))

    def test_no_counter_exceeds_its_limit(self) -> None:
        made = books()
        level(made, "A", on_hand=COUNTER_MAX - 1)
        change(made, adjust(1))
        with pytest.raises(QuantityLimit) as refused:
            change(made, adjust(1))
        assert refused.value.counter == "on_hand"

    def test_a_stale_version_is_refused_before_the_stock_is_looked_at(self) -> None:
        made = books()
        level(made, "A", on_hand=0)
        with pytest.raises(VersionMismatch) as refused:
            change(made, adjust(-1, version=4))
        assert (refused.value.expected_version, refused.value.current_version) == (4, 5)

    def test_unknown_names_are_refused(self) -> None:
        made = books()
        product(made, "gone", deleted=True)
        for sku in ("A", "gone"):
            with pytest.raises(ProductNotFound):
                change(made, AdjustStock(key(sku), "default", 1, AdjustmentReason.FOUND, "", 0))
        product(made, "A")
        with pytest.raises(LocationNotFound):
            change(made, AdjustStock(key("A"), "nowhere", 1, AdjustmentReason.FOUND, "", 0))


class TestShortfall:
    def test_it_falls_as_things_improve_and_never_rises_with_them(self) -> None:
        made = books()
        level(made, "A", on_hand=2, allocated=8, shortfall=6)
        assert change(made, adjust(4, AdjustmentReason.RECEIVED))[0].shortfall == 2
        assert change(made, adjust(9, AdjustmentReason.RECEIVED))[0].shortfall == 0
        assert change(made, adjust(-7))[0].shortfall == 0

    def test_backorders_within_their_limit_are_no_shortfall(self) -> None:
        made = books()
        level(made, "A", on_hand=2, allocated=8, backorder_limit=6)
        assert change(made, count(2))[0].shortfall == 0


class TestCount:
    def test_a_count_is_a_fact(self) -> None:
        made = books()
        level(made, "A", on_hand=10, allocated=8, held=1)
        after, movement = change(made, count(5))
        assert (after.on_hand, after.allocated, after.held, after.shortfall) == (5, 8, 1, 4)
        assert (movement.kind, movement.on_hand_delta) == (MovementKind.COUNTED, -5)

    def test_a_count_that_differs_in_nothing_still_is_in_the_ledger(self) -> None:
        made = books()
        level(made, "A", on_hand=10)
        after, movement = change(made, count(10))
        assert (after.version, movement.on_hand_delta) == (6, 0)

    @pytest.mark.parametrize("expected", [{"on_hand": 9}, {"version": 4}, {"version": 0}])
    def test_a_failed_precondition_says_what_is_there(self, expected: dict[str, int]) -> None:
        made = books()
        level(made, "A", on_hand=10)
        with pytest.raises(VersionMismatch) as refused:
            change(made, count(10, **expected))
        assert refused.value.metadata == {
            "current_version": "5",
            "current_on_hand": "10",
            **{f"expected_{name}": str(value) for name, value in expected.items()},
        }

    @pytest.mark.parametrize("expected", [{"on_hand": 10}, {"version": 5}, {}])
    def test_a_met_precondition_counts(self, expected: dict[str, int]) -> None:
        made = books()
        level(made, "A", on_hand=10)
        assert change(made, count(11, **expected))[0].on_hand == 11

    def test_version_zero_expects_a_level_that_was_never_stocked(self) -> None:
        made = books()
        level(made, "A", version=0)
        assert change(made, count(1, version=0))[0].version == 1


class TestPolicy:
    def test_what_is_not_given_stays(self) -> None:
        made = books()
        level(made, "A", on_hand=5, safety_stock=1, backorder_limit=2, low_stock_threshold=3)
        after, movement = change(made, policy(safety_stock=9))
        assert (after.safety_stock, after.backorder_limit, after.low_stock_threshold) == (9, 2, 3)
        assert (movement.kind, movement.on_hand_delta) == (MovementKind.POLICY_CHANGED, 0)
        assert after.available == -4

    def test_a_threshold_can_be_set_to_zero_and_cleared(self) -> None:
        made = books()
        level(made, "A", low_stock_threshold=3)
        assert change(made, policy(low_stock_threshold=0))[0].low_stock_threshold == 0
        assert change(made, policy(clear_low_stock_threshold=True))[0].low_stock_threshold is None

    def test_a_backorder_limit_below_what_is_used_raises_shortfall(self) -> None:
        made = books()
        level(made, "A", on_hand=2, allocated=7, backorder_limit=5)
        assert change(made, policy(backorder_limit=3))[0].shortfall == 2
        assert change(made, policy(backorder_limit=9))[0].shortfall == 0

    def test_a_stale_version_is_refused(self) -> None:
        made = books()
        level(made, "A")
        with pytest.raises(VersionMismatch):
            change(made, policy(safety_stock=1, expected_version=4))


class TestTransfer:
    def test_units_leave_one_place_and_arrive_at_the_other(self) -> None:
        made = books("here", "there")
        level(made, "A", "here", on_hand=5, allocated=1)
        level(made, "A", "there", version=0)
        result = decide(made, move(("A", 4)), context())
        assert isinstance(result, Transfer)
        assert counters(made, "A", "here") == (1, 1, 0)
        assert counters(made, "A", "there") == (4, 0, 0)
        assert [each.location_id for each in result.levels] == ["here", "there"]
        assert {each.transfer_id for each in result.movements} == {result.transfer_id}
        assert ledger(made) == [
            ("A", "here", MovementKind.TRANSFERRED_OUT, -4, 0),
            ("A", "there", MovementKind.TRANSFERRED_IN, 4, 0),
        ]

    def test_lines_of_the_same_product_are_checked_together(self) -> None:
        made = books("here", "there")
        level(made, "A", "here", on_hand=5)
        level(made, "A", "there")
        with pytest.raises(InsufficientStock) as refused:
            decide(made, move(("A", 3), ("A", 3)), context())
        [shortage] = refused.value.shortages
        assert (shortage.line_index, shortage.requested, shortage.available) == (0, 6, 5)
        assert made.movements == []

    def test_neither_promises_nor_safety_stock_nor_backorders_travel(self) -> None:
        made = books("here", "there")
        level(made, "A", "here", on_hand=9, allocated=2, held=1, safety_stock=3, backorder_limit=50)
        level(made, "A", "there")
        with pytest.raises(InsufficientStock) as refused:
            decide(made, move(("A", 4)), context())
        assert refused.value.shortages[0].available == 3

    def test_every_shortage_is_listed(self) -> None:
        made = books("here", "there")
        for sku in ("A", "B", "C"):
            level(made, sku, "here", on_hand=1)
            level(made, sku, "there")
        with pytest.raises(InsufficientStock) as refused:
            decide(made, move(("A", 2), ("B", 1), ("C", 3)), context())
        assert [each.line_index for each in refused.value.shortages] == [0, 2]
