"""Every lock the write path takes, in the order it takes them.

orders -> products -> locations -> (missing stock levels are made) -> stock levels; within each, by
the full key, sorted in SQL: LockRows stands above the Sort, so every transaction locks in the same
order and none can wait for the other in a circle. FOR NO KEY UPDATE does not disturb foreign keys;
rows that may be deleted or undeleted are locked FOR UPDATE, which does: a new stock level's foreign
keys then wait.

The lock statements return a count only; what was locked is read afterwards, by a later statement,
whose snapshot is newer than the locks.
"""

from enum import IntEnum
from typing import Final

from inventory_grpc.store.footprint import RowLock
from inventory_grpc.store.statements import Statement


class Reach(IntEnum):
    """From where a batch's stock levels are found. A plan is as dear as its widest branch."""

    PLACES = 0
    """From products and locations that the commands name."""
    LINES = 1
    """Also from the lines of orders."""
    LOCATIONS = 2
    """Also every level of a location."""


LIVE_BY_SKU: Final = """
      CROSS JOIN LATERAL (SELECT q.product_id FROM products q
                           WHERE q.sku = u.sku AND q.delete_time IS NULL LIMIT 1) p"""
"""The live product of each SKU ``u.sku``. One look-up per SKU, whatever the statistics say: without
any, the planner takes live products for few and compares all of them with every SKU."""

_PLACES: Final = f"""
    SELECT u.product_id, u.location_id
      FROM unnest(:ids, :id_places) AS u (product_id, location_id)
    UNION
    SELECT p.product_id, u.location_id
      FROM unnest(:skus, :sku_places) AS u (sku, location_id) {LIVE_BY_SKU}"""  # noqa: S608

_LINES: Final = """
    UNION
    SELECT l.product_id, l.location_id FROM order_lines l WHERE l.order_id = ANY (:orders)
    UNION
    SELECT l.product_id, u.location_id
      FROM unnest(:back_orders, :back_places) AS u (order_id, location_id)
      JOIN order_lines l ON l.order_id = u.order_id"""

_LOCATIONS: Final = """
    UNION
    SELECT s.product_id, s.location_id FROM stock_levels s WHERE s.location_id = ANY (:emptied)"""

_STOCKED: Final = " AND (s.on_hand <> 0 OR s.allocated <> 0 OR s.held <> 0)"

WANTED: Final = {
    Reach.PLACES: _PLACES,
    Reach.LINES: _PLACES + _LINES,
    Reach.LOCATIONS: _PLACES + _LINES + _LOCATIONS,
}
"""(product, location) keys of the batch; an empty location is every location of the product. The
keys of an order's lines never change, so they can be found before the order is locked."""

TO_READ: Final = {**WANTED, Reach.LOCATIONS: _PLACES + _LINES + _LOCATIONS + _STOCKED}
"""What to read of them. Of a location's levels all are locked, but an emptied warehouse still has
as many as ever: only those that speak against deleting it are read."""

_TYPES: Final = {
    "ids": "uuid[]",
    "id_places": "text[]",
    "skus": "text[]",
    "sku_places": "text[]",
    "orders": "uuid[]",
    "back_orders": "uuid[]",
    "back_places": "text[]",
    "emptied": "text[]",
}

WANTED_TYPES: Final = {
    Reach.PLACES: dict(list(_TYPES.items())[:4]),
    Reach.LINES: dict(list(_TYPES.items())[:7]),
    Reach.LOCATIONS: _TYPES,
}

LEVELS_WANTED: Final = """
    JOIN stock_levels s ON s.product_id = w.product_id
     AND (w.location_id = '' OR s.location_id = w.location_id)
"""

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

# -- who blocks? -----------------------------------------------------------------------------------

PROBE_LEVELS: Final = Statement(
    "probe_levels",
    # What of the wanted can be locked at once; the rest is what somebody else holds.
    f"""SELECT s.product_id::text, s.location_id FROM ({WANTED[Reach.LOCATIONS]}) w {LEVELS_WANTED}
    ORDER BY s.product_id, s.location_id FOR NO KEY UPDATE OF s SKIP LOCKED""",  # noqa: S608
    _TYPES,
)

PROBE_ORDERS: Final = Statement(
    "probe_orders",
    """SELECT o.order_id::text FROM orders o WHERE o.order_id = ANY (:orders)
    ORDER BY o.order_id FOR NO KEY UPDATE SKIP LOCKED""",
    {"orders": "uuid[]"},
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
    SELECT p.product_id::text, p.sku FROM products p WHERE p.product_id IN ({_PRODUCT_KEYS})
    UNION ALL
    SELECT l.location_id, '' FROM locations l WHERE l.location_id = ANY (:locations)""",  # noqa: S608
    {
        "orders": "uuid[]",
        "ids": "uuid[]",
        "skus": "text[]",
        "back_orders": "uuid[]",
        "locations": "text[]",
    },
)
"""Which order, product and location rows there are; not locked."""

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
        SELECT s.location_id, s.product_id, s.location_id
          FROM stock_levels s WHERE s.location_id = ANY (:emptied)
    ) w JOIN stock_levels s ON s.product_id = w.product_id
     AND (w.location_id = '' OR s.location_id = w.location_id)""",  # noqa: S608
    _TYPES,
)
"""Which stock levels each product id, SKU, order id or location stands for; not locked."""

ALL: Final = (
    LOCK_ORDERS,
    *LOCK_PRODUCTS.values(),
    *LOCK_LOCATIONS.values(),
    SEED_LEVELS,
    *LOCK_LEVELS.values(),
    PROBE_ORDERS,
    PROBE_PRODUCTS,
    PROBE_LOCATIONS,
    PROBE_LEVELS,
    ROWS_OF_NAMES,
    LEVELS_OF_PLACES,
)
