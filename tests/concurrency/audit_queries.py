"""What must never be found in the database, whatever happened: each query has no rows."""

from typing import Final

_BROKEN_CHAIN = """
    SELECT * FROM (
        SELECT product_id::text, location_id, stock_version,
               on_hand_after, allocated_after, held_after,
               coalesce(lag(on_hand_after) OVER w, 0) + on_hand_delta AS on_hand,
               coalesce(lag(allocated_after) OVER w, 0) + allocated_delta AS allocated,
               coalesce(lag(held_after) OVER w, 0) + held_delta AS held,
               coalesce(lag(stock_version) OVER w, 0) + 1 AS version
          FROM stock_movements
        WINDOW w AS (PARTITION BY product_id, location_id ORDER BY stock_version)
    ) chain
     WHERE (on_hand_after, allocated_after, held_after, stock_version)
        IS DISTINCT FROM (on_hand, allocated, held, version)
"""

_ASTRAY = """
    SELECT s.product_id::text, s.location_id, s.version, m.stock_version
      FROM stock_levels s FULL JOIN (
        SELECT DISTINCT ON (product_id, location_id) * FROM stock_movements
         ORDER BY product_id, location_id, stock_version DESC) m
     USING (product_id, location_id)
     WHERE (s.version > 0 OR m.stock_version IS NOT NULL)
       AND (s.version, s.on_hand, s.allocated, s.held, s.shortfall) IS DISTINCT FROM
           (m.stock_version, m.on_hand_after, m.allocated_after, m.held_after, m.shortfall_after)
"""

_UNOWNED = """
    SELECT s.product_id::text, s.location_id, s.allocated, l.open FROM stock_levels s FULL JOIN (
        SELECT product_id, location_id, sum(quantity - shipped - cancelled) AS open
          FROM order_lines GROUP BY 1, 2) l USING (product_id, location_id)
     WHERE coalesce(s.allocated, 0) <> coalesce(l.open, 0)
"""

_UNHELD = """
    SELECT s.product_id::text, s.location_id, s.held, l.open, m.held
      FROM stock_levels s FULL JOIN (
        SELECT product_id, location_id, sum(quantity - converted - released - expired) AS open
          FROM hold_lines GROUP BY 1, 2) l USING (product_id, location_id)
      FULL JOIN (
        SELECT product_id, location_id, sum(held_delta) AS held
          FROM stock_movements GROUP BY 1, 2) m USING (product_id, location_id)
     WHERE (coalesce(s.held, 0), coalesce(s.held, 0)) <> (coalesce(l.open, 0), coalesce(m.held, 0))
"""

_UNTOLD_ORDERS = """
    SELECT order_id::text, version FROM orders o
     WHERE version <> (SELECT count(*) FROM order_events e WHERE e.order_id = o.order_id)
"""

_UNTOLD_HOLDS = """
    SELECT coalesce(h.hold_id, e.hold_id)::text, h.version, e.events, e.last
      FROM holds h FULL JOIN (
        SELECT hold_id, count(*) AS events, max(hold_version) AS last
          FROM hold_events GROUP BY 1) e USING (hold_id)
     WHERE (h.version, h.version) IS DISTINCT FROM (e.events, e.last)
"""

_ASTRAY_HOLDS = """
    SELECT h.hold_id::text, l.product_id::text, l.location_id, l.open, m.held
      FROM holds h JOIN (
        SELECT hold_id, product_id, location_id,
               sum(quantity - converted - released - expired) AS open, sum(converted) AS converted
          FROM hold_lines GROUP BY 1, 2, 3) l USING (hold_id)
      FULL JOIN (
        SELECT hold_id, product_id, location_id, sum(held_delta) AS held,
               sum(allocated_delta) AS allocated
          FROM stock_movements WHERE hold_id IS NOT NULL GROUP BY 1, 2, 3) m
     USING (hold_id, product_id, location_id)
     WHERE (l.open, l.converted) IS DISTINCT FROM (m.held, m.allocated)
"""

_UNCONVERTED = """
    SELECT hold_id::text, product_id::text, location_id, h.converted, o.ordered FROM (
        SELECT hold_id, product_id, location_id, sum(converted) AS converted
          FROM hold_lines WHERE converted > 0 GROUP BY 1, 2, 3) h
      FULL JOIN (
        SELECT o.hold_id, l.product_id, l.location_id, sum(l.quantity) AS ordered
          FROM orders o JOIN order_lines l USING (order_id)
         WHERE o.hold_id IS NOT NULL GROUP BY 1, 2, 3) o
     USING (hold_id, product_id, location_id)
     WHERE h.converted IS DISTINCT FROM o.ordered
"""

# 1 is ACTIVE. A due line goes back before its hold is settled, so an active hold may have less
# open than it counts, but never the other way round.
_MISCOUNTED = """
    SELECT h.hold_id::text, h.status, h.counted_units, l.open, l.expired
      FROM holds h LEFT JOIN (
        SELECT hold_id, sum(quantity - converted - released - expired) AS open,
               sum(expired) AS expired
          FROM hold_lines GROUP BY 1) l USING (hold_id)
     WHERE l.open IS NULL OR (h.status <> 1 AND l.open > 0)
        OR h.counted_units <> CASE h.status WHEN 1 THEN l.open + l.expired ELSE 0 END
"""

_TIMELESS = """
    SELECT hold_id::text, l.line_number, l.expire_time, h.expire_time
      FROM hold_lines l JOIN holds h USING (hold_id)
     WHERE l.converted + l.released + l.expired < l.quantity AND l.expire_time <> h.expire_time
"""

_OVERSPENT = """
    SELECT caller, b.units, h.units FROM hold_budgets b FULL JOIN (
        SELECT caller, sum(counted_units) AS units FROM holds GROUP BY 1) h USING (caller)
     WHERE coalesce(b.units, 0) <> coalesce(h.units, 0)
"""

_AT_DEAD = """
    SELECT sku, location_id, on_hand, allocated, held
      FROM stock_levels s JOIN products p USING (product_id) JOIN locations c USING (location_id)
     WHERE (p.delete_time IS NOT NULL OR c.delete_time IS NOT NULL)
       AND (on_hand, allocated, held) <> (0, 0, 0)
"""

NEVER: Final = {
    "ledger rows that do not follow from the one before": _BROKEN_CHAIN,
    "counters that the ledger does not end in": _ASTRAY,
    "allocations that no order's open lines explain": _UNOWNED,
    "held units that the open lines of holds, or the ledger, do not explain": _UNHELD,
    "orders with a version that is not one event": _UNTOLD_ORDERS,
    "holds with a version that is not one event": _UNTOLD_HOLDS,
    "holds whose lines and movements differ": _ASTRAY_HOLDS,
    "converted units that no order of the hold's has": _UNCONVERTED,
    "ended holds with open lines, or holds that count other units than theirs": _MISCOUNTED,
    "open lines that end at another time than their hold": _TIMELESS,
    "budgets that are not the sum of what the caller's holds count": _OVERSPENT,
    "stock at a deleted product or location": _AT_DEAD,
}
