"""Holds with their lines, the orders they became and the status they have at that moment."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Subquery,
    Text,
    bindparam,
    cast,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from inventory_grpc.domain.model import Hold, HoldLine
from inventory_grpc.domain.reads import HoldQuery
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.prepared import Prepared, Row
from inventory_grpc.store.queries.hold_pages import COLUMNS, conditions, hold_page, hold_rows
from inventory_grpc.store.queries.rows import IDS, IN_ORDER, NOW
from inventory_grpc.store.statements import text_array
from inventory_grpc.store.tables import hold_lines, holds, orders, products

_hold = holds.c
_line = hold_lines.c
_SKU = (
    select(products.c.sku)
    .where(products.c.product_id == _line.product_id)
    .correlate(hold_lines)
    .scalar_subquery()
)


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
            *(chosen.c[name] for name in COLUMNS),
            NOW.label("moment"),
            became.c.order_ids,
            *lines.c,
        )
        .select_from(chosen.join(became, true()).join(lines, true()))
        .order_by(chosen.c.hold_id.desc())
    )


# For one hold, too. If somebody analyzed the table before the first hold, "= $1" may take the index
# on (status, hold_id): before PostgreSQL 18 that reads all of it. Ids that are several come in
# order, which the right index alone has to offer.
_BY_ID = Prepared(
    "holds_by_id",
    _with_lines(
        hold_rows(_hold.hold_id == func.any(bindparam("hold_ids", type_=IDS))).subquery("chosen")
    ),
)


def get(conn: Connection, hold_id: str) -> Hold | None:
    """One hold with its lines, as of one snapshot."""
    return next(_from_rows(_BY_ID.rows(conn, hold_ids=text_array([hold_id]))), None)


def batch_get(conn: Connection, hold_ids: Sequence[str]) -> dict[str, Hold]:
    """Those that exist, by id, as of one snapshot."""
    rows = _BY_ID.rows(conn, hold_ids=text_array(hold_ids))
    return {hold.hold_id: hold for hold in _from_rows(rows)}


def page(
    conn: Connection, query: HoldQuery, product_id: str, after: Position | None, limit: int
) -> list[Hold]:
    """At most ``limit`` holds behind ``after``, newest first. ``product_id`` empty = any."""
    chosen = hold_page(query, product_id, after, limit).subquery("chosen")
    return list(_from_rows(tuple(row) for row in conn.execute(_with_lines(chosen), **IN_ORDER)))


def count(conn: Connection, query: HoldQuery, product_id: str) -> int:
    """How many holds the query finds."""
    statement = select(func.count()).select_from(holds).where(*conditions(query))
    if product_id:
        has_it = select(_line.hold_id).where(
            _line.product_id == product_id, _line.hold_id == _hold.hold_id
        )
        statement = statement.where(has_it.exists())
    total: int = conn.execute(statement).scalar_one()
    return total


def _from_rows(rows: Iterable[Row]) -> Iterator[Hold]:
    width = len(COLUMNS) + 2
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
