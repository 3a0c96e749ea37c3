"""A check that is blind to one thing fails the test of the damage that only this would find.

Here the guard is dropped in this process: the test that has to notice is called, and must fail at
what the check finds.
"""

from collections.abc import Sequence
from typing import Final

import pytest
from sqlalchemy import text

from inventory_grpc.domain.consistency import Invariant, LedgerFacts, Violation, violations
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.services import consistency as service
from inventory_grpc.store.queries import consistency as queries
from tests.conftest import Database
from tests.consistency import test_damage, test_policy, test_repair
from tests.consistency.damages import DAMAGES

FOUND_BY: Final = {
    Invariant.ON_HAND: "on_hand too high",
    Invariant.ALLOCATED: "allocated too high",
    Invariant.HELD: "held too low",
    Invariant.ORDER_LINES: "an open line of a closed order",
    Invariant.HOLD_LINES: "an open line of a released hold",
    Invariant.VERSIONS: "version too high",
    Invariant.AFTER_VALUES: "an after-value",
    Invariant.POLICY: "more promised than anything covers",
    Invariant.ORDER_NET: "an order that was never cancelled",
    Invariant.HOLD_NET: "a hold that was never released",
    Invariant.SHORTFALL: "shortfall for no reason",
}
"""The title of a damage that breaks it."""

IN_SQL: Final = (
    # What makes a level suspect at all.
    ("OR (f.version, 0, 0) <> (f.last_version, f.missing, f.broken)", "", "version too high"),
    ("OR f.shortfall <> f.last_shortfall", "", "the last shortfall"),
    (
        "OR f.orders IS NOT NULL OR f.holds IS NOT NULL",
        "",
        "a movement of somebody else's order",
    ),
    # Where to look.
    ("FULL JOIN ledger l USING", "LEFT JOIN ledger l USING", "a lost level"),
    ("coalesce(l.missing, 0)", "0", "a movement in the middle"),
    ("coalesce(l.broken, 0)", "0", "an after-value"),
    ("coalesce(l.bad_on_hand, 0)", "0", "a delta of on_hand"),
    ("coalesce(l.bad_allocated, 0)", "0", "a delta of an order"),
    ("coalesce(l.bad_held, 0)", "0", "a delta of a hold"),
    ("WHERE o.order_id = s.order_id AND o.status IN", "WHERE o.order_id = s.order_id OR 0 IN",
     "an order that was never cancelled"),
    ("WHERE o.hold_id = s.hold_id AND o.status IN", "WHERE o.hold_id = s.hold_id OR 0 IN",
     "a hold that was never released"),
)  # fmt: skip
"""A part of the statement, what stands there instead, and the title of the damage."""


def test_every_invariant_is_named_here() -> None:
    assert set(FOUND_BY) == set(Invariant)


@pytest.mark.parametrize("invariant", FOUND_BY)
async def test_damage_is_missed_by_a_check_that_is_blind_to_its_invariant(
    database: Database, monkeypatch: pytest.MonkeyPatch, invariant: Invariant
) -> None:
    def blind(level: StockLevel, facts: LedgerFacts) -> Sequence[Violation]:
        return [each for each in violations(level, facts) if each.invariant != invariant]

    monkeypatch.setattr(service, "violations", blind)
    with pytest.raises(AssertionError, match=invariant):
        await _mended(database, FOUND_BY[invariant])


@pytest.mark.parametrize(("part", "instead", "title"), IN_SQL)
async def test_damage_is_missed_by_a_statement_that_lacks_what_shows_it(
    database: Database, monkeypatch: pytest.MonkeyPatch, part: str, instead: str, title: str
) -> None:
    _break(monkeypatch, part, instead)
    with pytest.raises(AssertionError, match=r"assert \[.*== \[\("):
        await _mended(database, title)


async def test_what_was_damaged_before_a_repair_shows_in_the_sums_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the links of the chain are not looked at again up to there."""
    _break(
        monkeypatch,
        "(f.on_hand, f.allocated, f.held) <> (f.sum_on_hand, f.sum_allocated, f.sum_held)",
        "false",
    )
    with pytest.raises(AssertionError, match="ON_HAND"):
        await test_repair.test_rows_before_a_repair_are_not_looked_at_again_but_still_counted(
            database
        )


@pytest.mark.parametrize(
    ("column", "other"), [("safety_stock", "backorder_limit"), ("backorder_limit", "safety_stock")]
)
async def test_a_policy_below_zero_shows_in_its_own_number_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch, column: str, other: str
) -> None:
    _break(monkeypatch, "f.backorder_limit, f.safety_stock) < 0", f"f.{other}) < 0")
    with pytest.raises(AssertionError, match="POLICY"):
        await test_policy.test_a_policy_below_zero_is_found_and_gone_once_another_is_set(
            database, column
        )


def _break(monkeypatch: pytest.MonkeyPatch, part: str, instead: str) -> None:
    """The statement of the check, with something else at one place."""
    whole = queries._SUSPECTS
    assert whole.text.count(part) == 1, f"the statement does not read like that now: {part}"
    broken = text(whole.text.replace(part, instead))
    broken = broken.execution_options(**whole.get_execution_options())
    monkeypatch.setattr(queries, "_SUSPECTS", broken)


async def _mended(database: Database, title: str) -> None:
    """The test of this damage, as it stands."""
    [damage] = [each for each in DAMAGES if each.title == title]
    await test_damage.test_a_damaged_row_is_found_and_mended_as_planned(database, damage)
