"""The statements that read the books, each after the locks and so with a newer snapshot."""

from typing import Final

from inventory_grpc.store import locks
from inventory_grpc.store.statements import Statement

_ANSWER_TYPES: Final = {"locations": "text[]", "callers": "text[]", "request_ids": "uuid[]"}

READ: Final = {
    reach: Statement(
        f"read_books_{reach.name.lower()}",
        f"""
    SELECT 1, p.product_id::text, p.sku, p.price_amount, p.price_currency,
           p.delete_time IS NOT NULL, s.location_id, c.priority, c.delete_time IS NOT NULL,
           s.on_hand, s.allocated, s.held, s.safety_stock, s.backorder_limit,
           s.low_stock_threshold, s.shortfall, s.version,
           NULL::bytea, NULL::bytea, NULL::timestamptz
      FROM ({wanted}) w
      JOIN products p ON p.product_id = w.product_id
      LEFT JOIN stock_levels s ON s.product_id = w.product_id
       AND (w.location_id = '' OR s.location_id = w.location_id)
      LEFT JOIN locations c ON c.location_id = s.location_id
    UNION ALL
    SELECT 2, c.location_id, NULL, NULL, NULL, NULL, NULL, c.priority, c.delete_time IS NOT NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM locations c WHERE c.location_id = ANY (:locations)
    UNION ALL
    SELECT 3, a.caller, a.request_id::text, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, a.code, a.fingerprint, a.answer, NULL
      FROM unnest(:callers, :request_ids) AS u (caller, request_id)
      JOIN stored_answers a ON a.caller = u.caller AND a.request_id = u.request_id
    UNION ALL
    SELECT 0, current_setting('inventory.products', true),
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, current_setting('inventory.locked', true)::bigint, NULL, NULL, clock_timestamp()
    """,  # noqa: S608
        {**locks.WANTED_TYPES[reach], **_ANSWER_TYPES},
    )
    for reach, wanted in locks.TO_READ.items()
}

READ_PRODUCTS: Final = Statement(
    "read_products",
    f"""SELECT p.product_id::text, p.sku, p.name, p.description, p.price_amount, p.price_currency,
           p.labels, p.version, p.create_time, p.update_time, p.delete_time
      FROM products p WHERE p.product_id IN (
        SELECT unnest(:ids)
        UNION SELECT p.product_id FROM unnest(:skus) AS u (sku) {locks.LIVE_BY_SKU}
        UNION SELECT p.product_id
                FROM (SELECT n.sku FROM products n WHERE n.product_id = ANY (:ids)) u
                {locks.LIVE_BY_SKU})""",  # noqa: S608
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
           l.line_number, l.requested_line, l.product_id::text, p.sku, l.location_id, l.quantity,
           l.unit_price_amount, l.unit_price_currency, l.shipped, l.cancelled, l.returned
      FROM orders o JOIN order_lines l ON l.order_id = o.order_id
      JOIN products p ON p.product_id = l.product_id
     WHERE o.order_id = ANY (:orders) ORDER BY o.order_id, l.line_number""",
    {"orders": "uuid[]"},
)

ALL: Final = (*READ.values(), READ_PRODUCTS, READ_LOCATIONS, READ_ORDERS)
