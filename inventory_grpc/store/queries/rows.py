"""What the queries share: the clock, what is due, money columns, UUIDv7 bounds, existence."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine.interfaces import CoreExecuteOptionsParameter

from inventory_grpc.domain.errors import LocationNotFound
from inventory_grpc.domain.model import Money
from inventory_grpc.store.engine import PLANNER
from inventory_grpc.store.prepared import Prepared
from inventory_grpc.store.statements import text_array
from inventory_grpc.store.tables import (
    ID,
    KEY,
    TIME,
    holds,
    locations,
    orders,
    service_identity,
    stock_levels,
)

IDS = ARRAY(ID)
KEYS = ARRAY(KEY)

ZERO: ColumnElement[int] = literal_column("0")
ONE: ColumnElement[int] = literal_column("1")
"""In the statement's text: a prepared one has parameters only for what the caller gives."""

NOW: ColumnElement[datetime] = literal_column("statement_timestamp()", TIME)
"""The database's clock when a statement began: one value for all of it, and no later than the
moment at which its snapshot is taken."""

IN_ORDER: Final[Mapping[str, CoreExecuteOptionsParameter]] = {
    "execution_options": {
        PLANNER: "SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off;"
        " SET LOCAL enable_hashjoin = off;"
        " SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
    }
}
"""For pages: walk the index that has the order, look the rest up, stop when the page is full.

Without statistics (a new table, a restored dump) or with skewed ones the planner takes sorting or
hashing a whole table for cheaper; and a page must cost the same whatever it believes. JIT would
take the price of what is switched off for a long query.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Makers of ids may run ahead of their clock to keep them ascending; the exact test is on the time.
_CLOCK_SLACK_MS = 1_000
_MS_MAX = 2**48 - 1


def money(amount: Decimal | None, currency: str | None) -> Money | None:
    """Both columns or neither."""
    return None if amount is None or currency is None else Money(currency, amount)


def made_between(
    id_column: ColumnElement[str],
    time_column: ColumnElement[datetime],
    start: datetime | None,
    end: datetime | None,
) -> list[ColumnElement[bool]]:
    """Conditions for ``start <= time < end`` that let an index on a UUIDv7 id find the range."""
    conditions: list[ColumnElement[bool]] = []
    if start is not None:
        conditions += [time_column >= start, id_column >= uuid7_floor(start, -_CLOCK_SLACK_MS)]
    if end is not None:
        conditions += [time_column < end, id_column <= uuid7_floor(end, _CLOCK_SLACK_MS)]
    return conditions


def held_now(
    level: str = stock_levels.name, now: str = "statement_timestamp()"
) -> ColumnElement[int]:
    """``held`` of a stock level without the units of holds that are due.

    They block nobody from that instant on, whenever their expiry is written. Looked up in the index
    of the open lines, and only where anything is held. ``level`` is a name of this statement.

    Text, because it stands in most reads, and SQLAlchemy takes longer to build and to hash it as an
    expression than PostgreSQL to answer many of them.
    """
    return literal_column(
        f"CASE WHEN {level}.held > 0 THEN {level}.held - coalesce("  # noqa: S608
        "(SELECT sum(due.quantity - (due.converted + due.released + due.expired))"
        " FROM hold_lines AS due"
        f" WHERE due.product_id = {level}.product_id AND due.location_id = {level}.location_id"
        f" AND due.expire_time <= {now}"
        " AND due.converted + due.released + due.expired < due.quantity), 0)::bigint"
        f" ELSE {level}.held END",
        BigInteger,
    )


def available_exceeds(limit: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a stock level has more available than ``limit``.

    What is due can only add to it, and is looked for where that would make a difference.
    """
    level = stock_levels.c
    others = level.on_hand - level.allocated - level.safety_stock
    return or_(others - level.held > limit, others - held_now() > limit)


def is_low() -> ColumnElement[bool]:
    """Whether a stock level has no more available than its threshold; never NULL."""
    threshold = stock_levels.c.low_stock_threshold
    return and_(threshold.is_not(None), not_(available_exceeds(threshold)))


def at_live_location(location_id: ColumnElement[str]) -> ColumnElement[bool]:
    """For sums over levels: a deleted location is empty, but what it kept back as safety stock
    would be missing elsewhere.

    A value rather than EXISTS, which the planner takes for a join with all locations there are.
    """
    deleted = select(locations.c.delete_time).where(locations.c.location_id == location_id)
    return deleted.correlate_except(locations).scalar_subquery().is_(None)


def count(conn: Connection, source: FromClause, conditions: Collection[ColumnElement[bool]]) -> int:
    """Rows that meet all conditions; costs as much as there are."""
    total: int = conn.execute(
        select(func.count()).select_from(source).where(*conditions)
    ).scalar_one()
    return total


_KNOWN_LOCATIONS = Prepared(
    "known_locations",
    select(locations.c.location_id).where(
        locations.c.location_id == bindparam("location_ids", type_=KEYS).any_()
    ),
)


def known_locations(conn: Connection, location_ids: Collection[str]) -> set[str]:
    """Those that exist, deleted ones too: what they hold stays readable."""
    found = _KNOWN_LOCATIONS.rows(conn, location_ids=text_array(location_ids))
    return {location_id for (location_id,) in found}


def require_locations(conn: Connection, location_ids: Collection[str]) -> None:
    """Raises LocationNotFound, naming all that do not exist."""
    if location_ids:
        known = known_locations(conn, location_ids)
        missing = [each for each in dict.fromkeys(location_ids) if each not in known]
        if missing:
            raise LocationNotFound(missing)


def order_exists(conn: Connection, order_id: str) -> bool:
    """Whether there is such an order."""
    found: Select[Any] = select(literal(1)).where(orders.c.order_id == order_id)
    return conn.execute(found).first() is not None


def hold_exists(conn: Connection, hold_id: str) -> bool:
    """Whether there is such a hold."""
    found: Select[Any] = select(literal(1)).where(holds.c.hold_id == hold_id)
    return conn.execute(found).first() is not None


def token_key(conn: Connection) -> bytes:
    """The key that page tokens of this database are signed with."""
    return bytes(conn.execute(select(service_identity.c.token_key)).scalar_one())


def uuid7_floor(moment: datetime, later_ms: int) -> str:
    """The smallest UUID of the millisecond that comes so many after that of ``moment``."""
    milliseconds = min(max((moment - _EPOCH) // _MILLISECOND + later_ms, 0), _MS_MAX)
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"
