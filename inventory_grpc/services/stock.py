"""Reading stock levels, availability and the ledger."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import Any, TypeVar

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
    MovementSummary,
    Page,
    PageRequest,
    StockLevelQuery,
)
from inventory_grpc.services.as_of import StockAsOf, level_position
from inventory_grpc.services.coalesce import Gatherer, Gatherers
from inventory_grpc.services.paging import PageTokens, page_of, product_id_of
from inventory_grpc.services.patience import once_there, require
from inventory_grpc.store.engine import ReadSource
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries import movements, stock
from inventory_grpc.store.queries.rows import hold_exists, order_exists, require_locations
from inventory_grpc.store.queries.stock import LevelKey
from inventory_grpc.store.visibility import token_of, token_of_now

A = TypeVar("A")


class Stock:
    """``time_left`` is in seconds; every call may raise DatabaseUnavailable and Overloaded."""

    def __init__(self, database: ReadSource, tokens: PageTokens, threads: Executor) -> None:
        self._database = database
        self._tokens = tokens
        self._threads = threads
        self.as_of = StockAsOf(database, tokens, threads)
        self.level_gatherer = Gatherer(threads, self._levels)
        self.availability_gatherers = Gatherers(threads, self._looked)

    async def get_level(
        self,
        key: ProductKey,
        location_id: str,
        time_left: float,
        answer: Callable[[StockLevel], A],
        min_token: str = "",
    ) -> A:
        """What ``answer``, in a thread, makes of one level; zeros where there never was stock.

        Raises Product- or LocationNotFound.
        """
        at = (key, location_id)

        def pick(found: dict[LevelKey, StockLevel | None]) -> A:
            if at not in found:
                raise ProductNotFound.of(key)
            level = found[at]
            if level is None:
                raise LocationNotFound([location_id])
            return answer(level)

        if not min_token:
            return await self.level_gatherer.ask((at,), pick, time_left)
        return await once_there(
            self._threads, lambda: pick(self._levels((at,), time_left, min_token)), time_left
        )

    def _levels(
        self, keys: Sequence[LevelKey], time_left: float, min_token: str = ""
    ) -> dict[LevelKey, StockLevel | None]:
        with self._database.begin(time_left) as conn:
            require(conn, min_token)
            return stock.levels(conn, keys)

    def levels_page(
        self, query: StockLevelQuery, request: PageRequest, time_left: float | None
    ) -> Page[StockLevel]:
        """One page. Raises PageTokenInvalid, ProductNotFound, LocationNotFound."""
        with self._database.begin(time_left) as conn:
            require(conn, request.min_token)
            resume_token = token_of_now(conn)
            after = self._tokens.position(conn, query, request.token)
            product_id = product_id_of(conn, query.product)
            require_locations(conn, [query.location_id] if query.location_id else [])
            rows = stock.page(conn, query, product_id, after, request.size + 1)
            total = stock.count(conn, query, product_id) if request.include_total else None
            sealer = self._tokens.sealer(conn, query, level_position)
        return page_of(rows, request, sealer, total, resume_token)

    async def availability(
        self,
        keys: Sequence[ProductKey],
        location_ids: Sequence[str],
        time_left: float,
        answer: Callable[[Availability], A],
        min_token: str = "",
    ) -> AvailabilitySnapshot[A]:
        """What is available at these locations (none = all); one snapshot.

        What ``answer``, in a thread, makes of each product: in the order asked for, each once.
        ``answer`` is the same for all callers. Raises LocationNotFound.
        """

        def pick(looked: _Looked) -> AvailabilitySnapshot[A]:
            return looked.snapshot(keys, answer)

        places = tuple(dict.fromkeys(location_ids))
        if not min_token:
            return await self.availability_gatherers.ask(places, keys, pick, time_left)
        return await once_there(
            self._threads, lambda: pick(self._looked(places, keys, time_left, min_token)), time_left
        )

    def _looked(
        self,
        location_ids: Sequence[str],
        keys: Sequence[ProductKey],
        time_left: float,
        min_token: str = "",
    ) -> "_Looked":
        with self._database.begin(time_left) as conn:
            require(conn, min_token)
            require_locations(conn, location_ids)
            by_key, moment, position = stock.availability(conn, keys, location_ids)
            return _Looked(by_key, moment, token_of(conn, position))

    def movements_page(
        self, query: MovementQuery, request: PageRequest, time_left: float | None
    ) -> Page[StockMovement]:
        """One page. Raises PageTokenInvalid, Product-, Location-, Order- or HoldNotFound."""
        with self._database.begin(time_left) as conn:
            require(conn, request.min_token)
            after = self._tokens.position(conn, query, request.token)
            product_id = _product_of_known(conn, query)
            rows = movements.page(conn, query, product_id, after, request.size + 1)
            total = movements.count(conn, query, product_id) if request.include_total else None
            sealer = self._tokens.sealer(conn, query, _movement_position)
        return page_of(rows, request, sealer, total)

    def movement_summary(
        self, query: MovementQuery, min_token: str, time_left: float | None
    ) -> MovementSummary:
        """Movements added up. Raises Product-, Location-, Order- or HoldNotFound."""
        with self._database.begin(time_left) as conn:
            require(conn, min_token)
            return movements.summary(conn, query, _product_of_known(conn, query))


class _Looked:
    """What one query found for several callers."""

    def __init__(
        self, by_key: Mapping[ProductKey, Availability], moment: datetime, resume_token: str
    ) -> None:
        self._by_key = by_key
        self._moment = moment
        self._resume_token = resume_token
        self._made: dict[str, Any] = {}

    def snapshot(
        self, keys: Sequence[ProductKey], answer: Callable[[Availability], A]
    ) -> AvailabilitySnapshot[A]:
        """For one of them. What was made of a product for another serves again."""
        present: dict[str, A] = {}
        missing = []
        for key in dict.fromkeys(keys):
            each = self._by_key.get(key)
            if each is None:
                missing.append(key)
                continue
            product_id = each.product_id
            if product_id not in self._made:
                self._made[product_id] = answer(each)
            present[product_id] = self._made[product_id]
        return AvailabilitySnapshot(
            list(present.values()), missing, self._moment, self._resume_token
        )


def _product_of_known(conn: Connection, query: MovementQuery) -> str:
    """The id of the product, or nothing; whatever else is named exists, too."""
    product_id = product_id_of(conn, query.product)
    require_locations(conn, [query.location_id] if query.location_id else [])
    if query.order_id and not order_exists(conn, query.order_id):
        raise OrderNotFound([query.order_id])
    if query.hold_id and not hold_exists(conn, query.hold_id):
        raise HoldNotFound([query.hold_id])
    return product_id


def _movement_position(movement: StockMovement) -> Position:
    return (movement.movement_id,)
