"""Whether a level's counters, its ledger, and the lines of orders and holds agree.

What is compared comes as sums over the ledger and the lines, all of one snapshot; which of it is
wrong, and from which version on, is decided here, for the check and for the repair alike.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.record import record


class Invariant(StrEnum):
    """What has to hold at every level."""

    ON_HAND = "ON_HAND"
    ALLOCATED = "ALLOCATED"
    HELD = "HELD"
    ORDER_LINES = "ORDER_LINES"
    HOLD_LINES = "HOLD_LINES"
    VERSIONS = "VERSIONS"
    AFTER_VALUES = "AFTER_VALUES"
    POLICY = "POLICY"
    ORDER_NET = "ORDER_NET"
    HOLD_NET = "HOLD_NET"
    SHORTFALL = "SHORTFALL"


@record
class Violation:
    """One invariant that does not hold at one level."""

    invariant: Invariant
    product_id: str
    location_id: str
    expected: int
    actual: int
    first_bad_version: int
    """0 = none to name."""


@record
class Summary:
    """What was checked, and when."""

    products: int
    levels: int
    movements: int
    violations: int
    start_time: datetime
    end_time: datetime


class Counters(NamedTuple):
    """One number per counter of a level."""

    on_hand: int = 0
    allocated: int = 0
    held: int = 0


_COUNTERS: Final = (Invariant.ON_HAND, Invariant.ALLOCATED, Invariant.HELD)


@record
class Share:
    """What one order has allocated at a level, or one hold has set aside, where two sides of it
    disagree."""

    owner_id: str
    """The order or hold."""
    moved: int
    """What its movements sum to."""
    open: int
    """What its lines have open."""
    owed: int
    """The same, but nothing once its status says that it is closed."""
    first_version: int
    """Of the first movement of the line that disagrees; 0 = it has none."""


@record
class Side:
    """What lines have open at a level: of all orders, or of all holds."""

    open: int = 0
    """By the lines. Of what is closed only until a repair has looked at it."""
    owed: int = 0
    """By the lines of what is not closed."""
    astray: tuple[Share, ...] = ()

    @property
    def first_version(self) -> int:
        """The first movement of those whose lines and movements disagree; 0 = none."""
        versions = (share.first_version for share in self.astray if share.moved != share.open)
        return min((version for version in versions if version), default=0)


@record
class LedgerFacts:
    """A level's ledger and lines, summed up. Versions are 0 where there is none."""

    sums: Counters = Counters()
    """Of all deltas."""
    repaired: int = 0
    """The last repair's version: rows up to here have been looked at."""
    movements: int = 0
    """Rows behind ``repaired``."""
    last_version: int = 0
    last: Counters = Counters()
    """After-values of the last movement."""
    last_shortfall: int = 0
    missing: int = 0
    """The first version behind ``repaired`` without a movement, if later ones have one."""
    breaks: Counters = Counters()
    """Per counter, the first version whose after-value is not the one before plus its delta."""
    broken: int = 0
    """The same for any counter, where the version before is there."""
    broken_expected: Counters = Counters()
    broken_actual: Counters = Counters()
    orders: Side = Side()
    holds: Side = Side()


def violations(level: StockLevel, facts: LedgerFacts) -> list[Violation]:
    """Everything that does not hold at ``level``, which is all zeros if there is no such row."""
    found = (
        *_counters(level, facts),
        *_lines(level, facts),
        *_versions(level, facts),
        *_after_values(level, facts),
        *_policy(level, facts),
    )
    key = level.product_id, level.location_id
    return [Violation(finding.invariant, *key, *finding[1:]) for finding in found]


class _Finding(NamedTuple):
    invariant: Invariant
    expected: int
    actual: int
    first_bad_version: int


def counters_of(level: StockLevel) -> Counters:
    """The three that the ledger explains."""
    return Counters(level.on_hand, level.allocated, level.held)


def uncovered(level: StockLevel) -> int:
    """What the level's shortfall has to be."""
    return max(0, level.allocated + level.held - level.on_hand - level.backorder_limit)


def _current(level: StockLevel, facts: LedgerFacts) -> int:
    return level.version or facts.last_version


def _counters(level: StockLevel, facts: LedgerFacts) -> Iterator[_Finding]:
    compared = zip(_COUNTERS, facts.sums, counters_of(level), facts.breaks, strict=True)
    for invariant, expected, actual, first_break in compared:
        if expected != actual:
            yield _Finding(invariant, expected, actual, first_break or _current(level, facts))


def _lines(level: StockLevel, facts: LedgerFacts) -> Iterator[_Finding]:
    sides = (
        (Invariant.ORDER_LINES, Invariant.ORDER_NET, facts.orders, level.allocated),
        (Invariant.HOLD_LINES, Invariant.HOLD_NET, facts.holds, level.held),
    )
    for lines, net, side, counter in sides:
        if side.open != counter:
            yield _Finding(lines, side.open, counter, side.first_version)
        for share in side.astray:
            if share.moved != share.owed:
                yield _Finding(net, share.owed, share.moved, share.first_version)


def _versions(level: StockLevel, facts: LedgerFacts) -> Iterator[_Finding]:
    first_bad = facts.missing
    if not first_bad and facts.last_version != level.version:
        # Missing at the end, or one too many.
        first_bad = min(facts.last_version, level.version) + 1
    if first_bad:
        yield _Finding(
            Invariant.VERSIONS, level.version, facts.repaired + facts.movements, first_bad
        )


def _after_values(level: StockLevel, facts: LedgerFacts) -> Iterator[_Finding]:
    """One per level: the first broken link of the chain."""
    if facts.broken:
        wrong = _first_difference(facts.broken_expected, facts.broken_actual)
        yield _Finding(Invariant.AFTER_VALUES, *wrong, facts.broken)
        return
    if facts.last_version != level.version:
        return
    counters = counters_of(level)
    if counters == facts.sums and counters != facts.last:
        wrong = _first_difference(counters, facts.last)
        yield _Finding(Invariant.AFTER_VALUES, *wrong, facts.last_version)
    elif level.shortfall == uncovered(level) != facts.last_shortfall:
        yield _Finding(
            Invariant.AFTER_VALUES, level.shortfall, facts.last_shortfall, facts.last_version
        )


def _first_difference(expected: Sequence[int], actual: Sequence[int]) -> tuple[int, int]:
    return next(pair for pair in zip(expected, actual, strict=True) if pair[0] != pair[1])


def _policy(level: StockLevel, facts: LedgerFacts) -> Iterator[_Finding]:
    current = _current(level, facts)
    lowest = min(*counters_of(level), level.shortfall, level.backorder_limit, level.safety_stock)
    most = level.on_hand + level.backorder_limit + level.shortfall
    promised = level.allocated + level.held
    if lowest < 0:
        yield _Finding(Invariant.POLICY, 0, lowest, current)
    if promised > most:
        yield _Finding(Invariant.POLICY, most, promised, current)
    elif level.shortfall > uncovered(level):
        yield _Finding(Invariant.SHORTFALL, uncovered(level), level.shortfall, current)
