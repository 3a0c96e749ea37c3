"""Repairing a level: compensating movements, after which everything agrees again.

No row of the ledger is ever changed, so a repair posts what is missing and has the whole ledger up
to its own last movement count as looked at: from there on it is checked row by row again.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import RepairLevel
from inventory_grpc.domain.consistency import (
    Counters,
    LedgerFacts,
    Side,
    Violation,
    violations,
)
from inventory_grpc.domain.context import Context
from inventory_grpc.domain.entries import LedgerRepair
from inventory_grpc.domain.errors import LocationNotFound, ProductNotFound
from inventory_grpc.domain.ledger import post
from inventory_grpc.domain.model import (
    COUNTER_MAX,
    AdjustmentReason,
    MovementKind,
    ProductKey,
    StockLevel,
    StockMovement,
)
from inventory_grpc.domain.results import LevelRepair

FOUND_MAX: Final = 100
"""Violations written down with a repair."""

_DELTA_MAX: Final = 2**62
"""Of one movement: well within what its column holds."""


class _Posting(NamedTuple):
    deltas: Counters
    order_id: str = ""
    hold_id: str = ""


def repair_level(books: Books, command: RepairLevel, context: Context) -> LevelRepair:
    """Leaves a level alone that has no violation.

    Raises ProductNotFound and LocationNotFound where the level is missing and cannot be made,
    QuantityLimit.
    """
    level = _level(books, command)
    facts = books.ledger_facts[command.product_id, command.location_id]
    found = tuple(violations(level, facts))
    on_hand, is_known = _on_hand(level, facts)
    if not found:
        return LevelRepair(level, (), (), on_hand_is_known=True)
    target = Counters(on_hand, facts.orders.owed, facts.holds.owed)
    movements = _post(books, context, level, facts, target, found)
    after = books.levels[level.product_id][level.location_id]
    return LevelRepair(after, found, movements, is_known)


def _level(books: Books, command: RepairLevel) -> StockLevel:
    product_id, location_id = command.product_id, command.location_id
    level = books.levels.get(product_id, {}).get(location_id)
    if level is not None:
        return level
    if books.item(ProductKey(product_id)) is None:
        raise ProductNotFound.of(ProductKey(product_id))
    raise LocationNotFound([location_id])


def _on_hand(level: StockLevel, facts: LedgerFacts) -> tuple[int, bool]:
    """What two of three witnesses say, else the counter; and whether two agree.

    The last movement is a witness only of the level's present version or a later one: if it was
    deleted, the one before tells what used to be.
    """
    witnesses = [level.on_hand, facts.sums.on_hand]
    if facts.last_version >= level.version:
        witnesses.append(facts.last.on_hand)
    for units in witnesses:
        if witnesses.count(units) > 1 and 0 <= units <= COUNTER_MAX:
            return units, True
    return level.on_hand, False


def _post(
    books: Books,
    context: Context,
    level: StockLevel,
    facts: LedgerFacts,
    target: Counters,
    found: Sequence[Violation],
) -> tuple[StockMovement, ...]:
    """Every movement leaves the level at ``target``, the last one the ledger's sums too."""
    postings = list(_postings(facts, target))
    before = max(level.version, facts.last_version, facts.repaired)
    key = level.product_id, level.location_id
    books.put_repair(level, LedgerRepair(*key, before + len(postings), _as_json(found)))
    note = "repair: " + ", ".join(dict.fromkeys(each.invariant for each in found))
    movements: list[StockMovement] = []
    for version, posting in enumerate(postings, start=before):
        deltas = posting.deltas
        start = replace(
            level,
            on_hand=target.on_hand - deltas.on_hand,
            allocated=target.allocated - deltas.allocated,
            held=target.held - deltas.held,
            version=version,
        )
        movements.append(
            post(
                books, context, start, MovementKind.ADJUSTED,
                on_hand=deltas.on_hand, allocated=deltas.allocated, held=deltas.held, is_fact=True,
                order_id=posting.order_id, hold_id=posting.hold_id,
                reason=AdjustmentReason.CORRECTION, note=note,
            )
        )  # fmt: skip
    return tuple(movements)


def _postings(facts: LedgerFacts, target: Counters) -> Iterator[_Posting]:
    """What orders and holds lack, each for itself; what is left then; at least one."""
    rest = Counters(*(goal - is_ for goal, is_ in zip(target, facts.sums, strict=True)))
    nothing = True
    for order_id, units in _lacking(facts.orders):
        rest = rest._replace(allocated=rest.allocated - units)
        nothing = False
        for part in _in_parts(Counters(allocated=units)):
            yield _Posting(part, order_id=order_id)
    for hold_id, units in _lacking(facts.holds):
        rest = rest._replace(held=rest.held - units)
        nothing = False
        for part in _in_parts(Counters(held=units)):
            yield _Posting(part, hold_id=hold_id)
    if nothing or any(rest):
        yield from map(_Posting, _in_parts(rest))


def _in_parts(deltas: Counters) -> Iterator[Counters]:
    """What damage has put into a sum of rows may be more than one row can take out again."""
    part = Counters(*(max(-_DELTA_MAX, min(units, _DELTA_MAX)) for units in deltas))
    yield part
    rest = Counters(*(units - done for units, done in zip(deltas, part, strict=True)))
    if any(rest):
        yield from _in_parts(rest)


def _lacking(side: Side) -> Iterator[tuple[str, int]]:
    for share in side.astray:
        if share.owed != share.moved:
            yield share.owner_id, share.owed - share.moved


def _as_json(found: Sequence[Violation]) -> str:
    listed = [
        {
            "invariant": each.invariant,
            "expected": each.expected,
            "actual": each.actual,
            "first_bad_version": each.first_bad_version,
        }
        for each in found[:FOUND_MAX]
    ]
    return json.dumps(listed)
