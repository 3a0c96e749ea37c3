"""A level of long ago costs what one of just now does, whatever has happened since."""

# ruff: noqa: S608 - the statements are built from constants of this file

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from inventory_grpc.domain.model import StockLevel
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.queries import as_of
from inventory_grpc.store.queries.as_of import Moment
from tests.reads.plans import (
    FIRST_MS,
    SECOND,
    Plan,
    Run,
    buffers,
    explained,
    id_at,
    names,
    nodes,
    python_id_at,
)
from tests.reads.shop import COMMIT, REQUEST, Shop

MOVEMENTS = 100_000
PRODUCT = python_id_at(1, 1)
LOOKUPS_MAX = 22
"""Of one level: the newest, one per halving, and the answer."""
PAGES_PER_LOOKUP = 5
"""Down the index, and the row."""


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A product with a movement a second at one place, and a single one, the first of all, at
    another; never analyzed."""
    shop.run("ALTER TABLE stock_movements SET (autovacuum_enabled = off)")
    shop.run(
        f"INSERT INTO stock_movements SELECT '{PRODUCT}',"
        " CASE n WHEN 1 THEN 'quiet' ELSE 'busy' END,"
        f" greatest(n - 1, 1), {id_at('n', 3)}, 1, 1, 0, 0, n, 0, 0, 0, 0, NULL, NULL, NULL,"
        f" '{REQUEST}', 'anonymous', 0, '', to_timestamp(({FIRST_MS} / 1000) + n), '{COMMIT}'"
        f" FROM generate_series(1, {MOVEMENTS}) n"
    )
    return shop


def time_at(number: int) -> datetime:
    return datetime.fromtimestamp(FIRST_MS // SECOND, UTC) + timedelta(seconds=number)


def reading_at(moment: Moment, place: str) -> Run:
    level = StockLevel(PRODUCT, "MUG", place)
    return lambda conn: as_of.levels(conn, moment, [level])


def plans(reading: ReadDatabase, number: int, place: str) -> Iterator[Plan]:
    """By time and by movement."""
    for moment in (Moment(time_at(number)), Moment(time_at(number), python_id_at(number, 3))):
        yield explained(reading, reading_at(moment, place))


@pytest.mark.usefixtures("busy")
def test_a_level_is_found_by_a_handful_of_lookups_however_many_movements_came_later(
    read_database: ReadDatabase,
) -> None:
    for place in ("busy", "quiet"):
        for number in (1, 2, 777, MOVEMENTS // 2, MOVEMENTS - 3, MOVEMENTS):
            for plan in plans(read_database, number, place):
                assert plan["Actual Rows"] == (place == "quiet" or number > 1)
                assert not names(plan) & {"Seq Scan", "Sort", "Hash Join", "Bitmap Heap Scan"}
                used = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
                assert used == {"stock_movements_pkey"}
                assert buffers(plan) <= LOOKUPS_MAX * PAGES_PER_LOOKUP, number
