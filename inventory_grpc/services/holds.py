"""Reading holds."""

from inventory_grpc.domain.errors import HoldNotFound
from inventory_grpc.domain.model import Hold
from inventory_grpc.domain.reads import HoldQuery, Page, PageRequest
from inventory_grpc.services.paging import PageTokens, page_of, product_id_of
from inventory_grpc.services.patience import require
from inventory_grpc.store.engine import ReadSource
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries import holds
from inventory_grpc.store.visibility import token_of_now


class Holds:
    """``time_left`` is in seconds; every call may raise DatabaseUnavailable and Overloaded.

    A hold's status is the effective one: EXPIRED from expire_time on, whatever is stored.
    """

    def __init__(self, database: ReadSource, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    def get(self, hold_id: str, time_left: float | None, min_token: str = "") -> Hold:
        """One hold. Raises HoldNotFound."""
        with self._database.begin(time_left) as conn:
            require(conn, min_token)
            hold = holds.get(conn, hold_id)
        if hold is None:
            raise HoldNotFound([hold_id])
        return hold

    def page(self, query: HoldQuery, request: PageRequest, time_left: float | None) -> Page[Hold]:
        """One page. Raises PageTokenInvalid, ProductNotFound."""
        with self._database.begin(time_left) as conn:
            require(conn, request.min_token)
            resume_token = token_of_now(conn)
            after = self._tokens.position(conn, query, request.token)
            product_id = product_id_of(conn, query.product)
            rows = holds.page(conn, query, product_id, after, request.size + 1)
            total = holds.count(conn, query, product_id) if request.include_total else None
            sealer = self._tokens.sealer(conn, query, _position)
        return page_of(rows, request, sealer, total, resume_token)


def _position(hold: Hold) -> Position:
    return (hold.hold_id,)
