"""One part of a list: where it begins, whether more follows, the token for what does."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from inventory_grpc.domain.errors import ProductNotFound
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.reads import Page, PageRequest
from inventory_grpc.store.page_tokens import Position, Query, seal, unseal
from inventory_grpc.store.queries import products
from inventory_grpc.store.queries.rows import token_key

R = TypeVar("R")


class PageTokens:
    """Makes and opens page tokens; reads the database's key when it is first needed."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    def position(self, conn: Connection, query: Query, token: str) -> Position | None:
        """Where the list goes on; None = from its start. Raises PageTokenInvalid."""
        return unseal(self._loaded(conn), query, token) if token else None

    def sealer(
        self, conn: Connection, query: Query, position_of: Callable[[R], Position]
    ) -> Callable[[R], str]:
        """What makes the token for the rows behind a given one, also after the connection went."""
        key = self._loaded(conn)
        return lambda row: seal(key, query, position_of(row))

    def _loaded(self, conn: Connection) -> bytes:
        if self._key is None:
            self._key = token_key(conn)
        return self._key


def page_of(
    rows: list[R],
    request: PageRequest,
    token_after: Callable[[R], str],
    total: int | None,
    resume_token: str = "",
) -> Page[R]:
    """``rows`` holds one more than asked for if there are more."""
    more = len(rows) > request.size
    return Page(rows[: request.size], more, token_after, total, resume_token)


def product_id_of(conn: Connection, key: ProductKey | None) -> str:
    """The id of a filter's product, empty without one. Raises ProductNotFound."""
    if key is None:
        return ""
    product_id = products.find_id(conn, key)
    if product_id is None:
        raise ProductNotFound.of(key)
    return product_id
