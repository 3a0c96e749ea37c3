"""What the change stream reads: rows by commit, each found by index, however large the tables are.

Per commit and never all at once (LIMIT ALL), because the planner takes a hundred commits for half
of a table that it has no statistics of.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Connection, TextClause, text

from inventory_grpc.domain.entries import LevelKey
from inventory_grpc.domain.model import (
    AdjustmentReason,
    HoldEvent,
    HoldEventKind,
    MovementKind,
    OrderEvent,
    OrderEventKind,
    Product,
    ProductStock,
    StockMovement,
)
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.store.prepared import Row
from inventory_grpc.store.queries.rows import IN_ORDER, money
from inventory_grpc.store.statements import array, text_array

_COMMITS: Final = "unnest(CAST(:commits AS uuid[])) AS c (commit_id)"

_UNITS: Final = (
    "on_hand_delta", "allocated_delta", "held_delta",
    "on_hand_after", "allocated_after", "held_after", "shortfall_after",
    "stock_version", "line_number",
)  # fmt: skip
_OWNERS: Final = ("order_id", "hold_id", "transfer_id")
_POLICY: Final = ("safety_stock_after", "backorder_limit_after", "low_stock_threshold_after")

# Ids of one transaction share all bits but the 22 that count, and its own id is the first: so its
# movements lie in a short range of their ids, among those of other transactions of the same µs.
# The bounds of all commits together are for the planner, which knows how little lies between them.
_MOVEMENTS: Final = text(f"""
    SELECT c.commit_id::text AS commit_id, m.* FROM
           unnest(CAST(:commits AS uuid[]), CAST(:tops AS uuid[])) AS c (commit_id, top),
           LATERAL (
             SELECT m.movement_id::text, m.product_id::text,
                    (SELECT p.sku FROM products p WHERE p.product_id = m.product_id) AS sku,
                    m.location_id, m.kind, {", ".join(_UNITS)},
                    {", ".join(f"coalesce({name}::text, '') AS {name}" for name in _OWNERS)},
                    m.request_id::text, m.actor, m.reason, m.note, m.occur_time,
                    {", ".join(_POLICY)}
               FROM stock_movements m
              WHERE m.movement_id > c.commit_id AND m.movement_id <= c.top
                AND m.movement_id > :lowest AND m.movement_id <= :highest
                AND m.commit_id = c.commit_id
              ORDER BY m.movement_id LIMIT ALL) m""")  # noqa: S608

_FIELDS: Final = [field.name for field in fields(StockMovement)]
_KIND_AT: Final = _FIELDS.index("kind")
_REASON_AT: Final = _FIELDS.index("reason")
_POLICY_AT: Final = _FIELDS.index("safety_stock_after")
_KINDS: Final = {kind.value: kind for kind in MovementKind}
_REASONS: Final = {reason.value: reason for reason in AdjustmentReason}

_ORDER_COLUMNS: Final = """e.event_id::text, e.order_id::text, e.kind, e.from_status, e.to_status,
                    e.lines, e.reason, e.actor, e.request_id::text, e.order_version, e.occur_time"""
_HOLD_COLUMNS: Final = """e.event_id::text, e.hold_id::text, e.kind, e.lines, e.reason,
                    coalesce(e.order_id::text, ''), e.expire_time, e.actor, e.request_id::text,
                    e.hold_version, e.occur_time"""
_PRODUCT_COLUMNS: Final = """e.event_id::text, e.actor, e.request_id::text, e.product_id::text,
                    e.sku, e.name, e.description, e.price_amount, e.price_currency, e.labels,
                    e.product_version, e.create_time, e.occur_time, e.delete_time"""


def _of_commits(columns: str, table: str) -> TextClause:
    return text(
        f"SELECT c.commit_id::text, e.* FROM {_COMMITS}, LATERAL ("  # noqa: S608
        f"SELECT {columns} FROM {table} e WHERE e.commit_id = c.commit_id LIMIT ALL) e"
    )


def _before(columns: str, table: str, key: str, version: str, also: str = "") -> TextClause:
    """The history of each before a version, oldest first."""
    return text(
        f"SELECT e.* FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]))"  # noqa: S608
        f" AS w (id, version), LATERAL (SELECT {columns} FROM {table} e"
        f" WHERE e.{key} = w.id AND e.{version} < w.version {also}"
        f" ORDER BY e.{version} LIMIT ALL) e"
    )


_ORDER_EVENTS: Final = _of_commits(_ORDER_COLUMNS, "order_events")
_HOLD_EVENTS: Final = _of_commits(_HOLD_COLUMNS, "hold_events")
_PRODUCT_EVENTS: Final = _of_commits(_PRODUCT_COLUMNS, "product_events")
_ORDER_HISTORY: Final = _before(_ORDER_COLUMNS, "order_events", "order_id", "order_version")
# There may be any number of extensions, of which only the last one's time would matter.
_HOLD_HISTORY: Final = _before(
    _HOLD_COLUMNS,
    "hold_events",
    "hold_id",
    "hold_version",
    f"AND e.kind <> {HoldEventKind.EXTENDED.value}",
)

_POLICIES: Final = text("""
    SELECT m.product_id::text, m.location_id, m.stock_version, m.safety_stock_after,
           m.low_stock_threshold_after
      FROM unnest(CAST(:products AS uuid[]), CAST(:locations AS text[]),
                  CAST(:versions AS bigint[])) AS w (product_id, location_id, version),
           LATERAL (SELECT * FROM stock_movements m
                     WHERE m.product_id = w.product_id AND m.location_id = w.location_id
                       AND m.stock_version = w.version LIMIT 1) m""")

_POLICIES_OF_TODAY: Final = text("""
    SELECT s.product_id::text, s.location_id, s.safety_stock, s.backorder_limit,
           s.low_stock_threshold
      FROM unnest(CAST(:products AS uuid[]), CAST(:locations AS text[])) AS w (product_id, place),
           LATERAL (SELECT * FROM stock_levels s
                     WHERE s.product_id = w.product_id AND s.location_id = w.place LIMIT 1) s""")

Level = tuple[str, str, int]
"""(product_id, location_id, version)"""


def movements(conn: Connection, commit_ids: Sequence[str]) -> list[tuple[str, StockMovement, bool]]:
    """What the commits moved: (commit_id, movement, whether its row says which policy it left)."""
    tops = [_top(commit_id) for commit_id in commit_ids]
    values = {
        "commits": array(commit_ids), "tops": array(tops),
        "lowest": min(commit_ids), "highest": max(tops),
    }  # fmt: skip
    return [_movement(row) for row in _rows(conn, _MOVEMENTS, values)]


def order_events(conn: Connection, commit_ids: Iterable[str]) -> list[tuple[str, OrderEvent]]:
    """What the commits did to orders, by commit_id."""
    rows = _rows(conn, _ORDER_EVENTS, {"commits": array(commit_ids)})
    return [(row[0], _order_event(row[1:])) for row in rows]


def hold_events(conn: Connection, commit_ids: Iterable[str]) -> list[tuple[str, HoldEvent]]:
    """What the commits did to holds, by commit_id."""
    rows = _rows(conn, _HOLD_EVENTS, {"commits": array(commit_ids)})
    return [(row[0], _hold_event(row[1:])) for row in rows]


def product_events(
    conn: Connection, commit_ids: Iterable[str]
) -> list[tuple[str, str, str, str, Product]]:
    """What the commits made of products: (commit_id, event_id, actor, request_id, product)."""
    rows = _rows(conn, _PRODUCT_EVENTS, {"commits": array(commit_ids)})
    return [(*row[:4], _product(row[4:])) for row in rows]


def order_history(conn: Connection, versions: Mapping[str, int]) -> list[OrderEvent]:
    """The events of each order before its version, oldest first."""
    return [_order_event(row) for row in _rows(conn, _ORDER_HISTORY, _histories(versions))]


def hold_history(conn: Connection, versions: Mapping[str, int]) -> list[HoldEvent]:
    """The events of each hold before its version, oldest first; none of its extensions."""
    return [_hold_event(row) for row in _rows(conn, _HOLD_HISTORY, _histories(versions))]


def policies(conn: Connection, levels: Collection[Level]) -> dict[Level, tuple[int, int | None]]:
    """(safety stock, low stock threshold) at versions of levels, where the ledger knows them."""
    values = {
        "products": array(level[0] for level in levels),
        "locations": text_array(level[1] for level in levels),
        "versions": array(level[2] for level in levels),
    }
    rows = _rows(conn, _POLICIES, values)
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows if row[3] is not None}


def policies_of_today(
    conn: Connection, moves: Collection[StockMovement]
) -> dict[LevelKey, tuple[int, int, int | None]]:
    """(safety stock, backorder limit, low stock threshold) of the levels that were moved."""
    values = {
        "products": array(move.product_id for move in moves),
        "locations": text_array(move.location_id for move in moves),
    }
    rows = _rows(conn, _POLICIES_OF_TODAY, values)
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}


def _rows(conn: Connection, statement: TextClause, values: Mapping[str, Any]) -> list[Row]:
    return [tuple(row) for row in conn.execute(statement, values, **IN_ORDER)]


def _histories(versions: Mapping[str, int]) -> dict[str, str]:
    return {"ids": array(versions), "versions": array(versions.values())}


def _top(commit_id: str) -> str:
    """The greatest id that a transaction with this one can make: all bits that count are set."""
    return f"{commit_id[:19]}bfff-ff{commit_id[26:]}"


def _movement(row: Row) -> tuple[str, StockMovement, bool]:
    """The columns are the fields of a StockMovement, in order; by name it takes twice as long."""
    commit_id, *values = row
    values[_KIND_AT] = _KINDS[values[_KIND_AT]]
    values[_REASON_AT] = _REASONS[values[_REASON_AT]]
    is_known = values[_POLICY_AT] is not None
    if not is_known:
        values[_POLICY_AT] = values[_POLICY_AT + 1] = 0
    return commit_id, StockMovement(*values), is_known


def _order_event(row: Row) -> OrderEvent:
    event_id, order_id, kind, before, after, lines, *rest = row
    return OrderEvent(
        event_id, order_id, OrderEventKind(kind),
        None if before is None else OrderStatus(before), OrderStatus(after),
        tuple((number, units) for number, units in lines), *rest,
    )  # fmt: skip


def _hold_event(row: Row) -> HoldEvent:
    event_id, hold_id, kind, lines, *rest = row
    pairs = tuple((number, units) for number, units in lines)
    return HoldEvent(event_id, hold_id, HoldEventKind(kind), pairs, *rest)


def _product(row: Row) -> Product:
    product_id, sku, name, description, amount, currency, labels, version, *times = row
    created, occurred, deleted = times
    return Product(
        product_id, sku, name, description, money(amount, currency), labels, version,
        created, occurred, deleted, ProductStock(),
    )  # fmt: skip
