"""Reach: which stock levels a batch means, as SQL, and the arguments that fill it in."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from inventory_grpc.store.footprint import Footprint, Place
from inventory_grpc.store.statements import Value, array, text_array


class Reach(IntEnum):
    """From where a batch's stock levels are found. A plan is as dear as its widest branch."""

    PLACES = 0
    """From products and locations that the commands name."""
    LINES = 1
    """Also from the lines of orders and holds."""
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
      JOIN order_lines l ON l.order_id = u.order_id
    UNION
    SELECT h.product_id, h.location_id FROM hold_lines h WHERE h.hold_id = ANY (:holds)"""

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
keys of an order's or a hold's lines never change, so they can be found before it is locked."""

TO_READ: Final = {**WANTED, Reach.LOCATIONS: _PLACES + _LINES + _LOCATIONS + _STOCKED}
"""What to read of them. Of a location's levels all are locked, but an emptied warehouse still has
as many as ever: only those that speak against deleting it are read."""

TYPES: Final = {
    "ids": "uuid[]",
    "id_places": "text[]",
    "skus": "text[]",
    "sku_places": "text[]",
    "orders": "uuid[]",
    "back_orders": "uuid[]",
    "back_places": "text[]",
    "holds": "uuid[]",
    "emptied": "text[]",
}

WANTED_TYPES: Final = {
    Reach.PLACES: dict(list(TYPES.items())[:4]),
    Reach.LINES: dict(list(TYPES.items())[:8]),
    Reach.LOCATIONS: TYPES,
}

LEVELS_WANTED: Final = """
    JOIN stock_levels s ON s.product_id = w.product_id
     AND (w.location_id = '' OR s.location_id = w.location_id)
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """A footprint as the arguments of its statements."""

    reach: Reach
    found: tuple[Value, ...]
    """What the stock levels of this reach are found by."""
    wanted: tuple[Value, ...]
    """The same for the widest reach."""
    seeds: tuple[Value, ...]
    rows: tuple[Value, ...]
    """Products to lock as rows: ids, SKUs, orders coming back."""

    @classmethod
    def of(cls, footprint: Footprint) -> "Keys":
        """Ids and SKUs apart, because they are found by different indexes."""
        back = sorted(footprint.order_seeds)
        back_orders, back_places = array(o for o, _ in back), text_array(p for _, p in back)
        orders = array(footprint.orders)
        emptied = text_array(footprint.emptied_locations)
        reach = _reach(footprint)
        lines = (orders, back_orders, back_places, array(footprint.holds))
        wanted = (*_places(footprint.places), *lines, emptied)
        rows = footprint.products | {key for key, _ in footprint.seeds}
        return cls(
            reach,
            wanted[: len(WANTED_TYPES[reach])],
            wanted,
            (*_places(footprint.seeds), back_orders, back_places),
            (
                array(key.product_id for key in rows if key.product_id),
                text_array(key.sku for key in rows if key.sku),
                back_orders,
            ),
        )


def _reach(footprint: Footprint) -> Reach:
    if footprint.emptied_locations:
        return Reach.LOCATIONS
    by_lines = footprint.orders or footprint.order_seeds or footprint.holds
    return Reach.LINES if by_lines else Reach.PLACES


def _places(places: Iterable[Place]) -> tuple[str, str, str, str]:
    ids = [(key.product_id, place) for key, place in places if key.product_id]
    skus = [(key.sku, place) for key, place in places if key.sku]
    return (
        array(product_id for product_id, _ in ids),
        text_array(place for _, place in ids),
        text_array(sku for sku, _ in skus),
        text_array(place for _, place in skus),
    )
