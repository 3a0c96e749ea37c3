"""Reading locations."""

from inventory_grpc.domain.errors import LocationNotFound
from inventory_grpc.domain.model import Location
from inventory_grpc.domain.reads import LocationQuery, Page, PageRequest
from inventory_grpc.services.paging import PageTokens, page_of
from inventory_grpc.services.patience import require
from inventory_grpc.store.engine import ReadSource
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries import locations


class Locations:
    """``time_left`` is in seconds; every call may raise DatabaseUnavailable and Overloaded."""

    def __init__(self, database: ReadSource, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    def get(self, location_id: str, time_left: float | None, min_token: str = "") -> Location:
        """One location, deleted or not. Raises LocationNotFound."""
        with self._database.begin(time_left) as conn:
            require(conn, min_token)
            location = locations.get(conn, location_id)
        if location is None:
            raise LocationNotFound([location_id])
        return location

    def page(
        self, query: LocationQuery, request: PageRequest, time_left: float | None
    ) -> Page[Location]:
        """One page. Raises PageTokenInvalid."""
        with self._database.begin(time_left) as conn:
            require(conn, request.min_token)
            after = self._tokens.position(conn, query, request.token)
            rows = locations.page(conn, query, after, request.size + 1)
            total = locations.count(conn, query) if request.include_total else None
            sealer = self._tokens.sealer(conn, query, _position_of)
        return page_of(rows, request, sealer, total)


def _position_of(location: Location) -> Position:
    return (location.location_id,)
