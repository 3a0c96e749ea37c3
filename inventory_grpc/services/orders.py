"""Reading orders and their histories."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from inventory_grpc.domain.errors import OrderNotFound
from inventory_grpc.domain.model import Order, OrderEvent
from inventory_grpc.domain.reads import OrderEventQuery, OrderQuery, Page, PageRequest
from inventory_grpc.services.coalesce import LARGE_KEYS_MAX, Gatherer
from inventory_grpc.services.paging import PageTokens, page_of, product_id_of
from inventory_grpc.services.patience import once_there, require
from inventory_grpc.store.engine import ReadSource
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries import orders
from inventory_grpc.store.queries.rows import order_exists
from inventory_grpc.store.visibility import token_of_now

A = TypeVar("A")


class Orders:
    """``time_left`` is in seconds; every call may raise DatabaseUnavailable and Overloaded."""

    def __init__(self, database: ReadSource, tokens: PageTokens, threads: Executor) -> None:
        self._database = database
        self._tokens = tokens
        self._threads = threads
        self.gatherer = Gatherer(threads, self._found, LARGE_KEYS_MAX)

    async def get(
        self, order_id: str, time_left: float, answer: Callable[[Order], A], min_token: str = ""
    ) -> A:
        """What ``answer``, in a thread, makes of one order. Raises OrderNotFound."""

        def pick(found: dict[str, Order]) -> A:
            order = found.get(order_id)
            if order is None:
                raise OrderNotFound([order_id])
            return answer(order)

        if not min_token:
            return await self.gatherer.ask((order_id,), pick, time_left)
        return await once_there(
            self._threads, lambda: pick(self._found((order_id,), time_left, min_token)), time_left
        )

    def _found(
        self, order_ids: Sequence[str], time_left: float | None, min_token: str = ""
    ) -> dict[str, Order]:
        with self._database.begin(time_left) as conn:
            require(conn, min_token)
            return orders.batch_get(conn, order_ids)

    def batch_get(
        self, order_ids: Sequence[str], time_left: float | None, min_token: str = ""
    ) -> tuple[list[Order], list[str]]:
        """(those found, in the order asked for, each once; the ids of the others)."""
        asked = list(dict.fromkeys(order_ids))
        found = self._found(asked, time_left, min_token)
        present = [found[order_id] for order_id in asked if order_id in found]
        return present, [order_id for order_id in asked if order_id not in found]

    def page(self, query: OrderQuery, request: PageRequest, time_left: float | None) -> Page[Order]:
        """One page. Raises PageTokenInvalid, ProductNotFound."""
        with self._database.begin(time_left) as conn:
            require(conn, request.min_token)
            resume_token = token_of_now(conn)
            after = self._tokens.position(conn, query, request.token)
            product_id = product_id_of(conn, query.product)
            rows = orders.page(conn, query, product_id, after, request.size + 1)
            total = orders.count(conn, query, product_id) if request.include_total else None
            sealer = self._tokens.sealer(conn, query, _order_position)
        return page_of(rows, request, sealer, total, resume_token)

    def events_page(
        self, query: OrderEventQuery, request: PageRequest, time_left: float | None
    ) -> Page[OrderEvent]:
        """One page. Raises PageTokenInvalid, OrderNotFound."""
        order_id = query.order_id
        with self._database.begin(time_left) as conn:
            require(conn, request.min_token)
            after = self._tokens.position(conn, query, request.token)
            rows = orders.events_page(conn, order_id, after, request.size + 1)
            if not rows and not order_exists(conn, order_id):
                raise OrderNotFound([order_id])
            total = orders.events_count(conn, order_id) if request.include_total else None
            sealer = self._tokens.sealer(conn, query, _event_position)
        return page_of(rows, request, sealer, total)


def _order_position(order: Order) -> Position:
    return (order.order_id,)


def _event_position(event: OrderEvent) -> Position:
    return (str(event.order_version),)
