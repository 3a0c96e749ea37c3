"""What a hold sets aside: allocation, partial grants, budgets."""

from datetime import timedelta

import pytest

from inventory_grpc.domain.budget import HoldBudget
from inventory_grpc.domain.commands import (
    AllocationStrategy,
    ExtendHold,
    ReleaseHold,
)
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.errors import (
    HoldBudgetExceeded,
    InsufficientStock,
)
from inventory_grpc.domain.model import (
    HoldEventKind,
    MovementKind,
)
from inventory_grpc.domain.status import HoldStatus
from tests.unit.domain.harness import NOW, books, level, place
from tests.unit.domain.hold_harness import (
    MINUTE,
    SINGLE,
    Line,
    at,
    changed,
    counters,
    granted,
    hold,
    kinds,
)


def test_a_hold_sets_units_aside_until_it_ends() -> None:
    made = books()
    level(made, "MUG", on_hand=10)

    held = hold(made, ("MUG", 4))

    assert counters(made, "MUG") == (10, 0, 4)
    assert held.status is HoldStatus.ACTIVE
    assert held.expire_time == NOW + MINUTE
    assert held.version == 1
    assert kinds(made) == [MovementKind.HELD]
    assert made.movements[0].hold_id == held.hold_id
    assert [event.kind for event in made.hold_events] == [HoldEventKind.CREATED]
    assert made.budget_changes == {"somebody": 4}
    with pytest.raises(InsufficientStock) as refused:
        place(made, ("MUG", 7))
    assert refused.value.shortages[0].next_hold_expiry == NOW + MINUTE


def test_products_are_held_all_or_none() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    level(made, "PEN", on_hand=1)

    with pytest.raises(InsufficientStock) as refused:
        hold(made, ("MUG", 4), ("PEN", 2))

    assert [(each.sku, each.requested, each.available) for each in refused.value.shortages] == [
        ("PEN", 2, 1)
    ]


def test_allow_partial_takes_what_there_is() -> None:
    made = books("near", "far")
    level(made, "MUG", "near", on_hand=2)
    level(made, "MUG", "far", on_hand=1)
    level(made, "PEN", "near", on_hand=0)

    held = hold(made, ("MUG", 5), ("PEN", 1), partial=True)

    assert granted(held) == [(0, "MUG", "near", 5, 2), (0, "MUG", "far", 5, 1)]


def test_allow_partial_fills_the_lines_of_one_product_in_order() -> None:
    made = books()
    level(made, "MUG", on_hand=3)

    held = hold(made, ("MUG", 2), ("MUG", 2), ("MUG", 2), partial=True)

    assert granted(held) == [(0, "MUG", "default", 2, 2), (1, "MUG", "default", 2, 1)]


def test_allow_partial_at_a_single_location_takes_the_one_with_most() -> None:
    made = books("near", "far")
    level(made, "MUG", "near", on_hand=1)
    level(made, "MUG", "far", on_hand=2)
    level(made, "PEN", "far", on_hand=1)

    held = hold(made, ("MUG", 4), ("PEN", 1), partial=True, strategy=SINGLE)

    assert granted(held) == [(0, "MUG", "far", 4, 2), (1, "PEN", "far", 1, 1)]


@pytest.mark.parametrize("strategy", list(AllocationStrategy))
def test_allow_partial_that_grants_nothing_is_refused(strategy: AllocationStrategy) -> None:
    made = books()
    level(made, "MUG", on_hand=0)

    with pytest.raises(InsufficientStock):
        hold(made, ("MUG", 4), partial=True, strategy=strategy)


BUDGET = HoldBudget(lines_max=2, units_max=5, lifetime_max=2 * MINUTE, caller_units_max=8)


@pytest.mark.parametrize(
    ("limit", "lines", "ttl"),
    [
        ("lines", [("MUG", 1)] * 3, MINUTE),
        ("units", [("MUG", 6)], MINUTE),
        ("lifetime_seconds", [("MUG", 1)], 3 * MINUTE),
    ],
)
def test_one_hold_has_a_budget(limit: str, lines: list[Line], ttl: timedelta) -> None:
    made = books()
    level(made, "MUG", on_hand=100)

    with pytest.raises(HoldBudgetExceeded) as refused:
        hold(made, *lines, ttl=ttl, budget=BUDGET)

    assert refused.value.limit == limit
    assert refused.value.retry_after_ms is None


def test_a_callers_active_holds_have_a_budget_together() -> None:
    made = books()
    level(made, "MUG", on_hand=100)
    made.held_by_caller["somebody"] = 3

    held = hold(made, ("MUG", 5), budget=BUDGET)
    with pytest.raises(HoldBudgetExceeded) as refused:
        hold(made, ("MUG", 1), budget=BUDGET)
    assert refused.value.metadata == {
        "limit": "caller_units", "requested": "1", "allowed": "8", "in_use": "8",
    }  # fmt: skip
    changed(made, ReleaseHold(held.hold_id, "", 0))

    hold(made, ("MUG", 5), budget=BUDGET)


def test_a_partial_hold_counts_what_it_was_granted() -> None:
    made = books()
    level(made, "MUG", on_hand=1)
    made.held_by_caller["somebody"] = 7

    hold(made, ("MUG", 4), budget=BUDGET, partial=True)


def test_no_extension_outlives_the_budget() -> None:
    made = books()
    level(made, "MUG", on_hand=100)
    held = hold(made, ("MUG", 5), budget=BUDGET)

    with pytest.raises(HoldBudgetExceeded) as refused:
        decide(made, ExtendHold(held.hold_id, 2 * MINUTE, 0), at(NOW + MINUTE / 2, BUDGET))

    assert refused.value.metadata["requested"] == "150"
