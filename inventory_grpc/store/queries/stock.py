"""Stock levels and what is available. Levels of version 0 are not there for anybody."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    bindparam,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from inventory_grpc.domain.model import ProductKey, StockLevel
from inventory_grpc.domain.reads import Availability, StockLevelQuery
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.prepared import Prepared, Row
from inventory_grpc.store.queries import rows
from inventory_grpc.store.queries.rows import (
    IDS,
    IN_ORDER,
    KEYS,
    ONE,
    ZERO,
    at_live_location,
    held_now,
    is_low,
)
from inventory_grpc.store.statements import text_array
from inventory_grpc.store.tables import (
    ID,
    KEY,
    locations,
    products,
    stock_levels,
    stream_head,
)

_level = stock_levels.c
_STORED = (
    "safety_stock",
    "backorder_limit",
    "low_stock_threshold",
    "shortfall",
    "version",
    "update_time",
)
LevelKey = tuple[ProductKey, str]
"""A product and a location_id."""

_live = products.c.delete_time.is_(None)
_stocked = _level.version > ZERO
_held = held_now().label("held")


def _counters(level: FromClause, held: ColumnElement[int]) -> list[ColumnElement[Any]]:
    """The columns of a StockLevel behind its keys."""
    return [level.c.on_hand, level.c.allocated, held, *(level.c[name] for name in _STORED)]


def _at_places() -> Select[Any]:
    """For every pair of a known product and a place: the place if it is known, and the level's
    counters if there are any; all of one snapshot.

    The LIMITs keep the planner from joining all products or levels there are.
    """
    by_id = _wanted("ids", IDS, "id_places", ID)
    by_sku = _wanted("skus", KEYS, "sku_places", KEY)
    columns = products.c.product_id, products.c.sku
    of_id = select(*columns).where(products.c.product_id == by_id.c.key).limit(ONE).lateral()
    of_sku = select(*columns).where(products.c.sku == by_sku.c.key, _live).limit(ONE).lateral()
    named = union_all(
        select(literal_column("false").label("by_sku"), by_id.c.place, *of_id.c).join(
            of_id, true()
        ),
        select(literal_column("true"), by_sku.c.place, *of_sku.c).join(of_sku, true()),
    ).subquery("named")
    known = locations.c.location_id
    place = select(known).where(known == named.c.place).limit(ONE).lateral("at")
    counters = (
        select(*_counters(stock_levels, _held))
        .where(
            _level.product_id == named.c.product_id, _level.location_id == place.c.location_id,
            _stocked,
        )
        .limit(ONE)
        .lateral("counters")
    )  # fmt: skip
    return select(*named.c, *place.c, *counters.c).select_from(
        named.outerjoin(place, true()).outerjoin(counters, true())
    )


def _wanted(keys: str, keys_type: ARRAY[Any], places: str, key_type: TypeEngine[Any]) -> FromClause:
    """Rows (key, place) of two arrays of one length."""
    arrays = func.unnest(bindparam(keys, type_=keys_type), bindparam(places, type_=KEYS))
    columns: tuple[ColumnClause[Any], ...] = column("key", key_type), column("place", KEY)
    return arrays.table_valued(*columns, name=f"by_{keys}").render_derived()


_LEVELS = Prepared("levels_by_key", _at_places())


def levels(conn: Connection, keys: Sequence[LevelKey]) -> dict[LevelKey, StockLevel | None]:
    """The levels of the known products, None where the location is unknown; one snapshot.

    A deleted product is found by id only.
    """
    by_id = [key for key in keys if key[0].product_id]
    by_sku = [key for key in keys if not key[0].product_id]
    found = _LEVELS.rows(
        conn,
        ids=text_array([product.product_id for product, _ in by_id]),
        id_places=text_array([place for _, place in by_id]),
        skus=text_array([product.sku for product, _ in by_sku]),
        sku_places=text_array([place for _, place in by_sku]),
    )
    return dict(map(_level_at, found))


def _level_at(row: Row) -> tuple[LevelKey, StockLevel | None]:
    is_by_sku, place, product_id, sku, known, *counters = row
    product = ProductKey("", sku) if is_by_sku else ProductKey(product_id)
    if known is None:
        return (product, place), None
    stocked = counters[-2] is not None
    return (product, place), StockLevel(product_id, sku, known, *(counters if stocked else ()))


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
    columns = products.c.product_id, products.c.sku, _live.label("live")
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
    place = stream_head.c.position
    moment = (
        select(clock.c.now.label("snapshot_time"), place)
        .select_from(clock.join(stream_head, stream_head.c.id == literal_column("1")))
        .subquery()
    )
    return (
        select(moment.c.snapshot_time, moment.c.position, levels)
        .select_from(moment.outerjoin(levels, true()))
        .order_by(levels.c.product_id, levels.c.location_id)
    )


_AVAILABILITY = Prepared("availability", _availability())


def availability(
    conn: Connection, keys: Sequence[ProductKey], location_ids: Sequence[str]
) -> tuple[dict[ProductKey, Availability], datetime, int]:
    """The known products with their levels (empty ``location_ids`` = everywhere), when, and at
    which position of the change stream.

    A product is there under its id and, unless it is deleted, under its SKU if any SKU was asked.
    """
    skus = [key.sku for key in keys if not key.product_id]
    found = _AVAILABILITY.rows(
        conn,
        ids=text_array([key.product_id for key in keys if key.product_id]),
        skus=text_array(skus),
        location_ids=text_array(location_ids),
    )
    by_key: dict[ProductKey, Availability] = {}
    for (product_id, sku, is_live), group in groupby(found, key=itemgetter(2, 3, 4)):
        if product_id is None:
            continue
        each = Availability(product_id, sku, _levels(product_id, sku, group))
        by_key[ProductKey(product_id)] = each
        if skus and is_live:
            by_key[ProductKey("", sku)] = each
    return by_key, found[0][0], found[0][1]


def _levels(product_id: str, sku: str, found: Iterable[Row]) -> tuple[StockLevel, ...]:
    return tuple([StockLevel(product_id, sku, *row[5:]) for row in found if row[5] is not None])
