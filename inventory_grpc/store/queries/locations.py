"""Locations."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from inventory_grpc.domain.model import Location
from inventory_grpc.domain.reads import LocationQuery
from inventory_grpc.store.page_tokens import Position
from inventory_grpc.store.queries import rows
from inventory_grpc.store.tables import locations

_COLUMNS = (
    locations.c.location_id,
    locations.c.display_name,
    locations.c.priority,
    locations.c.labels,
    locations.c.version,
    locations.c.create_time,
    locations.c.update_time,
    locations.c.delete_time,
)


def get(conn: Connection, location_id: str) -> Location | None:
    """One location, deleted or not."""
    found = _locations(conn, select(*_COLUMNS).where(locations.c.location_id == location_id))
    return found[0] if found else None


def page(
    conn: Connection, query: LocationQuery, after: Position | None, limit: int
) -> list[Location]:
    """At most ``limit`` locations behind ``after``, by location_id."""
    statement = select(*_COLUMNS).where(*_conditions(query)).order_by(locations.c.location_id)
    if after is not None:
        statement = statement.where(locations.c.location_id > after[0])
    return _locations(conn, statement.limit(limit))


def count(conn: Connection, query: LocationQuery) -> int:
    """How many locations the query finds."""
    return rows.count(conn, locations, _conditions(query))


def _conditions(query: LocationQuery) -> Sequence[ColumnElement[bool]]:
    return [] if query.show_deleted else [locations.c.delete_time.is_(None)]


def _locations(conn: Connection, statement: Select[Any]) -> list[Location]:
    return [Location(*row) for row in conn.execute(statement, **rows.IN_ORDER)]
