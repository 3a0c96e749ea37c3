"""Stock levels as they were, from the ledger.

A level's movements are found by version, by bisection: a handful of look-ups by primary key,
however much has happened since, and no index beside the one that keeps two writers of a version
apart. That needs times that ascend with the versions. They do: a transaction reads its clock after
it has, or as of the snapshot in which it sees, the version before. A clock that was set back breaks
it; so the bisection looks for a later moment, by as much as is made up for, and from there on it is
a walk.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, text

from inventory_grpc.domain.errors import InvalidFields, Violation
from inventory_grpc.domain.model import ProductKey, StockLevel
from inventory_grpc.domain.reads import AsOf, Availability
from inventory_grpc.store.engine import PLANNER
from inventory_grpc.store.queries.rows import uuid7_floor
from inventory_grpc.store.statements import array, text_array

_SET_BACK_MAX: Final = timedelta(seconds=1)
"""How far a clock may have been set back, or be behind another server's, and nobody notices."""

Key = tuple[str, str]
"""(product_id, location_id)"""
Counters = tuple[Any, ...]
"""The fields of a StockLevel behind its keys."""

_BY_KEY: Final = {
    PLANNER: "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;"
    " SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
}
"""Each row by its key, whatever the planner believes: see ``IN_ORDER``."""

# What a release did not write yet is answered as if there was no policy.
_COUNTERS: Final = """
    m.on_hand_after, m.allocated_after, m.held_after, coalesce(m.safety_stock_after, 0),
    coalesce(m.backorder_limit_after, 0), m.low_stock_threshold_after, m.shortfall_after,
    m.stock_version, m.occur_time"""

_MOVEMENT: Final = text(
    f"SELECT m.product_id, m.location_id, {_COUNTERS} FROM stock_movements m"  # noqa: S608
    " WHERE m.movement_id = CAST(:movement_id AS uuid) LIMIT 1"
).execution_options(**_BY_KEY)

_CLOCK: Final = text("SELECT clock_timestamp()")

# low: all up to this version are early enough, or there is none; high: this version is too late,
# or behind the last. Versions that are missing, in a damaged ledger, are passed over.
_LEVELS: Final = text(
    f"""
    SELECT wanted.product_id, wanted.location_id, m.*
      FROM unnest(CAST(:ids AS uuid[]), CAST(:places AS text[])) AS wanted (product_id, location_id)
     CROSS JOIN LATERAL (
        SELECT l.stock_version, l.occur_time FROM stock_movements l
         WHERE l.product_id = wanted.product_id AND l.location_id = wanted.location_id
         ORDER BY l.stock_version DESC LIMIT 1) newest
     CROSS JOIN LATERAL (
        WITH RECURSIVE search (low, high) AS (
            SELECT CASE WHEN newest.occur_time <= :around THEN newest.stock_version ELSE 0 END,
                   newest.stock_version + 1
             UNION ALL
            SELECT CASE WHEN probe.occur_time > :around THEN step.low ELSE step.middle END,
                   CASE WHEN probe.occur_time > :around THEN probe.stock_version ELSE step.high END
              FROM (SELECT low, high, low + (high - low) / 2 AS middle
                      FROM search WHERE high - low > 1) step
              LEFT JOIN LATERAL (
                SELECT p.stock_version, p.occur_time FROM stock_movements p
                 WHERE p.product_id = wanted.product_id AND p.location_id = wanted.location_id
                   AND p.stock_version > step.low AND p.stock_version <= step.middle
                 ORDER BY p.stock_version DESC LIMIT 1) probe ON true
        )
        SELECT low FROM search WHERE high - low <= 1) found
     CROSS JOIN LATERAL (
        SELECT {_COUNTERS} FROM stock_movements m
         WHERE m.product_id = wanted.product_id AND m.location_id = wanted.location_id
           AND m.stock_version <= found.low AND m.occur_time <= :moment
           AND m.movement_id <= CAST(:last_id AS uuid)
         ORDER BY m.stock_version DESC LIMIT 1) m"""  # noqa: S608 - of this file's own text
).execution_options(**_BY_KEY)

# A deleted location was not deleted before.
_PLACES: Final = text(
    """
    SELECT p.product_id, p.sku, p.is_live, s.location_id
      FROM (SELECT product_id, sku, delete_time IS NULL AS is_live FROM products
             WHERE product_id = ANY (CAST(:ids AS uuid[]))
             UNION
            SELECT product_id, sku, true FROM products
             WHERE sku = ANY (CAST(:skus AS text[])) AND delete_time IS NULL) p
      LEFT JOIN LATERAL (
        SELECT l.location_id FROM stock_levels l
         WHERE l.product_id = p.product_id AND l.version > 0
           AND (cardinality(CAST(:places AS text[])) = 0
                OR l.location_id = ANY (CAST(:places AS text[])))
           AND coalesce((SELECT o.delete_time FROM locations o
                          WHERE o.location_id = l.location_id) > :moment, true)
         ORDER BY l.location_id) s ON true
     ORDER BY p.product_id, s.location_id"""
).execution_options(**{PLANNER: "SET LOCAL enable_seqscan = off; SET LOCAL jit = off"})


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the past that is known to be one."""

    time: datetime
    last_id: str = "ffffffff-ffff-ffff-ffff-ffffffffffff"
    """Of the movements of this time, those up to this one."""
    own: tuple[Key, Counters] | None = None
    """The level of that movement, right after it."""

    def is_before(self, product_id: str) -> bool:
        """Whether a product was made later, and with it all that have a larger id."""
        set_back_ms = _SET_BACK_MAX // timedelta(milliseconds=1)
        return product_id > uuid7_floor(self.time, 1 + set_back_ms)


def moment_of(conn: Connection, as_of: AsOf) -> Moment:
    """Raises InvalidFields for a time that is still to come and for no movement of the ledger."""
    if as_of.time is not None:
        now: datetime = conn.execute(_CLOCK).scalar_one()
        if as_of.time > now + _SET_BACK_MAX:
            at = now.isoformat(timespec="milliseconds")
            raise _invalid("as_of_time", f"is still to come: the database's clock shows {at}")
        return Moment(as_of.time)
    row = conn.execute(_MOVEMENT, {"movement_id": as_of.movement_id}).first()
    if row is None:
        raise _invalid("as_of_movement_id", "is no movement of the ledger")
    product_id, location_id, *counters = row
    return Moment(row.occur_time, as_of.movement_id, ((product_id, location_id), tuple(counters)))


def _invalid(field: str, description: str) -> InvalidFields:
    return InvalidFields([Violation(field, description)])


def counters(conn: Connection, moment: Moment, keys: Collection[Key]) -> dict[Key, Counters]:
    """Of those levels that were there then; all in one snapshot of the ledger."""
    rows = conn.execute(
        _LEVELS,
        {
            "ids": array(product_id for product_id, _ in keys),
            "places": text_array(location_id for _, location_id in keys),
            "moment": moment.time,
            "around": moment.time + _SET_BACK_MAX,
            "last_id": moment.last_id,
        },
    )
    found = {(row[0], row[1]): tuple(row[2:]) for row in rows}
    if moment.own is not None and moment.own[0] in keys:
        # Its versions are in order, whatever its times are.
        found[moment.own[0]] = moment.own[1]
    return found


def levels(conn: Connection, moment: Moment, now: Sequence[StockLevel]) -> list[StockLevel]:
    """What these levels were like then; zeros and version 0 where there was none."""
    found = counters(conn, moment, [(each.product_id, each.location_id) for each in now])
    return [
        StockLevel(
            each.product_id, each.sku, each.location_id,
            *found.get((each.product_id, each.location_id), ()),
        )
        for each in now
    ]  # fmt: skip


def of_products(
    conn: Connection, moment: Moment, keys: Sequence[ProductKey], location_ids: Sequence[str]
) -> dict[ProductKey, Availability]:
    """The known products with the levels that were there then (empty ``location_ids`` =
    everywhere), under the keys that were asked for."""
    skus = [key.sku for key in keys if not key.product_id]
    parameters = {
        "ids": array(key.product_id for key in keys if key.product_id),
        "skus": text_array(skus),
        "places": text_array(location_ids),
        "moment": moment.time,
    }
    rows = conn.execute(_PLACES, parameters).all()
    found = counters(conn, moment, [(row[0], row[3]) for row in rows if row[3] is not None])
    by_key: dict[ProductKey, Availability] = {}
    for (product_id, sku, is_live), group in groupby(rows, key=itemgetter(0, 1, 2)):
        there = tuple(
            StockLevel(product_id, sku, place, *found[product_id, place])
            for *_, place in group
            if (product_id, place) in found
        )
        by_key[ProductKey(product_id)] = each = Availability(product_id, sku, there)
        if is_live:
            by_key[ProductKey("", sku)] = each
    return by_key
