"""The ledger, newest first."""

from sqlalchemy import ColumnElement, Connection, select

from inventory_grpc.domain.model import AdjustmentReason, MovementKind, StockMovement
from inventory_grpc.domain.reads import MovementQuery
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
