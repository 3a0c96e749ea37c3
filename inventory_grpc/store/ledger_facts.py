"""Ledger and lines of stock levels, summed up in one statement and so in one snapshot.

Nothing big is joined with anything big: what the ledger and the lines say is put under one another
and grouped, so that the plan is a few passes in index order whatever the planner believes.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any, Final

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.consistency import Counters, LedgerFacts, Share, Side
from inventory_grpc.domain.entries import LevelKey
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.status import HoldStatus, OrderStatus
from inventory_grpc.store.link import Call, Link
from inventory_grpc.store.statements import Statement

OWNERS_MAX: Final = 1_000
"""Orders, and holds, of one level that are named; a repair of more goes on when run again."""

_OPEN_ORDERS: Final = ", ".join(
    str(int(status))
    for status in (OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.PARTIALLY_SHIPPED)
)
_OPEN_HOLDS: Final = str(int(HoldStatus.ACTIVE))

# Damaged numbers may be of any size, so nothing is added up in 64 bits.
_LEDGER: Final = """
repaired AS MATERIALIZED (
    SELECT product_id, location_id, max(stock_version) AS version
      FROM ledger_repairs WHERE {where} GROUP BY product_id, location_id
), step AS MATERIALIZED (
    SELECT product_id, location_id, stock_version, order_id, hold_id, line_number,
           on_hand_delta, allocated_delta, held_delta,
           on_hand_after, allocated_after, held_after, shortfall_after,
           coalesce(lag(stock_version) OVER w, 0) AS version_before,
           lead(stock_version) OVER w IS NULL AS is_last,
           on_hand_after::numeric - on_hand_delta <> coalesce(lag(on_hand_after) OVER w, 0)
             AS breaks_on_hand,
           allocated_after::numeric - allocated_delta <> coalesce(lag(allocated_after) OVER w, 0)
             AS breaks_allocated,
           held_after::numeric - held_delta <> coalesce(lag(held_after) OVER w, 0) AS breaks_held
      FROM stock_movements WHERE {where}
    WINDOW w AS (PARTITION BY product_id, location_id ORDER BY stock_version)
), ledger AS (
    SELECT s.product_id, s.location_id, coalesce(max(r.version), 0) AS repaired,
           count(*) AS in_all,
           sum(s.on_hand_delta) AS on_hand, sum(s.allocated_delta) AS allocated,
           sum(s.held_delta) AS held,
           max(s.stock_version) AS last_version,
           max(s.on_hand_after) FILTER (WHERE s.is_last) AS last_on_hand,
           max(s.allocated_after) FILTER (WHERE s.is_last) AS last_allocated,
           max(s.held_after) FILTER (WHERE s.is_last) AS last_held,
           max(s.shortfall_after) FILTER (WHERE s.is_last) AS last_shortfall,
           count(*) FILTER (WHERE s.stock_version > coalesce(r.version, 0)) AS movements,
           min(greatest(s.version_before, r.version) + 1) FILTER (
             WHERE s.stock_version > greatest(s.version_before, r.version) + 1) AS missing,
           min(s.stock_version) FILTER (
             WHERE s.breaks_on_hand AND s.stock_version > coalesce(r.version, 0)) AS bad_on_hand,
           min(s.stock_version) FILTER (
             WHERE s.breaks_allocated AND s.stock_version > coalesce(r.version, 0)
           ) AS bad_allocated,
           min(s.stock_version) FILTER (
             WHERE s.breaks_held AND s.stock_version > coalesce(r.version, 0)) AS bad_held,
           min(s.stock_version) FILTER (
             WHERE (s.breaks_on_hand OR s.breaks_allocated OR s.breaks_held)
               AND s.stock_version > coalesce(r.version, 0)
               AND s.stock_version = s.version_before + 1) AS broken
      FROM step s LEFT JOIN repaired r
        ON r.product_id = s.product_id AND r.location_id = s.location_id
     GROUP BY s.product_id, s.location_id
)"""

_SIDE: Final = """
{side}_line AS (
    SELECT product_id, location_id, {id}, line_number, sum(moved) AS moved, sum(open) AS open,
           min(version) AS first_version, max(version) AS last_version
      FROM (
        SELECT product_id, location_id, {id}, line_number, {delta} AS moved, 0::bigint AS open,
               stock_version AS version
          FROM step WHERE {id} IS NOT NULL
        UNION ALL
        SELECT product_id, location_id, {id}, line_number, 0, {open}, NULL
          FROM {lines} WHERE {where} AND {open} <> 0
      ) entries GROUP BY product_id, location_id, {id}, line_number
), {side}_share AS (
    SELECT product_id, location_id, {id}, sum(moved) AS moved, sum(open) AS open,
           coalesce(min(first_version) FILTER (WHERE moved <> open), min(first_version), 0)
             AS first_version,
           coalesce(max(last_version), 0) AS last_version
      FROM {side}_line GROUP BY product_id, location_id, {id}
    HAVING sum(moved) <> 0 OR sum(open) <> 0
), {side}_judged AS (
    SELECT s.product_id, s.location_id, s.{id}, s.moved, s.first_version,
           CASE WHEN o.{id} IS NULL THEN 0 ELSE s.open END AS owed,
           CASE WHEN o.{id} IS NULL AND s.last_version <= r.version THEN 0 ELSE s.open END AS open
      FROM {side}_share s
      LEFT JOIN LATERAL (SELECT o.{id} FROM {owners} o
                          WHERE o.{id} = s.{id} AND o.status IN ({statuses}) LIMIT 1) o ON true
      LEFT JOIN repaired r ON r.product_id = s.product_id AND r.location_id = s.location_id
), {side}_side AS (
    SELECT product_id, location_id, sum(open) AS open, sum(owed) AS owed,
           to_json((array_agg(json_build_array({id}, moved, open, owed, first_version)
                              ORDER BY first_version, {id})
                    FILTER (WHERE moved <> open OR moved <> owed))[1:{most}]) AS astray
      FROM {side}_judged GROUP BY product_id, location_id
)"""

# Every level that anything is known of, whether or not it has a row.
_LEVEL: Final = """
level AS (
    SELECT product_id, location_id,
           coalesce(v.on_hand, 0) AS on_hand, coalesce(v.allocated, 0) AS allocated,
           coalesce(v.held, 0) AS held, coalesce(v.safety_stock, 0) AS safety_stock,
           coalesce(v.backorder_limit, 0) AS backorder_limit, v.low_stock_threshold,
           coalesce(v.shortfall, 0) AS shortfall, coalesce(v.version, 0) AS version, v.update_time,
           coalesce(l.repaired, 0) AS repaired, coalesce(l.movements, 0) AS movements,
           coalesce(l.on_hand, 0) AS sum_on_hand, coalesce(l.allocated, 0) AS sum_allocated,
           coalesce(l.held, 0) AS sum_held, coalesce(l.last_version, 0) AS last_version,
           coalesce(l.last_on_hand, 0) AS last_on_hand,
           coalesce(l.last_allocated, 0) AS last_allocated, coalesce(l.last_held, 0) AS last_held,
           coalesce(l.last_shortfall, 0) AS last_shortfall, coalesce(l.missing, 0) AS missing,
           coalesce(l.bad_on_hand, 0) AS bad_on_hand, coalesce(l.bad_allocated, 0) AS bad_allocated,
           coalesce(l.bad_held, 0) AS bad_held, coalesce(l.broken, 0) AS broken,
           coalesce(o.open, 0) AS ordered, coalesce(o.owed, 0) AS owed_to_orders,
           o.astray AS orders,
           coalesce(h.open, 0) AS set_aside, coalesce(h.owed, 0) AS owed_to_holds,
           h.astray AS holds
      FROM (SELECT * FROM stock_levels WHERE {where}) v
      FULL JOIN ledger l USING (product_id, location_id)
      FULL JOIN order_side o USING (product_id, location_id)
      FULL JOIN hold_side h USING (product_id, location_id)
)"""

_COLUMNS: Final = """
    f.product_id::text, coalesce(p.sku, ''), f.location_id, f.on_hand, f.allocated, f.held,
    f.safety_stock, f.backorder_limit, f.low_stock_threshold, f.shortfall, f.version, f.update_time,
    f.sum_on_hand, f.sum_allocated, f.sum_held, f.repaired, f.movements,
    f.last_version, f.last_on_hand, f.last_allocated, f.last_held, f.last_shortfall,
    f.missing, f.bad_on_hand, f.bad_allocated, f.bad_held, f.broken,
    coalesce(b.on_hand_after, 0) + m.on_hand_delta,
    coalesce(b.allocated_after, 0) + m.allocated_delta, coalesce(b.held_after, 0) + m.held_delta,
    m.on_hand_after, m.allocated_after, m.held_after,
    f.ordered, f.owed_to_orders, f.orders, f.set_aside, f.owed_to_holds, f.holds"""

# One look-up per row each, whatever the planner takes their number for.
_LOOK_UPS: Final = """
      LEFT JOIN LATERAL (SELECT sku FROM products WHERE product_id = f.product_id LIMIT 1) p ON true
      LEFT JOIN LATERAL (
        SELECT on_hand_after::numeric, allocated_after::numeric, held_after::numeric,
               on_hand_delta, allocated_delta, held_delta
          FROM stock_movements WHERE product_id = f.product_id AND location_id = f.location_id
           AND stock_version = f.broken LIMIT 1) m ON f.broken <> 0
      LEFT JOIN LATERAL (
        SELECT on_hand_after::numeric, allocated_after::numeric, held_after::numeric
          FROM stock_movements WHERE product_id = f.product_id AND location_id = f.location_id
           AND stock_version = f.broken - 1 LIMIT 1) b ON f.broken <> 0"""

_SUSPECT: Final = """
    (f.on_hand, f.allocated, f.held) <> (f.sum_on_hand, f.sum_allocated, f.sum_held)
 OR (f.on_hand, f.allocated, f.held) <> (f.last_on_hand, f.last_allocated, f.last_held)
 OR (f.allocated, f.held) <> (f.ordered, f.set_aside)
 OR (f.version, 0, 0) <> (f.last_version, f.missing, f.broken)
 OR f.shortfall <> f.last_shortfall
 OR f.shortfall <> greatest(0, f.allocated + f.held - f.on_hand - f.backorder_limit)
 OR least(f.on_hand, f.allocated, f.held, f.shortfall, f.backorder_limit, f.safety_stock) < 0
 OR f.orders IS NOT NULL OR f.holds IS NOT NULL"""
"""Where a violation may be; the rest does not travel."""


def _tables(where: str) -> str:
    orders = _SIDE.format(
        where=where, most=OWNERS_MAX, side="order", id="order_id", delta="allocated_delta",
        lines="order_lines", open="quantity - shipped - cancelled", owners="orders",
        statuses=_OPEN_ORDERS,
    )  # fmt: skip
    holds = _SIDE.format(
        where=where, most=OWNERS_MAX, side="hold", id="hold_id", delta="held_delta",
        lines="hold_lines", open="quantity - converted - released - expired", owners="holds",
        statuses=_OPEN_HOLDS,
    )  # fmt: skip
    return ",".join([_LEDGER.format(where=where), orders, holds, _LEVEL.format(where=where)])


def suspects_sql(where: str) -> str:
    """What was looked at (products, levels, movements, when), with each level that may be wrong.

    One row at least; ``where`` chooses by product_id and location_id.
    """
    return f"""WITH {_tables(where)}
    SELECT c.*, {_COLUMNS}
      FROM (SELECT (SELECT count(*) FROM products WHERE {where}) AS products,
                   (SELECT count(*) FROM level WHERE version > 0) AS levels,
                   (SELECT coalesce(sum(in_all), 0) FROM ledger) AS in_all,
                   clock_timestamp() AS moment) c
      LEFT JOIN level f ON {_SUSPECT} {_LOOK_UPS}
     ORDER BY f.product_id, f.location_id"""  # noqa: S608


def facts_sql(where: str) -> str:
    """One row per level that anything is known of."""
    return f"WITH {_tables(where)} SELECT {_COLUMNS} FROM level f {_LOOK_UPS}"  # noqa: S608


READ_FACTS: Final = Statement(
    "read_ledger_facts",
    facts_sql("product_id = :product_id AND location_id = :location_id"),
    {"product_id": "uuid", "location_id": "text"},
)

Row = Sequence[Any]


def enter_facts(books: Books, link: Link, keys: Collection[LevelKey]) -> None:
    """What is known of levels to repair, which are locked.

    Their due lines wait for the next write: until then they count as held on both sides, and an
    expiry posted now would be one more movement on top of damaged ones.
    """
    for key in sorted(keys):
        rows = link.read(Call(READ_FACTS, key))
        books.open_ledger(key, level_and_facts(rows[0])[1] if rows else LedgerFacts())
    books.due = [due for due in books.due if (due.product_id, due.location_id) not in keys]


def level_and_facts(row: Row) -> tuple[StockLevel, LedgerFacts]:
    """A row's level (zeros if there is none) and what its ledger and lines say."""
    level = StockLevel(*row[:12])
    repaired, movements, last_version = row[15:18]
    facts = LedgerFacts(
        sums=_counters(row[12:15]),
        repaired=repaired,
        movements=movements,
        last_version=last_version,
        last=_counters(row[18:21]),
        last_shortfall=row[21],
        missing=row[22],
        breaks=_counters(row[23:26]),
        broken=row[26],
        broken_expected=_counters(row[27:30]),
        broken_actual=_counters(row[30:33]),
        orders=_side(row[33:36]),
        holds=_side(row[36:39]),
    )
    return level, facts


def _counters(values: Sequence[int | Decimal | None]) -> Counters:
    return Counters(*(int(value or 0) for value in values))


def _side(values: Sequence[Any]) -> Side:
    open_, owed, astray = values
    return Side(int(open_), int(owed), tuple(Share(*share) for share in astray or ()))
