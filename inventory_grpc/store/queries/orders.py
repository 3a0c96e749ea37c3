"""Orders with their lines, and their histories."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    bindparam,
    func,
    select,
    true,
    union_all,
)

from inventory_grpc.domain.model import Order, OrderEvent, OrderEventKind, OrderLine
from inventory_grpc.domain.reads import OrderQuery
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.prepared import Prepared, Row
from inventory_grpc.store.queries.rows import IDS, IN_ORDER, made_between, money
from inventory_grpc.store.statements import text_array
from inventory_grpc.store.tables import order_events, order_lines, orders, products

_ORDER_COLUMNS = (
    "order_id",
    "status",
    "total_amount",
    "total_currency",
    "customer_reference",
    "labels",
    "version",
    "create_time",
    "update_time",
    "status_reason",
    "hold_id",
)
_line = order_lines.c
_SKU = (
    select(products.c.sku)
    .where(products.c.product_id == _line.product_id)
    .correlate(order_lines)
    .scalar_subquery()
)


def _with_lines(chosen: Subquery) -> Select[Any]:
    """One row per line, each with its order's columns: half the price of building JSON.

    The ORDER BY inside keeps the planner from joining all lines there are, which it takes for
    cheaper while it has no statistics: lines are looked up order by order, SKUs line by line.
    """
    lines = (
        select(
            _line.line_number,
            _line.requested_line,
            _line.product_id,
            _SKU.label("sku"),
            _line.location_id,
            _line.quantity,
            _line.unit_price_amount,
            _line.unit_price_currency,
            _line.shipped,
            _line.cancelled,
            _line.returned,
        )
        .where(_line.order_id == chosen.c.order_id)
        .order_by(_line.line_number)
        .lateral("lines")
    )
    return (
        select(*(chosen.c[name] for name in _ORDER_COLUMNS), *lines.c)
        .select_from(chosen.join(lines, true()))
        .order_by(chosen.c.order_id.desc())
    )


def _orders(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*(orders.c[name] for name in _ORDER_COLUMNS)).where(*conditions)


_SEVERAL = Prepared(
    "orders_by_id",
    _with_lines(
        _orders(orders.c.order_id == func.any(bindparam("order_ids", type_=IDS))).subquery("chosen")
    ),
)


def batch_get(conn: Connection, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those that exist, by id, as of one snapshot."""
    rows = _SEVERAL.rows(conn, order_ids=text_array(order_ids))
    return {order.order_id: order for order in _from_rows(rows)}


def page(
    conn: Connection, query: OrderQuery, product_id: str, after: Position | None, limit: int
) -> list[Order]:
    """At most ``limit`` orders behind ``after``, newest first. ``product_id`` empty = any."""
    chosen = _page(query, product_id, after, limit).subquery("chosen")
    return list(_from_rows(tuple(row) for row in conn.execute(_with_lines(chosen), **IN_ORDER)))


def count(conn: Connection, query: OrderQuery, product_id: str) -> int:
    """How many orders the query finds."""
    statement = select(func.count()).select_from(orders).where(*_conditions(query))
    if query.statuses:
        statement = statement.where(orders.c.status.in_(query.statuses))
    if product_id:
        statement = statement.where(
            select(order_lines.c.order_id)
            .where(
                order_lines.c.product_id == product_id,
                order_lines.c.order_id == orders.c.order_id,
            )
            .exists()
        )
    total: int = conn.execute(statement).scalar_one()
    return total


def events_page(
    conn: Connection, order_id: str, after: Position | None, limit: int
) -> list[OrderEvent]:
    """At most ``limit`` events of one order behind ``after``, newest first."""
    events = order_events.c
    statement = (
        select(
            events.event_id,
            events.order_id,
            events.kind,
            events.from_status,
            events.to_status,
            events.lines,
            events.reason,
            events.actor,
            events.request_id,
            events.order_version,
            events.occur_time,
        )
        .where(events.order_id == order_id)
        .order_by(events.order_version.desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(events.order_version < int(after[0]))
    return [_event(tuple(row)) for row in conn.execute(statement, **IN_ORDER)]


def events_count(conn: Connection, order_id: str) -> int:
    """How many events an order has."""
    total: int = conn.execute(
        select(func.count()).select_from(order_events).where(order_events.c.order_id == order_id)
    ).scalar_one()
    return total


def _page(query: OrderQuery, product_id: str, after: Position | None, limit: int) -> Select[Any]:
    """The orders of a page, each way out of the one index that has them in order."""
    conditions = _conditions(query)
    behind = [] if after is None else [orders.c.order_id < after[0]]
    if product_id:
        return _page_of_product(query, product_id, after, limit)
    if query.customer_reference or len(query.statuses) <= 1:
        return _newest(_orders(*_status(query), *conditions, *behind), limit)
    # An index on (status, order_id) has several statuses each in order, but not together: so the
    # head of each, and the newest of those. Scans at most limit rows per status.
    heads = [
        _newest(_orders(orders.c.status == status, *conditions, *behind), limit).subquery()
        for status in query.statuses
    ]
    together = union_all(*(select(head) for head in heads)).subquery("together")
    return select(together).order_by(together.c.order_id.desc()).limit(limit)


def _page_of_product(
    query: OrderQuery, product_id: str, after: Position | None, limit: int
) -> Select[Any]:
    """Out of the lines' index on (product_id, order_id); an order may have several such lines."""
    lines = order_lines.c
    having = select(lines.order_id).where(lines.product_id == product_id).distinct()
    if after is not None:
        having = having.where(lines.order_id < after[0])
    having = having.order_by(lines.order_id.desc())
    ids = having.subquery("having")
    found = and_(orders.c.order_id == ids.c.order_id, *_status(query), *_conditions(query))
    columns = (orders.c[name] for name in _ORDER_COLUMNS)
    return select(*columns).join(ids, found).order_by(ids.c.order_id.desc()).limit(limit)


def _newest(statement: Select[Any], limit: int) -> Select[Any]:
    return statement.order_by(orders.c.order_id.desc()).limit(limit)


def _status(query: OrderQuery) -> list[ColumnElement[bool]]:
    if not query.statuses:
        return []
    if len(query.statuses) == 1:
        return [orders.c.status == query.statuses[0]]
    return [orders.c.status.in_(query.statuses)]


def _conditions(query: OrderQuery) -> list[ColumnElement[bool]]:
    conditions = made_between(
        orders.c.order_id, orders.c.create_time, query.created_after, query.created_before
    )
    if query.customer_reference:
        # The second half tells the planner that the partial index has it.
        reference = orders.c.customer_reference
        conditions += [reference == query.customer_reference, reference != ""]
    return conditions


def _from_rows(rows: Iterable[Row]) -> Iterator[Order]:
    width = len(_ORDER_COLUMNS)
    for _, grouped in groupby(rows, key=lambda row: row[0]):
        lines = []
        head: Row = ()
        for row in grouped:
            head = row
            lines.append(_line_from(row[width:]))
        lines.sort(key=attrgetter("line_number"))
        yield _order(head, tuple(lines))


def _order(row: Row, lines: tuple[OrderLine, ...]) -> Order:
    order_id, status, amount, currency, reference, labels, version, *rest = row[
        : len(_ORDER_COLUMNS)
    ]
    created, updated, reason, hold_id = rest
    return Order(
        order_id,
        OrderStatus(status),
        lines,
        money(amount, currency),
        reference,
        labels,
        version,
        created,
        updated,
        reason,
        hold_id or "",
    )


def _line_from(row: Row) -> OrderLine:
    number, requested, product_id, sku, location_id, quantity, amount, currency, *counts = row
    return OrderLine(
        number,
        requested,
        product_id,
        sku,
        location_id,
        quantity,
        money(amount, currency),
        *counts,
    )


def _event(row: Row) -> OrderEvent:
    event_id, order_id, kind, before, after, lines, *rest = row
    return OrderEvent(
        event_id,
        order_id,
        OrderEventKind(kind),
        None if before is None else OrderStatus(before),
        OrderStatus(after),
        tuple((number, units) for number, units in lines),
        *rest,
    )
