"""Every lock the write path takes, in the order it takes them.

orders -> holds -> products -> locations -> (missing stock levels are made) -> stock levels; within
each, by the full key, sorted in SQL: LockRows stands above the Sort, so every transaction locks in
the same order and none can wait for the other in a circle. FOR NO KEY UPDATE does not disturb
foreign keys; rows that may be deleted or undeleted are locked FOR UPDATE, which does: a new stock
level's foreign keys then wait.

Every change of a hold's line holds the lock of the line's stock level. So whoever has that lock may
expire the line without locking the hold, which may be anybody's.

The lock statements return a count only; what was locked is read afterwards, by a later statement,
whose snapshot is newer than the locks.
"""

from typing import Final

from inventory_grpc.store.footprint import RowLock
from inventory_grpc.store.reach import (
    LEVELS_WANTED,
    LIVE_BY_SKU,
    TYPES,
    WANTED,
    WANTED_TYPES,
    Reach,
)
from inventory_grpc.store.statements import Statement

LOCK_LEVELS: Final = {
    reach: Statement(
        f"lock_levels_{reach.name.lower()}",
        # The count goes into the transaction so that the read can tell whether it saw other rows
        # than were locked, without the rows travelling twice.
        f"""SELECT set_config('inventory.locked', count(*)::text, true) FROM (
    SELECT s.product_id FROM ({wanted}) w {LEVELS_WANTED}
    ORDER BY s.product_id, s.location_id FOR NO KEY UPDATE OF s) locked""",  # noqa: S608
        WANTED_TYPES[reach],
    )
    for reach, wanted in WANTED.items()
}

LOCK_ORDERS: Final = Statement(
    "lock_orders",
    """SELECT count(*) FROM (
    SELECT o.order_id FROM orders o WHERE o.order_id = ANY (:orders)
    ORDER BY o.order_id FOR NO KEY UPDATE) locked""",
    {"orders": "uuid[]"},
)

LOCK_HOLDS: Final = Statement(
    "lock_holds",
    """SELECT count(*) FROM (
    SELECT h.hold_id FROM holds h WHERE h.hold_id = ANY (:holds)
    ORDER BY h.hold_id FOR NO KEY UPDATE) locked""",
    {"holds": "uuid[]"},
)

_STRENGTH: Final = {
    RowLock.KEY_SHARE: "FOR KEY SHARE",
    RowLock.NO_KEY_UPDATE: "FOR NO KEY UPDATE",
    RowLock.UPDATE: "FOR UPDATE",
}

_PRODUCT_KEYS: Final = f"""
    SELECT unnest(:ids) UNION
    SELECT p.product_id FROM unnest(:skus) AS u (sku) {LIVE_BY_SKU} UNION
    SELECT l.product_id FROM order_lines l WHERE l.order_id = ANY (:back_orders)
"""  # noqa: S608

_LOCKED_PRODUCTS: Final = {
    RowLock.KEY_SHARE: "count(*)",
    # A SKU may have moved to another product while the lock was waited for, so what is changed as
    # a row has to be known to be what was locked.
    RowLock.NO_KEY_UPDATE: "set_config('inventory.products', string_agg(id, ','), true)",
    RowLock.UPDATE: "set_config('inventory.products', string_agg(id, ','), true)",
}

LOCK_PRODUCTS: Final = {
    strength: Statement(
        f"lock_products_{strength.name.lower()}",
        f"""SELECT {_LOCKED_PRODUCTS[strength]} FROM (
    SELECT p.product_id::text AS id FROM products p WHERE p.product_id IN ({_PRODUCT_KEYS})
    ORDER BY p.product_id {clause}) locked""",  # noqa: S608
        {"ids": "uuid[]", "skus": "text[]", "back_orders": "uuid[]"},
    )
    for strength, clause in _STRENGTH.items()
}

LOCK_LOCATIONS: Final = {
    strength: Statement(
        f"lock_locations_{strength.name.lower()}",
        f"""SELECT count(*) FROM (
    SELECT l.location_id FROM locations l WHERE l.location_id = ANY (:locations)
    ORDER BY l.location_id {clause}) locked""",  # noqa: S608
        {"locations": "text[]"},
    )
    for strength, clause in _STRENGTH.items()
}

SEED_LEVELS: Final = Statement(
    "seed_levels",
    # Only live products and locations, but returns of a deleted product are accepted. Two servers
    # that make the same levels make them in the same order, so neither waits in a circle.
    f"""INSERT INTO stock_levels (product_id, location_id)
    SELECT w.product_id, w.location_id FROM (
        SELECT p.product_id, u.location_id
          FROM unnest(:ids, :id_places) AS u (product_id, location_id)
         CROSS JOIN LATERAL (SELECT q.product_id FROM products q
                              WHERE q.product_id = u.product_id AND q.delete_time IS NULL
                              LIMIT 1) p
        UNION
        SELECT p.product_id, u.location_id
          FROM unnest(:skus, :sku_places) AS u (sku, location_id) {LIVE_BY_SKU}
        UNION
        SELECT l.product_id, u.location_id
          FROM unnest(:back_orders, :back_places) AS u (order_id, location_id)
          JOIN order_lines l ON l.order_id = u.order_id
    ) w JOIN locations c ON c.location_id = w.location_id AND c.delete_time IS NULL
    ORDER BY w.product_id, w.location_id ON CONFLICT DO NOTHING""",  # noqa: S608
    {
        "ids": "uuid[]",
        "id_places": "text[]",
        "skus": "text[]",
        "sku_places": "text[]",
        "back_orders": "uuid[]",
        "back_places": "text[]",
    },
)

# -- what was read without locks -------------------------------------------------------------------

VERIFY_LEVELS: Final = Statement(
    "verify_levels",
    # Whoever has read without locks takes them late, and only of rows that are free and still as
    # they were read: whether one is stale or somebody else's, the attempt has to run again anyway.
    """SELECT 1 / (count(*) = :levels_expected)::int FROM (
    SELECT s.product_id
      FROM unnest(:ids, :id_places, :versions) AS v (product_id, location_id, version)
      JOIN stock_levels s ON s.product_id = v.product_id AND s.location_id = v.location_id
       AND s.version = v.version
    ORDER BY s.product_id, s.location_id FOR NO KEY UPDATE OF s SKIP LOCKED) locked""",
    {
        "ids": "uuid[]",
        "id_places": "text[]",
        "versions": "bigint[]",
        "levels_expected": "bigint",
    },
)

VERIFY_LIVE: Final = Statement(
    "verify_live",
    # Deleting locks the levels but does not change them. A statement of its own: its snapshot is
    # newer than the locks.
    """SELECT 1 / (count(*) = 0)::int FROM (
    SELECT p.sku FROM products p WHERE p.product_id = ANY (:ids) AND p.delete_time IS NOT NULL
    UNION ALL
    SELECT c.location_id FROM locations c
     WHERE c.location_id = ANY (:locations) AND c.delete_time IS NOT NULL) deleted""",
    {"ids": "uuid[]", "locations": "text[]"},
)

# -- who blocks? -----------------------------------------------------------------------------------

PROBE_LEVELS: Final = Statement(
    "probe_levels",
    # What of the wanted can be locked at once; the rest is what somebody else holds.
    f"""SELECT s.product_id::text, s.location_id FROM ({WANTED[Reach.LOCATIONS]}) w {LEVELS_WANTED}
    ORDER BY s.product_id, s.location_id FOR NO KEY UPDATE OF s SKIP LOCKED""",  # noqa: S608
    TYPES,
)

PROBE_ORDERS: Final = Statement(
    "probe_orders",
    """SELECT o.order_id::text FROM orders o WHERE o.order_id = ANY (:orders)
    ORDER BY o.order_id FOR NO KEY UPDATE SKIP LOCKED""",
    {"orders": "uuid[]"},
)

PROBE_HOLDS: Final = Statement(
    "probe_holds",
    """SELECT h.hold_id::text FROM holds h WHERE h.hold_id = ANY (:holds)
    ORDER BY h.hold_id FOR NO KEY UPDATE SKIP LOCKED""",
    {"holds": "uuid[]"},
)

PROBE_PRODUCTS: Final = Statement(
    "probe_products",
    f"""SELECT p.product_id::text FROM products p WHERE p.product_id IN ({_PRODUCT_KEYS})
    ORDER BY p.product_id FOR UPDATE SKIP LOCKED""",  # noqa: S608
    {"ids": "uuid[]", "skus": "text[]", "back_orders": "uuid[]"},
)

PROBE_LOCATIONS: Final = Statement(
    "probe_locations",
    """SELECT l.location_id FROM locations l WHERE l.location_id = ANY (:locations)
    ORDER BY l.location_id FOR UPDATE SKIP LOCKED""",
    {"locations": "text[]"},
)

ROWS_OF_NAMES: Final = Statement(
    "rows_of_names",
    f"""SELECT o.order_id::text, '' FROM orders o WHERE o.order_id = ANY (:orders)
    UNION ALL
    SELECT h.hold_id::text, '' FROM holds h WHERE h.hold_id = ANY (:holds)
    UNION ALL
    SELECT p.product_id::text, p.sku FROM products p WHERE p.product_id IN ({_PRODUCT_KEYS})
    UNION ALL
    SELECT l.location_id, '' FROM locations l WHERE l.location_id = ANY (:locations)""",  # noqa: S608
    {
        "orders": "uuid[]",
        "holds": "uuid[]",
        "ids": "uuid[]",
        "skus": "text[]",
        "back_orders": "uuid[]",
        "locations": "text[]",
    },
)
"""Which order, hold, product and location rows there are; not locked."""

LEVELS_OF_PLACES: Final = Statement(
    "levels_of_places",
    f"""SELECT w.place, s.product_id::text, s.location_id FROM (
        SELECT u.product_id::text AS place, u.product_id, u.location_id
          FROM unnest(:ids, :id_places) AS u (product_id, location_id)
        UNION ALL
        SELECT u.sku, p.product_id, u.location_id
          FROM unnest(:skus, :sku_places) AS u (sku, location_id) {LIVE_BY_SKU}
        UNION ALL
        SELECT l.order_id::text, l.product_id, l.location_id
          FROM order_lines l WHERE l.order_id = ANY (:orders)
        UNION ALL
        SELECT l.order_id::text, l.product_id, u.location_id
          FROM unnest(:back_orders, :back_places) AS u (order_id, location_id)
          JOIN order_lines l ON l.order_id = u.order_id
        UNION ALL
        SELECT h.hold_id::text, h.product_id, h.location_id
          FROM hold_lines h WHERE h.hold_id = ANY (:holds)
        UNION ALL
        SELECT s.location_id, s.product_id, s.location_id
          FROM stock_levels s WHERE s.location_id = ANY (:emptied)
    ) w JOIN stock_levels s ON s.product_id = w.product_id
     AND (w.location_id = '' OR s.location_id = w.location_id)""",  # noqa: S608
    TYPES,
)
"""Which stock levels each product id, SKU, order, hold or location stands for; not locked."""

LOCK_STREAM: Final = Statement(
    "lock_stream", "SELECT h.position FROM stream_head h ORDER BY h.id FOR UPDATE", {}
)
"""The sequencer's turn; its only lock, and not one of the write path's."""

ALL: Final = (
    LOCK_ORDERS,
    LOCK_HOLDS,
    *LOCK_PRODUCTS.values(),
    *LOCK_LOCATIONS.values(),
    SEED_LEVELS,
    *LOCK_LEVELS.values(),
    VERIFY_LEVELS,
    VERIFY_LIVE,
    PROBE_ORDERS,
    PROBE_HOLDS,
    PROBE_PRODUCTS,
    PROBE_LOCATIONS,
    PROBE_LEVELS,
    ROWS_OF_NAMES,
    LEVELS_OF_PLACES,
)
