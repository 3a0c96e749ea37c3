"""Stock levels and what is available. Levels of version 0 are not there for anybody."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)

from inventory_grpc.domain.model import ProductKey, StockLevel
from inventory_grpc.domain.reads import Availability, StockLevelQuery
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.prepared import Prepared, Row
from inventory_grpc.store.queries import rows
from inventory_grpc.store.queries.rows import (
    IDS,
    IN_ORDER,
    KEYS,
    ZERO,
    at_live_location,
    held_now,
    is_low,
)
from inventory_grpc.store.statements import text_array
from inventory_grpc.store.tables import ID, KEY, locations, products, stock_levels

_level = stock_levels.c
_STORED = (
    "safety_stock",
    "backorder_limit",
    "low_stock_threshold",
    "shortfall",
    "version",
    "update_time",
)
_live = products.c.delete_time.is_(None)
_stocked = _level.version > ZERO
_held = held_now().label("held")


def _counters(level: FromClause, held: ColumnElement[int]) -> list[ColumnElement[Any]]:
    """The columns of a StockLevel behind its keys."""
    return [level.c.on_hand, level.c.allocated, held, *(level.c[name] for name in _STORED)]


def _one(name: str, *conditions: ColumnElement[bool]) -> Prepared:
    """The product, the location if it is known, the level's counters if it has any."""
    columns = products.c.product_id, products.c.sku, locations.c.location_id
    place = bindparam("location_id", type_=KEY)
    level = and_(
        _level.product_id == products.c.product_id,
        _level.location_id == locations.c.location_id,
        _stocked,
    )
    statement = (
        select(*columns, *_counters(stock_levels, _held))
        .select_from(products)
        .outerjoin(locations, locations.c.location_id == place)
        .outerjoin(stock_levels, level)
        .where(*conditions)
    )
    return Prepared(name, statement)


_BY_ID = _one("level_by_id", products.c.product_id == bindparam("product_id", type_=ID))
_BY_SKU = _one("level_by_sku", products.c.sku == bindparam("sku", type_=KEY), _live)


def get(conn: Connection, key: ProductKey, location_id: str) -> tuple[bool, StockLevel | None]:
    """(the product is known, its level there unless the location is unknown), one snapshot."""
    if key.product_id:
        found = _BY_ID.rows(conn, product_id=key.product_id, location_id=location_id)
    else:
        found = _BY_SKU.rows(conn, sku=key.sku, location_id=location_id)
    if not found:
        return False, None
    product_id, sku, known, *counters = found[0]
    if known is None:
        return True, None
    stocked = counters[-2] is not None
    return True, StockLevel(product_id, sku, known, *(counters if stocked else ()))


def page(
    conn: Connection, query: StockLevelQuery, product_id: str, after: Position | None, limit: int
) -> list[StockLevel]:
    """At most ``limit`` levels behind ``after``, by product_id and location_id."""
    # At one location the order is that of its index, which only the product continues.
    key = [_level.product_id] if query.location_id else [_level.product_id, _level.location_id]
    chosen = select(stock_levels).where(*_conditions(query, product_id)).order_by(*key)
    if after is not None:
        there = [literal(after[0], ID), literal(after[1], KEY)][: len(key)]
        chosen = chosen.where(tuple_(*key) > tuple_(*there))
    page_ = chosen.limit(limit).subquery("chosen")
    statement = (
        select(
            page_.c.product_id,
            products.c.sku,
            page_.c.location_id,
            *_counters(page_, held_now("chosen")),
        )
        .join(products, products.c.product_id == page_.c.product_id)
        .order_by(*(page_.c[column.key] for column in key))
    )
    return [StockLevel(*row) for row in conn.execute(statement, **IN_ORDER)]


def count(conn: Connection, query: StockLevelQuery, product_id: str) -> int:
    """How many levels the query finds."""
    return rows.count(conn, stock_levels, _conditions(query, product_id))


def _conditions(query: StockLevelQuery, product_id: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_stocked]
    if product_id:
        conditions.append(_level.product_id == product_id)
    if query.location_id:
        conditions.append(_level.location_id == query.location_id)
    if query.low_stock is not None:
        low = is_low()
        conditions.append(low if query.low_stock else ~low)
    return conditions


def _availability() -> Select[Any]:
    """One row per level (one without a level for a product that has none), all of one snapshot.

    The ORDER BY inside keeps the planner from reading all levels there are.
    """
    ids, skus = bindparam("ids", type_=IDS), bindparam("skus", type_=KEYS)
    places = bindparam("location_ids", type_=KEYS)
    # Read once, after the snapshot was taken: no level in the answer is younger.
    clock = select(func.clock_timestamp().label("now")).cte("clock")
    held = held_now(now="(SELECT now FROM clock)").label("held")
    columns = products.c.product_id, products.c.sku
    by_id = select(*columns).where(products.c.product_id == ids.any_())
    known = by_id.union(select(*columns).where(products.c.sku == skus.any_(), _live)).subquery()
    level = (
        select(_level.location_id, *_counters(stock_levels, held))
        .where(
            _level.product_id == known.c.product_id,
            _stocked,
            at_live_location(_level.location_id),
            or_(func.cardinality(places) == ZERO, _level.location_id == places.any_()),
        )
        .order_by(_level.location_id)
        .lateral()
    )
    levels = select(known, level).select_from(known.outerjoin(level, true())).subquery()
    # Its own row, so that there is one even when no product is known.
    moment = select(clock.c.now.label("snapshot_time")).subquery()
    return (
        select(moment.c.snapshot_time, levels)
        .select_from(moment.outerjoin(levels, true()))
        .order_by(levels.c.product_id, levels.c.location_id)
    )


_AVAILABILITY = Prepared("availability", _availability())


def availability(
    conn: Connection, keys: Sequence[ProductKey], location_ids: Sequence[str]
) -> tuple[list[Availability], datetime]:
    """The known products with their levels (empty ``location_ids`` = everywhere), and when."""
    found = _AVAILABILITY.rows(
        conn,
        ids=text_array([key.product_id for key in keys if key.product_id]),
        skus=text_array([key.sku for key in keys if not key.product_id]),
        location_ids=text_array(location_ids),
    )
    by_product = groupby(found, key=lambda row: (row[1], row[2]))
    return [
        Availability(product_id, sku, _levels(list(group)))
        for (product_id, sku), group in by_product
        if product_id is not None
    ], found[0][0]


def _levels(found: list[Row]) -> tuple[StockLevel, ...]:
    return tuple(StockLevel(*row[1:]) for row in found if row[3] is not None)
