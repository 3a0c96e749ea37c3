"""Reading products."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from inventory_grpc.domain.errors import ProductNotFound
from inventory_grpc.domain.model import Product, ProductKey
from inventory_grpc.domain.reads import Page, PageRequest, ProductQuery
from inventory_grpc.services.coalesce import LARGE_KEYS_MAX, Gatherer
from inventory_grpc.services.paging import PageTokens, page_of
from inventory_grpc.services.patience import once_there, require
from inventory_grpc.store.engine import ReadSource
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries import products
from inventory_grpc.store.visibility import token_of_now

A = TypeVar("A")


class Products:
    """``time_left`` is in seconds; every call may raise DatabaseUnavailable and Overloaded."""

    def __init__(self, database: ReadSource, tokens: PageTokens, threads: Executor) -> None:
        self._database = database
        self._tokens = tokens
        self._threads = threads
        self.gatherer = Gatherer(threads, self._found, LARGE_KEYS_MAX)

    async def get(
        self, key: ProductKey, time_left: float, answer: Callable[[Product], A], min_token: str = ""
    ) -> A:
        """What ``answer``, in a thread, makes of one product; of a deleted one by id only.

        Raises ProductNotFound.
        """

        def pick(found: dict[ProductKey, Product]) -> A:
            product = found.get(key)
            if product is None:
                raise ProductNotFound.of(key)
            return answer(product)

        if not min_token:
            return await self.gatherer.ask((key,), pick, time_left)
        return await once_there(
            self._threads, lambda: pick(self._found((key,), time_left, min_token)), time_left
        )

    def _found(
        self, keys: Sequence[ProductKey], time_left: float | None, min_token: str = ""
    ) -> dict[ProductKey, Product]:
        with self._database.begin(time_left) as conn:
            require(conn, min_token)
            found = products.batch_get(conn, keys)
        by_key = {ProductKey(each.product_id): each for each in found}
        # A deleted one does not answer to its SKU.
        return by_key | {
            ProductKey("", each.sku): each for each in found if each.delete_time is None
        }

    def batch_get(
        self, keys: Sequence[ProductKey], time_left: float | None, min_token: str = ""
    ) -> tuple[list[Product], list[ProductKey]]:
        """(those found, in the order asked for, each once; the keys of the others)."""
        asked = list(dict.fromkeys(keys))
        by_key = self._found(asked, time_left, min_token)
        present = {by_key[key].product_id: by_key[key] for key in asked if key in by_key}
        return list(present.values()), [key for key in asked if key not in by_key]

    def page(
        self, query: ProductQuery, request: PageRequest, time_left: float | None
    ) -> Page[Product]:
        """One page. Raises PageTokenInvalid."""
        with self._database.begin(time_left) as conn:
            require(conn, request.min_token)
            resume_token = token_of_now(conn)
            after = self._tokens.position(conn, query, request.token)
            rows = products.page(conn, query, after, request.size + 1)
            total = products.count(conn, query) if request.include_total else None

            def position_of(product: Product) -> Position:
                return products.position_of(query, product)

            sealer = self._tokens.sealer(conn, query, position_of)
        return page_of(rows, request, sealer, total, resume_token)
