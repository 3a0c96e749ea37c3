"""The ledger, newest first."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, select
from sqlalchemy.engine.interfaces import CoreExecuteOptionsParameter

from inventory_grpc.domain.model import AdjustmentReason, MovementKind, StockMovement
from inventory_grpc.domain.reads import MovementGroup, MovementQuery, MovementSummary
from inventory_grpc.store.engine import PLANNER
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.prepared import Row
from inventory_grpc.store.queries import rows
from inventory_grpc.store.queries.rows import IN_ORDER, made_between
from inventory_grpc.store.tables import products, stock_movements

_movement = stock_movements.c
_KEY = ("movement_id", "product_id", "location_id")
_FACTS = (
    "kind",
    "on_hand_delta",
    "allocated_delta",
    "held_delta",
    "on_hand_after",
    "allocated_after",
    "held_after",
    "shortfall_after",
    "stock_version",
    "line_number",
    "order_id",
    "hold_id",
    "transfer_id",
    "request_id",
    "actor",
    "reason",
    "note",
    "occur_time",
)


GROUPS_MAX: Final = 1_000
"""Of a summary."""
_DELTAS: Final = ("on_hand_delta", "allocated_delta", "held_delta")
# Of a product with many movements all are read, in the order of an index; never anybody else's.
_ADDING_UP: Final[Mapping[str, CoreExecuteOptionsParameter]] = {
    "execution_options": {PLANNER: "SET LOCAL enable_seqscan = off; SET LOCAL jit = off"}
}


def page(
    conn: Connection, query: MovementQuery, product_id: str, after: Position | None, limit: int
) -> list[StockMovement]:
    """At most ``limit`` movements behind ``after``, newest first. ``product_id`` empty = any."""
    chosen = (
        select(*(_movement[name] for name in _KEY + _FACTS))
        .where(*_conditions(query, product_id))
        .order_by(_movement.movement_id.desc())
        .limit(limit)
    )
    if after is not None:
        chosen = chosen.where(_movement.movement_id < after[0])
    page_ = chosen.subquery("chosen")
    statement = (
        select(
            *(page_.c[name] for name in _KEY), products.c.sku, *(page_.c[name] for name in _FACTS)
        )
        .join(products, products.c.product_id == page_.c.product_id)
        .order_by(page_.c.movement_id.desc())
    )
    return [_from_row(tuple(row)) for row in conn.execute(statement, **IN_ORDER)]


def count(conn: Connection, query: MovementQuery, product_id: str) -> int:
    """How many movements the query finds."""
    return rows.count(conn, stock_movements, _conditions(query, product_id))


def summary(
    conn: Connection, query: MovementQuery, product_id: str, groups_max: int = GROUPS_MAX
) -> MovementSummary:
    """Movements by location, kind, reason and caller; costs as much as there are."""
    key = (_movement.location_id, _movement.kind, _movement.reason, _movement.actor)
    sums = [
        func.count().label("movements"),
        *(func.sum(_movement[name]).label(name) for name in _DELTAS),
        func.min(_movement.occur_time).label("first_time"),
        func.max(_movement.occur_time).label("last_time"),
    ]
    group = select(*key, *sums).where(*_conditions(query, product_id)).group_by(*key).subquery()
    # The last columns make the order of equals, and so the answer, always the same.
    by_size = [group.c.movements.desc(), *(group.c[column.name] for column in key)]
    ranked = select(group, func.row_number().over(order_by=by_size).label("rank")).subquery()
    is_other = (ranked.c.rank > groups_max).label("is_other")
    keys = [case((~is_other, ranked.c[column.name])).label(column.name) for column in key]
    statement = (
        select(
            is_other,
            *keys,
            *(cast(func.sum(ranked.c[name]), BigInteger) for name in ("movements", *_DELTAS)),
            func.min(ranked.c.first_time),
            func.max(ranked.c.last_time),
        )
        .group_by(is_other, *keys)
        .order_by(is_other, keys[0], func.sum(ranked.c.movements).desc(), *keys[1:])
    )
    rows = [tuple(row) for row in conn.execute(statement, **_ADDING_UP)]
    groups = [MovementGroup(*row[1:]) for row in rows if not row[0]]
    others = [MovementGroup("", 0, 0, "", *row[5:]) for row in rows if row[0]]
    return MovementSummary(groups, others[0] if others else None)


def _conditions(query: MovementQuery, product_id: str) -> list[ColumnElement[bool]]:
    conditions = made_between(
        _movement.movement_id, _movement.occur_time, query.start_time, query.end_time
    )
    if product_id:
        conditions.append(_movement.product_id == product_id)
    if query.location_id:
        conditions.append(_movement.location_id == query.location_id)
    if query.kinds:
        conditions.append(_movement.kind.in_(query.kinds))
    if query.order_id:
        conditions.append(_movement.order_id == query.order_id)
    if query.hold_id:
        conditions.append(_movement.hold_id == query.hold_id)
    if query.request_id:
        conditions.append(_movement.request_id == query.request_id)
    return conditions


def _from_row(row: Row) -> StockMovement:
    movement_id, product_id, location_id, sku, *rest = row
    values = dict(zip(_FACTS, rest, strict=True))
    values["kind"] = MovementKind(values["kind"])
    values["reason"] = AdjustmentReason(values["reason"])
    values["order_id"] = values["order_id"] or ""
    values["hold_id"] = values["hold_id"] or ""
    values["transfer_id"] = values["transfer_id"] or ""
    return StockMovement(movement_id, product_id, sku, location_id, **values)
