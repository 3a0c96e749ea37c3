"""The statements that read the books, each after the locks and so with a newer snapshot."""

from typing import Final

from inventory_grpc.store.reach import LIVE_BY_SKU, TO_READ, WANTED_TYPES, Reach
from inventory_grpc.store.statements import Statement

_ANSWER_TYPES: Final = {"locations": "text[]", "callers": "text[]", "request_ids": "uuid[]"}

DUE_LINES_MAX: Final = 2_000
"""Of one stock level in one transaction: some tenths of a second to write."""

DUE_LINES_ENOUGH: Final = 10_000
"""Of all levels together: from so many on, what is due at further ones is left for the next."""

# Looked for only where something is held, so that other levels do not pay for it.
_OPEN_LINES: Final = """FROM hold_lines h
                  WHERE h.product_id = s.product_id AND h.location_id = s.location_id
                    AND h.converted + h.released + h.expired < h.quantity"""
_DUE: Final = f"""CASE WHEN s.held > 0 THEN (
                 SELECT json_agg(d.line) FROM (
                   SELECT json_build_array(
                          h.hold_id, h.line_number, h.converted, h.released,
                          h.quantity - h.converted - h.released - h.expired, h.expire_time,
                          h.expired) AS line
                   {_OPEN_LINES} AND h.expire_time <= (SELECT now FROM moment)
                   ORDER BY h.expire_time LIMIT {DUE_LINES_MAX}) d) END"""  # noqa: S608
_NEXT_EXPIRY: Final = f"""CASE WHEN s.held > 0 THEN (
                 SELECT h.expire_time
                   {_OPEN_LINES} AND h.expire_time > (SELECT now FROM moment) %s
                  ORDER BY h.expire_time LIMIT 1) END"""  # noqa: S608
_UNNAMED: Final = {
    Reach.PLACES: "",
    Reach.LINES: "AND h.hold_id <> ALL (:holds)",
    Reach.LOCATIONS: "AND h.hold_id <> ALL (:holds)",
}

READ: Final = {
    reach: Statement(
        f"read_books_{reach.name.lower()}",
        # One reading of the clock, newer than the locks, for what is due and for all decisions.
        f"""WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
    SELECT 1, p.product_id::text, p.sku, p.price_amount, p.price_currency,
           p.delete_time IS NOT NULL, s.location_id, c.priority, c.delete_time IS NOT NULL,
           s.on_hand, s.allocated, s.held, s.safety_stock, s.backorder_limit,
           s.low_stock_threshold, s.shortfall, s.version,
           NULL::bytea, NULL::bytea, {_DUE},
           {_NEXT_EXPIRY % _UNNAMED[reach]}
      FROM ({wanted}) w
      JOIN products p ON p.product_id = w.product_id
      LEFT JOIN stock_levels s ON s.product_id = w.product_id
       AND (w.location_id = '' OR s.location_id = w.location_id)
      LEFT JOIN locations c ON c.location_id = s.location_id
    UNION ALL
    SELECT 2, c.location_id, NULL, NULL, NULL, NULL, NULL, c.priority, c.delete_time IS NOT NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM locations c WHERE c.location_id = ANY (:locations)
    UNION ALL
    SELECT 3, a.caller, a.request_id::text, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, a.code, a.fingerprint, a.answer, NULL, NULL
      FROM unnest(:callers, :request_ids) AS u (caller, request_id)
      JOIN stored_answers a ON a.caller = u.caller AND a.request_id = u.request_id
    UNION ALL
    SELECT 0, current_setting('inventory.products', true),
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, nullif(current_setting('inventory.locked', true), '')::bigint, NULL, NULL, NULL,
           (SELECT now FROM moment)
    """,  # noqa: S608
        {**WANTED_TYPES[reach], **_ANSWER_TYPES},
    )
    for reach, wanted in TO_READ.items()
}

READ_PRODUCTS: Final = Statement(
    "read_products",
    f"""SELECT p.product_id::text, p.sku, p.name, p.description, p.price_amount, p.price_currency,
           p.labels, p.version, p.create_time, p.update_time, p.delete_time
      FROM products p WHERE p.product_id IN (
        SELECT unnest(:ids)
        UNION SELECT p.product_id FROM unnest(:skus) AS u (sku) {LIVE_BY_SKU}
        UNION SELECT p.product_id
                FROM (SELECT n.sku FROM products n WHERE n.product_id = ANY (:ids)) u
                {LIVE_BY_SKU})""",  # noqa: S608
    {"ids": "uuid[]", "skus": "text[]"},
)
"""Also the live products that now have the SKU of one named by id, for undelete."""

READ_LOCATIONS: Final = Statement(
    "read_locations",
    """SELECT c.location_id, c.display_name, c.priority, c.labels, c.version, c.create_time,
           c.update_time, c.delete_time
      FROM locations c WHERE c.location_id = ANY (:locations)""",
    {"locations": "text[]"},
)

READ_ORDERS: Final = Statement(
    "read_orders",
    """SELECT o.order_id::text, o.status, o.customer_reference, o.labels, o.total_amount,
           o.total_currency, o.version, o.create_time, o.update_time, o.status_reason,
           o.hold_id::text, l.line_number, l.requested_line, l.product_id::text, p.sku,
           l.location_id, l.quantity, l.unit_price_amount, l.unit_price_currency,
           l.shipped, l.cancelled, l.returned
      FROM orders o JOIN order_lines l ON l.order_id = o.order_id
      JOIN products p ON p.product_id = l.product_id
     WHERE o.order_id = ANY (:orders) ORDER BY o.order_id, l.line_number""",
    {"orders": "uuid[]"},
)

READ_HOLDS: Final = Statement(
    "read_holds",
    """SELECT h.hold_id::text, h.status, h.caller, h.owner_reference, h.expire_time, h.version,
           h.create_time, h.update_time,
           CASE WHEN l.line_number = 1 THEN ARRAY(
             SELECT o.order_id::text FROM orders o WHERE o.hold_id = h.hold_id ORDER BY o.order_id
           ) END,
           l.line_number, l.requested_line, l.product_id::text, p.sku, l.location_id,
           l.requested_quantity, l.quantity, l.converted, l.released, l.expired
      FROM holds h JOIN hold_lines l ON l.hold_id = h.hold_id
      JOIN products p ON p.product_id = l.product_id
     WHERE h.hold_id = ANY (:holds) ORDER BY h.hold_id, l.line_number""",
    {"holds": "uuid[]"},
)
"""Orders stand with the first line only."""

READ_BUDGETS: Final = Statement(
    "read_budgets",
    # What is due holds nothing back any more, though its end may not be written yet. It is looked
    # for only where it could matter: there may be very much of it.
    """SELECT b.caller, b.units - CASE WHEN b.units > v.enough THEN (
        SELECT coalesce(sum(h.counted_units), 0) FROM holds h
         WHERE h.status = 1 AND h.expire_time <= :now AND h.caller = b.caller) ELSE 0 END::bigint
      FROM unnest(:hold_callers, :enough) AS v (caller, enough)
      JOIN hold_budgets b ON b.caller = v.caller""",
    {"hold_callers": "text[]", "enough": "bigint[]", "now": "timestamptz"},
)

ALL: Final = (
    *READ.values(),
    READ_PRODUCTS,
    READ_LOCATIONS,
    READ_ORDERS,
    READ_HOLDS,
    READ_BUDGETS,
)
