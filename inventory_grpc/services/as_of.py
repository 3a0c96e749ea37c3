"""Reading stock as it was.

These reads are for people and reports: each has its own query, in a thread, and none of them takes
part in the gathering of those that ask for now.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Final, TypeVar

from sqlalchemy import Connection

from inventory_grpc.domain.errors import LocationNotFound, ProductNotFound
from inventory_grpc.domain.model import ProductKey, StockLevel
from inventory_grpc.domain.reads import (
    AsOf,
    Availability,
    AvailabilitySnapshot,
    Page,
    PageRequest,
    StockLevelQuery,
)
from inventory_grpc.services.paging import PageTokens, product_id_of
from inventory_grpc.services.patience import once_there, require
from inventory_grpc.store.engine import ReadSource
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries import as_of as past
from inventory_grpc.store.queries import stock
from inventory_grpc.store.queries.rows import require_locations

_LOOKED_AT_MIN: Final = 1_000
"""Levels behind a page of which few may be shown: some hundredths of a second."""

A = TypeVar("A")


class StockAsOf:
    """``time_left`` is in seconds; every call may raise InvalidFields for a moment that is none,
    DatabaseUnavailable and Overloaded."""

    def __init__(self, database: ReadSource, tokens: PageTokens, threads: Executor) -> None:
        self._database = database
        self._tokens = tokens
        self._threads = threads

    async def get_level(
        self,
        key: ProductKey,
        location_id: str,
        as_of: AsOf,
        time_left: float,
        answer: Callable[[StockLevel], A],
        min_token: str = "",
    ) -> A:
        """What ``answer``, in a thread, makes of one level; zeros where there was no stock yet.

        Raises Product- or LocationNotFound.
        """

        def read() -> A:
            with self._database.begin(time_left) as conn:
                require(conn, min_token)
                moment = past.moment_of(conn, as_of)
                at = (key, location_id)
                found = stock.levels(conn, [at])
                if at not in found:
                    raise ProductNotFound.of(key)
                now = found[at]
                if now is None:
                    raise LocationNotFound([location_id])
                [then] = past.levels(conn, moment, [now])
            return answer(then)

        return await once_there(self._threads, read, time_left)

    async def availability(
        self,
        keys: Sequence[ProductKey],
        location_ids: Sequence[str],
        as_of: AsOf,
        time_left: float,
        answer: Callable[[Availability], A],
        min_token: str = "",
    ) -> AvailabilitySnapshot[A]:
        """What was available at these locations (none = all), in the order asked for, each product
        once. Raises LocationNotFound."""

        def read() -> AvailabilitySnapshot[A]:
            with self._database.begin(time_left) as conn:
                require(conn, min_token)
                moment = past.moment_of(conn, as_of)
                require_locations(conn, location_ids)
                by_key = past.of_products(conn, moment, keys, location_ids)
            present: dict[str, A] = {}
            for each in (by_key[key] for key in keys if key in by_key):
                if each.product_id not in present:
                    present[each.product_id] = answer(each)
            missing = [key for key in dict.fromkeys(keys) if key not in by_key]
            return AvailabilitySnapshot(list(present.values()), missing, moment.time, "")

        return await once_there(self._threads, read, time_left)

    def levels_page(
        self, query: StockLevelQuery, as_of: AsOf, request: PageRequest, time_left: float | None
    ) -> Page[StockLevel]:
        """Those that were there, of so many levels of today; its end_token says where to go on.

        Raises PageTokenInvalid, ProductNotFound, LocationNotFound.
        """
        with self._database.begin(time_left) as conn:
            require(conn, request.min_token)
            after = self._tokens.position(conn, query, request.token)
            moment = past.moment_of(conn, as_of)
            product_id = product_id_of(conn, query.product)
            require_locations(conn, [query.location_id] if query.location_id else [])
            size = request.size
            looked_at = size if query.low_stock is None else max(size, _LOOKED_AT_MIN)
            today = replace(query, low_stock=None)
            now = stock.page(conn, today, product_id, after, looked_at + 1)
            rows = _shown(conn, moment, now[:looked_at], query)
            token_after = self._tokens.sealer(conn, query, level_position)
        last = rows[size - 1] if len(rows) > size else None
        if last is None and len(now) > looked_at and not moment.is_before(now[-1].product_id):
            last = now[looked_at - 1]
        end_token = token_after(last) if last else ""
        return Page(rows[:size], more=False, token_after=token_after, end_token=end_token)


def _shown(
    conn: Connection, moment: past.Moment, now: Sequence[StockLevel], query: StockLevelQuery
) -> list[StockLevel]:
    then = [level for level in past.levels(conn, moment, now) if level.version]
    return [level for level in then if query.low_stock in (None, _is_low(level))]


def _is_low(level: StockLevel) -> bool:
    threshold = level.low_stock_threshold
    return threshold is not None and level.available <= threshold


def level_position(level: StockLevel) -> Position:
    """Where it stands in lists."""
    return (level.product_id, level.location_id)
