"""Which holds a list shows, by the status that they have at the moment of the read.

A hold of which ACTIVE is stored is EXPIRED once its time is over, or once a line of it has expired:
the clock may step back, an expiry does not.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)

from inventory_grpc.domain.model import MovementKind
from inventory_grpc.domain.reads import HoldQuery
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries.rows import NOW, ZERO, uuid7_floor
from inventory_grpc.store.tables import ID, hold_lines, holds, stock_movements

COLUMNS: Final = (
    "hold_id",
    "status",
    "owner_reference",
    "expire_time",
    "version",
    "create_time",
    "update_time",
    "caller",
)
FEW: Final = 500
"""Holds that are sorted rather than looked for among all that are stored as ACTIVE."""

_AN_HOUR_MS: Final = 3_600_000
_hold = holds.c
_line = hold_lines.c
_STORED_ACTIVE = _hold.status == HoldStatus.ACTIVE
# The first UUIDv7 of this millisecond.
_ID_NOW: ColumnElement[str] = literal_column(
    "(lpad(to_hex(floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint), 12, '0')"
    " || repeat('0', 20))::uuid",
    ID,
)

Condition = Callable[[FromClause], ColumnElement[bool]]


def hold_rows(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The columns of the holds that meet all conditions."""
    return select(*(_hold[name] for name in COLUMNS)).where(*conditions)


def conditions(query: HoldQuery) -> list[ColumnElement[bool]]:
    """What the query asks of a hold, its product aside."""
    found = _until(query)
    if query.statuses:
        found += _shown_as(query.statuses)
    if query.owner_reference:
        # The second half tells the planner that the partial index has it.
        reference = _hold.owner_reference
        found += [reference == query.owner_reference, reference != ""]
    return found


def hold_page(query: HoldQuery, product_id: str, after: Position | None, limit: int) -> Select[Any]:
    """The holds of a page, each way out of the one index that has them in order."""
    behind = None if after is None else after[0]
    if product_id:
        return _page_of_product(query, product_id, behind, limit)
    if query.owner_reference or not query.statuses or set(query.statuses) == set(HoldStatus):
        return _newest(hold_rows(*conditions(query)), behind, limit)
    heads = [head.subquery() for head in _heads(query, behind, limit)]
    together = union_all(*(select(head) for head in heads)).subquery("together")
    return select(together).order_by(together.c.hold_id.desc()).limit(limit)


def _page_of_product(
    query: HoldQuery, product_id: str, behind: str | None, limit: int
) -> Select[Any]:
    """Out of the lines' index on (product_id, hold_id); a hold may have several such lines."""
    having = select(_line.hold_id).where(_line.product_id == product_id).distinct()
    if behind is not None:
        having = having.where(_line.hold_id < behind)
    ids = having.order_by(_line.hold_id.desc()).subquery("having")
    found = and_(_hold.hold_id == ids.c.hold_id, *conditions(query))
    columns = (_hold[name] for name in COLUMNS)
    return select(*columns).join(ids, found).order_by(ids.c.hold_id.desc()).limit(limit)


def _heads(query: HoldQuery, behind: str | None, limit: int) -> Iterator[Select[Any]]:
    """The newest of each stored state: together they have the newest of all that are asked for."""
    until = _until(query)
    active, expired = (each in query.statuses for each in (HoldStatus.ACTIVE, HoldStatus.EXPIRED))
    for status in query.statuses:
        if status is not HoldStatus.ACTIVE:
            yield _newest(hold_rows(_hold.status == status, *until), behind, limit)
    if active and expired:
        yield _newest(hold_rows(_STORED_ACTIVE, *until), behind, limit)
    elif active and not until:
        lasting = (_STORED_ACTIVE, _hold.expire_time > NOW, _no_line_expired(holds))
        yield _newest(hold_rows(*lasting), behind, limit)
    elif active:
        yield from _ending([_hold.expire_time > NOW, *until], _no_line_expired, behind, limit)
    elif expired:
        yield from _ending([_hold.expire_time <= NOW, *until], None, behind, limit)
        yield _expired_ahead(until, behind, limit)


def _newest(statement: Select[Any], behind: str | None, limit: int) -> Select[Any]:
    """The first of them by hold_id, descending."""
    key = statement.selected_columns.hold_id
    if behind is not None:
        statement = statement.where(key < behind)
    return statement.order_by(key.desc()).limit(limit)


def _ending(
    span: Sequence[ColumnElement[bool]], also: Condition | None, behind: str | None, limit: int
) -> Iterator[Select[Any]]:
    """Those stored as ACTIVE whose time ends within ``span``: two heads, one of them empty.

    No index has these by hold_id. A few are found by their time and sorted: those that are due,
    unless for long nobody has written their ends, or those that soon will be. Many are met often
    enough on the way through all that are stored as ACTIVE.
    """
    soonest = hold_rows(_STORED_ACTIVE, *span).order_by(_hold.expire_time).limit(FEW + 1)
    found = soonest.cte("soonest")
    few = select(func.count()).select_from(found).scalar_subquery() <= FEW
    yield _newest(select(found).where(few, *([also(found)] if also else [])), behind, limit)
    walked = hold_rows(not_(few), _STORED_ACTIVE, *span, *([also(holds)] if also else []))
    yield _newest(walked, behind, limit)


def _expired_ahead(
    until: Sequence[ColumnElement[bool]], behind: str | None, limit: int
) -> Select[Any]:
    """Those with a line that expired at a time which is yet to come: as a rule, none.

    The clock has stepped back, or a write was faster than this read. The ledger ends with them.
    """
    entry = stock_movements.c
    ahead = (
        select(entry.hold_id)
        .where(entry.movement_id >= _ID_NOW, entry.kind == MovementKind.HOLD_EXPIRED)
        .order_by(entry.movement_id)
        .subquery()
    )
    ids = select(ahead.c.hold_id).distinct().subquery()
    still_active = (_STORED_ACTIVE, _hold.expire_time > NOW, *until)
    # The LIMIT keeps the planner from looking through all holds in order instead.
    one = hold_rows(_hold.hold_id == ids.c.hold_id, *still_active).limit(1).lateral("one")
    return _newest(select(*one.c).select_from(ids.join(one, true())), behind, limit)


def _until(query: HoldQuery) -> list[ColumnElement[bool]]:
    if query.expires_before is None:
        return []
    # What ends before that was made before that too. An hour more, because a clock may have stepped
    # back before the hold was extended.
    made = _hold.hold_id <= uuid7_floor(query.expires_before, _AN_HOUR_MS)
    return [_hold.expire_time < query.expires_before, made]


def _shown_as(statuses: tuple[HoldStatus, ...]) -> list[ColumnElement[bool]]:
    """Those whose status is one of these, at the moment of the read."""
    active, expired = (each in statuses for each in (HoldStatus.ACTIVE, HoldStatus.EXPIRED))
    stored = {*statuses, HoldStatus.ACTIVE} if expired else {*statuses}
    found: list[ColumnElement[bool]] = [_hold.status.in_(sorted(stored))]
    if active != expired:
        over = or_(_hold.expire_time <= NOW, not_(_no_line_expired(holds)))
        found.append(case((_hold.status != HoldStatus.ACTIVE, True), (over, expired), else_=active))
    return found


def _no_line_expired(hold: FromClause) -> ColumnElement[bool]:
    """A value rather than EXISTS, which the planner may answer by hashing all lines there are."""
    most = select(func.max(_line.expired)).where(_line.hold_id == hold.c.hold_id)
    return most.correlate(hold).scalar_subquery() == ZERO
