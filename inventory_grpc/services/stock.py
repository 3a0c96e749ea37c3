"""Reading stock levels, availability and the ledger."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from inventory_grpc.domain.errors import (
    HoldNotFound,
    LocationNotFound,
    OrderNotFound,
    ProductNotFound,
)
from inventory_grpc.domain.model import ProductKey, StockLevel, StockMovement
from inventory_grpc.domain.reads import (
    Availability,
    AvailabilitySnapshot,
    MovementQuery,
    Page,
    PageRequest,
    StockLevelQuery,
)
from inventory_grpc.services.paging import PageTokens, page_of, product_id_of
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries import movements, stock
from inventory_grpc.store.queries.rows import hold_exists, known_locations, order_exists


class Stock:
    """``time_left`` is in seconds; every call may raise DatabaseUnavailable and Overloaded."""

    def __init__(self, database: ReadDatabase, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    def get_level(self, key: ProductKey, location_id: str, time_left: float | None) -> StockLevel:
        """One level; zeros where there never was stock. Raises Product- or LocationNotFound."""
        with self._database.begin(time_left) as conn:
            product_known, level = stock.get(conn, key, location_id)
        if not product_known:
            raise ProductNotFound.of(key)
        if level is None:
            raise LocationNotFound([location_id])
        return level

    def levels_page(
        self, query: StockLevelQuery, request: PageRequest, time_left: float | None
    ) -> Page[StockLevel]:
        """One page. Raises PageTokenInvalid, ProductNotFound, LocationNotFound."""
        with self._database.begin(time_left) as conn:
            after = self._tokens.position(conn, query, request.token)
            product_id = product_id_of(conn, query.product)
            _require_locations(conn, [query.location_id] if query.location_id else [])
            rows = stock.page(conn, query, product_id, after, request.size + 1)
            total = stock.count(conn, query, product_id) if request.include_total else None
            sealer = self._tokens.sealer(conn, query, _level_position)
        return page_of(rows, request, sealer, total)

    def availability(
        self, keys: Sequence[ProductKey], location_ids: Sequence[str], time_left: float | None
    ) -> AvailabilitySnapshot:
        """What is available at these locations (none = all); one snapshot.

        In the order asked for, each product once. Raises LocationNotFound.
        """
        asked = list(dict.fromkeys(keys))
        with self._database.begin(time_left) as conn:
            _require_locations(conn, location_ids)
            found, moment = stock.availability(conn, asked, location_ids)
        by_key: dict[ProductKey, Availability] = {}
        for each in found:
            by_key[ProductKey(each.product_id)] = each
            by_key[ProductKey("", each.sku)] = each
        present = {by_key[key].product_id: by_key[key] for key in asked if key in by_key}
        missing = [key for key in asked if key not in by_key]
        return AvailabilitySnapshot(list(present.values()), missing, moment)

    def movements_page(
        self, query: MovementQuery, request: PageRequest, time_left: float | None
    ) -> Page[StockMovement]:
        """One page. Raises PageTokenInvalid, Product-, Location-, Order- or HoldNotFound."""
        with self._database.begin(time_left) as conn:
            after = self._tokens.position(conn, query, request.token)
            product_id = product_id_of(conn, query.product)
            _require_locations(conn, [query.location_id] if query.location_id else [])
            if query.order_id and not order_exists(conn, query.order_id):
                raise OrderNotFound([query.order_id])
            if query.hold_id and not hold_exists(conn, query.hold_id):
                raise HoldNotFound([query.hold_id])
            rows = movements.page(conn, query, product_id, after, request.size + 1)
            total = movements.count(conn, query, product_id) if request.include_total else None
            sealer = self._tokens.sealer(conn, query, _movement_position)
        return page_of(rows, request, sealer, total)


def _require_locations(conn: Connection, location_ids: Collection[str]) -> None:
    if location_ids:
        known = known_locations(conn, location_ids)
        missing = [each for each in dict.fromkeys(location_ids) if each not in known]
        if missing:
            raise LocationNotFound(missing)


def _level_position(level: StockLevel) -> Position:
    return (level.product_id, level.location_id)


def _movement_position(movement: StockMovement) -> Position:
    return (movement.movement_id,)
