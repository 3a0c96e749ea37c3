"""How a hold ends: converted, released, or expired; once, whoever is first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventory_grpc.domain.commands import (
    ExpireHolds,
    ExtendHold,
    ReleaseHold,
    Remainder,
)
from inventory_grpc.domain.decide import decide, without_new_ids
from inventory_grpc.domain.entries import LineChange
from inventory_grpc.domain.errors import (
    CurrencyMismatch,
    HoldConverted,
    HoldExpired,
    HoldNotFound,
    HoldReleased,
    QuantityExceeded,
    VersionMismatch,
)
from inventory_grpc.domain.holds import EXPIRY_ACTOR, expire_due
from inventory_grpc.domain.model import (
    Money,
    MovementKind,
)
from inventory_grpc.domain.results import Conversion, Expiry
from inventory_grpc.domain.status import HoldStatus, OrderStatus
from tests.unit.domain.harness import IDS, NOW, books, eur, level, place, product
from tests.unit.domain.hold_harness import (
    MINUTE,
    at,
    changed,
    convert,
    converted,
    counters,
    due,
    hold,
    kinds,
    stored,
)


def test_a_whole_conversion_moves_held_to_allocated_in_one_movement() -> None:
    made = books()
    product(made, "MUG", price=eur("2.50"))
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))

    result = converted(made, held)

    assert counters(made, "MUG") == (10, 4, 0)
    assert result.hold.status is HoldStatus.CONVERTED
    assert result.hold.order_ids == (result.order.order_id,)
    assert result.order.hold_id == held.hold_id
    assert result.order.status is OrderStatus.PENDING
    assert result.order.total == eur("10.00")
    move = made.movements[-1]
    assert (move.kind, move.allocated_delta, move.held_delta) == (MovementKind.ALLOCATED, 4, -4)
    assert (move.order_id, move.hold_id) == (result.order.order_id, held.hold_id)
    assert made.budget_changes == {"somebody": 0}


def test_converting_never_asks_whether_there_is_enough() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))
    now = made.levels["id-MUG"]["default"]
    made.levels["id-MUG"]["default"] = replace(now, on_hand=1, shortfall=3)

    converted(made, held)

    assert counters(made, "MUG") == (1, 4, 0)


def test_part_of_a_hold_converts_and_the_rest_stays() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    level(made, "PEN", on_hand=10)
    held = hold(made, ("MUG", 4), ("PEN", 3))

    first = converted(made, held, (2, 1))
    second = converted(made, held)

    assert first.hold.status is HoldStatus.ACTIVE
    assert [(each.sku, each.quantity) for each in first.order.lines] == [("PEN", 1)]
    assert [(each.sku, each.quantity) for each in second.order.lines] == [("MUG", 4), ("PEN", 2)]
    assert second.hold.status is HoldStatus.CONVERTED
    assert second.hold.order_ids == (first.order.order_id, second.order.order_id)
    assert second.hold.version == 3


def test_part_of_a_hold_converts_and_the_rest_is_released() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))

    result = converted(made, held, (1, 1), remainder=Remainder.RELEASE)

    assert counters(made, "MUG") == (10, 1, 0)
    assert result.hold.status is HoldStatus.CONVERTED
    assert (result.hold.lines[0].converted, result.hold.lines[0].released) == (1, 3)


def test_more_than_is_held_does_not_convert() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))

    with pytest.raises(QuantityExceeded) as refused:
        decide(made, convert(held, (1, 5)), at())
    assert refused.value.metadata == {
        "hold_id": held.hold_id, "line_number": "1", "requested": "5", "possible": "4",
    }  # fmt: skip
    with pytest.raises(QuantityExceeded):
        decide(made, convert(held, (2, 1)), at())


def test_prices_are_those_at_conversion() -> None:
    made = books()
    product(made, "MUG", price=eur("2"))
    product(made, "PEN", price=Money("USD", eur("1").amount))
    level(made, "MUG", on_hand=10)
    level(made, "PEN", on_hand=10)
    held = hold(made, ("MUG", 1), ("PEN", 1))

    with pytest.raises(CurrencyMismatch):
        decide(made, convert(held), at())


def test_a_release_gives_back_what_is_left() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))
    converted(made, held, (1, 1))

    after = changed(made, ReleaseHold(held.hold_id, "changed their mind", 0))

    assert counters(made, "MUG") == (10, 1, 0)
    assert after.status is HoldStatus.RELEASED
    assert (after.lines[0].converted, after.lines[0].released) == (1, 3)
    assert made.hold_events[-1].reason == "changed their mind"


def test_an_extension_counts_from_now_and_may_shorten() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4), ttl=10 * MINUTE)

    after = changed(made, ExtendHold(held.hold_id, MINUTE, 0), NOW + MINUTE)

    assert after.expire_time == NOW + 2 * MINUTE
    assert made.line_changes[held.hold_id, 1] == LineChange(0, 0, 0, NOW + 2 * MINUTE)


def test_a_hold_resolves_at_most_once() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    over, gone = hold(made, ("MUG", 1)), hold(made, ("MUG", 1))
    order = converted(made, over).order
    changed(made, ReleaseHold(gone.hold_id, "", 0))

    for held, expected in ((over, HoldConverted), (gone, HoldReleased)):
        for command in (
            convert(held),
            ExtendHold(held.hold_id, MINUTE, 0),
            ReleaseHold(held.hold_id, "", 0),
        ):
            with pytest.raises(expected) as refused:
                decide(made, command, at())
            assert refused.value.metadata["hold_id"] == held.hold_id
    with pytest.raises(HoldConverted) as named:
        decide(made, convert(over), at())
    assert named.value.metadata["order_id"] == order.order_id


def test_a_hold_is_over_at_the_instant_it_is_due() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))
    before_end = NOW + MINUTE - timedelta(microseconds=1)

    changed(made, ExtendHold(held.hold_id, MINUTE, 0), before_end)
    end = before_end + MINUTE
    for command in (
        convert(held),
        ExtendHold(held.hold_id, MINUTE, 0),
        ReleaseHold(held.hold_id, "", 0),
    ):
        with pytest.raises(HoldExpired) as refused:
            decide(made, command, at(end))
        assert refused.value.metadata["expire_time"] == end.isoformat()


def test_unknown_holds_and_stale_versions_are_refused() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))

    with pytest.raises(HoldNotFound):
        decide(made, ReleaseHold("nobody", "", 0), at())
    with pytest.raises(VersionMismatch):
        decide(made, ReleaseHold(held.hold_id, "", 2), at())


def test_due_units_are_free_before_anything_is_decided() -> None:
    made = books()
    level(made, "MUG", on_hand=5, held=5)
    somebodys = due(stored(made, "MUG", 5, NOW))
    made.holds.clear()
    made.due.append(somebodys)

    expire_due(made, NOW, IDS)
    place(made, ("MUG", 5))

    assert kinds(made) == [MovementKind.HOLD_EXPIRED, MovementKind.ALLOCATED]
    assert counters(made, "MUG") == (5, 5, 0)
    assert made.movements[0].actor == EXPIRY_ACTOR
    assert made.line_changes == {(somebodys.hold_id, 1): LineChange(0, 0, 5, NOW)}
    assert not made.budget_changes


def test_a_damaged_counter_holds_up_nobody() -> None:
    made = books()
    level(made, "MUG", on_hand=10, held=3)
    made.due.append(due(stored(made, "MUG", 5, NOW)))

    expire_due(made, NOW, IDS)
    place(made, ("MUG", 1))

    assert kinds(made) == [MovementKind.ALLOCATED]


def test_once_a_line_has_expired_the_hold_stays_so_though_the_clock_steps_back() -> None:
    made = books()
    level(made, "MUG", on_hand=5, held=5)
    held = stored(made, "MUG", 5, NOW)
    made.due.append(due(held))
    expire_due(made, NOW, IDS)

    with pytest.raises(HoldExpired):
        decide(made, convert(held), at(NOW - MINUTE))


def test_the_sweeper_settles_a_hold_whose_units_went_back() -> None:
    made = books()
    level(made, "MUG", on_hand=5, held=5)
    held = stored(made, "MUG", 5, NOW)
    made.due.append(due(held))
    expire_due(made, NOW, IDS)

    assert decide(made, ExpireHolds((held.hold_id, "nobody")), at()) == Expiry(1)
    assert decide(made, ExpireHolds((held.hold_id,)), at()) == Expiry(0)

    after = made.holds[held.hold_id]
    assert (after.status, after.version) == (HoldStatus.EXPIRED, 2)
    assert made.hold_events[-1].lines == ((1, 5),)
    assert made.budget_changes == {"owner": -5}


def test_the_sweeper_leaves_alone_what_is_not_due() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))

    assert decide(made, ExpireHolds((held.hold_id,)), at()) == Expiry(0)
    assert made.holds[held.hold_id] == held


def test_a_refused_hold_leaves_no_trace() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))
    before = (dict(made.holds), dict(made.budget_changes), len(made.hold_events), kinds(made))
    mark = made.mark()

    converted(made, held, (1, 2))
    changed(made, ReleaseHold(held.hold_id, "", 0))
    made.rollback(mark)

    after = (dict(made.holds), dict(made.budget_changes), len(made.hold_events), kinds(made))
    assert after == before
    assert not made.line_changes


def test_a_dry_run_shows_no_ids_of_what_was_not_made() -> None:
    made = books()
    level(made, "MUG", on_hand=10)
    held = hold(made, ("MUG", 4))
    whole = convert(held)

    shown = without_new_ids(whole, decide(made, whole, at()))

    assert isinstance(shown, Conversion)
    assert shown.order.order_id == ""
    assert shown.hold.order_ids == ()
    assert shown.hold.status is HoldStatus.CONVERTED
