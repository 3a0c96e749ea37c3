"""Holds with their lines and the orders they became.

The status that is read is the effective one: a hold of which ACTIVE is stored is EXPIRED once its
time is over, or once a line of it has expired (the clock may step back, an expiry does not).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from inventory_grpc.domain.model import Hold, HoldLine
from inventory_grpc.domain.reads import HoldQuery
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.prepared import Prepared, Row
from inventory_grpc.store.queries.rows import IN_ORDER, NOW, ZERO
from inventory_grpc.store.tables import ID, hold_lines, holds, orders, products

_HOLD_COLUMNS = (
    "hold_id",
    "status",
    "owner_reference",
    "expire_time",
    "version",
    "create_time",
    "update_time",
    "caller",
)
_hold = holds.c
_line = hold_lines.c
_SKU = (
    select(products.c.sku)
    .where(products.c.product_id == _line.product_id)
    .correlate(hold_lines)
    .scalar_subquery()
)
# A value rather than EXISTS, which the planner may answer by hashing all lines there are.
_a_line_expired = (
    select(func.max(_line.expired))
    .where(_line.hold_id == _hold.hold_id)
    .correlate(holds)
    .scalar_subquery()
) > ZERO


def _with_lines(chosen: Subquery) -> Select[Any]:
    """One row per line, each with the moment, its hold's orders and columns; as for orders."""
    lines = (
        select(
            _line.line_number,
            _line.requested_line,
            _line.product_id,
            _SKU.label("sku"),
            _line.location_id,
            _line.requested_quantity,
            _line.quantity,
            _line.converted,
            _line.released,
            _line.expired,
        )
        .where(_line.hold_id == chosen.c.hold_id)
        .order_by(_line.line_number)
        .lateral("lines")
    )
    became = (
        select(cast(func.array_agg(orders.c.order_id), ARRAY(Text)).label("order_ids"))
        .where(orders.c.hold_id == chosen.c.hold_id)
        .lateral("became")
    )
    return (
        select(
            *(chosen.c[name] for name in _HOLD_COLUMNS),
            NOW.label("moment"),
            became.c.order_ids,
            *lines.c,
        )
        .select_from(chosen.join(became, true()).join(lines, true()))
        .order_by(chosen.c.hold_id.desc())
    )


def _holds(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*(_hold[name] for name in _HOLD_COLUMNS)).where(*conditions)


_ONE = Prepared(
    "hold_by_id",
    _with_lines(_holds(_hold.hold_id == bindparam("hold_id", type_=ID)).subquery("chosen")),
)


def get(conn: Connection, hold_id: str) -> Hold | None:
    """One hold with its lines, as of one snapshot."""
    return next(_from_rows(_ONE.rows(conn, hold_id=hold_id)), None)


def page(
    conn: Connection, query: HoldQuery, product_id: str, after: Position | None, limit: int
) -> list[Hold]:
    """At most ``limit`` holds behind ``after``, newest first. ``product_id`` empty = any."""
    chosen = _page(query, product_id, after, limit).subquery("chosen")
    return list(_from_rows(tuple(row) for row in conn.execute(_with_lines(chosen), **IN_ORDER)))


def count(conn: Connection, query: HoldQuery, product_id: str) -> int:
    """How many holds the query finds."""
    statement = select(func.count()).select_from(holds).where(*_conditions(query))
    if product_id:
        has_it = select(_line.hold_id).where(
            _line.product_id == product_id, _line.hold_id == _hold.hold_id
        )
        statement = statement.where(has_it.exists())
    total: int = conn.execute(statement).scalar_one()
    return total


def _page(query: HoldQuery, product_id: str, after: Position | None, limit: int) -> Select[Any]:
    behind = [] if after is None else [_hold.hold_id < after[0]]
    if product_id:
        return _page_of_product(query, product_id, after, limit)
    return _newest(_holds(*_conditions(query), *behind), limit)


def _page_of_product(
    query: HoldQuery, product_id: str, after: Position | None, limit: int
) -> Select[Any]:
    """Out of the lines' index on (product_id, hold_id); a hold may have several such lines."""
    having = select(_line.hold_id).where(_line.product_id == product_id).distinct()
    if after is not None:
        having = having.where(_line.hold_id < after[0])
    ids = having.order_by(_line.hold_id.desc()).subquery("having")
    found = and_(_hold.hold_id == ids.c.hold_id, *_conditions(query))
    columns = (_hold[name] for name in _HOLD_COLUMNS)
    return select(*columns).join(ids, found).order_by(ids.c.hold_id.desc()).limit(limit)


def _newest(statement: Select[Any], limit: int) -> Select[Any]:
    return statement.order_by(_hold.hold_id.desc()).limit(limit)


def _conditions(query: HoldQuery) -> list[ColumnElement[bool]]:
    conditions = []
    if query.statuses:
        conditions += _shown_as(query.statuses)
    if query.owner_reference:
        # The second half tells the planner that the partial index has it.
        reference = _hold.owner_reference
        conditions += [reference == query.owner_reference, reference != ""]
    if query.expires_before is not None:
        conditions.append(_hold.expire_time < query.expires_before)
    return conditions


def _shown_as(statuses: tuple[HoldStatus, ...]) -> list[ColumnElement[bool]]:
    """Those whose effective status is one of these."""
    active, expired = (each in statuses for each in (HoldStatus.ACTIVE, HoldStatus.EXPIRED))
    stored = {*statuses, HoldStatus.ACTIVE} if expired else {*statuses}
    conditions: list[ColumnElement[bool]] = [_hold.status.in_(sorted(stored))]
    if active != expired:
        over = or_(_hold.expire_time <= NOW, _a_line_expired)
        wanted = case((_hold.status != HoldStatus.ACTIVE, True), (over, expired), else_=active)
        conditions.append(wanted)
    return conditions


def _from_rows(rows: Iterable[Row]) -> Iterator[Hold]:
    width = len(_HOLD_COLUMNS) + 2
    for _, grouped in groupby(rows, key=lambda row: row[0]):
        lines = []
        head: Row = ()
        for row in grouped:
            head = row[:width]
            lines.append(HoldLine(*row[width:]))
        lines.sort(key=attrgetter("line_number"))
        yield _hold_from(head, tuple(lines))


def _hold_from(row: Row, lines: tuple[HoldLine, ...]) -> Hold:
    hold_id, status, reference, expires, version, created, updated, caller, moment, became = row
    hold = Hold(
        hold_id,
        HoldStatus(status),
        lines,
        reference,
        expires,
        tuple(sorted(became or ())),
        version,
        created,
        updated,
        caller,
    )
    return _as_of(hold, moment)


def _as_of(hold: Hold, moment: datetime) -> Hold:
    status = hold.status_at(moment)
    return hold if status is hold.status else replace(hold, status=status)
