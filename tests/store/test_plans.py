"""Locking and reading a batch costs what the batch costs, however large the catalogue is.

The tables were never analysed, as on the first day; plans are made while they are empty, or full.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from psycopg2.extensions import connection

from inventory_grpc.services.mutations import STATEMENTS
from inventory_grpc.store import book_reads, locks
from inventory_grpc.store.link import LinkSettings, connect
from inventory_grpc.store.statements import Statement, array, text_array
from tests.conftest import Database

PRODUCTS = 20_000
BLOCKS_MAX = 60
"""Of one key in all places a statement may look: a pass over an index alone takes more."""

FILL = f"""
    INSERT INTO products (product_id, sku, name, description, version, create_time, update_time,
                          commit_id)
    SELECT md5(i::text)::uuid, 'P' || i, 'n', '', 1, now(), now(), md5('c')::uuid
      FROM generate_series(1, {PRODUCTS}) i;
    INSERT INTO stock_levels (product_id, location_id, on_hand, held, version)
    SELECT product_id, 'default', 100, 1, 1 FROM products;
    INSERT INTO orders (order_id, status, customer_reference, version, create_time, update_time,
                        status_reason, commit_id)
    SELECT product_id, 1, '', 1, now(), now(), '', md5('c')::uuid FROM products;
    INSERT INTO order_lines (order_id, line_number, requested_line, product_id, location_id,
                             quantity)
    SELECT product_id, 1, 0, product_id, 'default', 1 FROM products;
    UPDATE orders SET hold_id = order_id;
    INSERT INTO holds (hold_id, status, caller, owner_reference, expire_time, counted_units,
                       version, create_time, update_time, commit_id)
    SELECT product_id, 1, 'c' || sku, '',
           now() + CASE WHEN sku = 'P7' THEN -1 ELSE 1 END * interval '1 hour',
           1, 1, now(), now(), md5('c')::uuid
      FROM products;
    INSERT INTO hold_lines (hold_id, line_number, requested_line, product_id, location_id,
                            requested_quantity, quantity, expire_time)
    SELECT hold_id, 1, 0, hold_id, 'default', 1, 1, expire_time FROM holds;
    INSERT INTO hold_budgets (caller, units) SELECT caller, counted_units FROM holds;
"""  # noqa: S608 - numbers of this file

ONE = {
    "ids": array(["c4ca4238-a0b9-2382-0dcc-509a6f75849b"]),
    "orders": array(["c4ca4238-a0b9-2382-0dcc-509a6f75849b"]),
    "back_orders": array(["c4ca4238-a0b9-2382-0dcc-509a6f75849b"]),
    "id_places": text_array([""]),
    "skus": text_array(["P7"]),
    "sku_places": text_array([""]),
    "back_places": text_array(["default"]),
    "holds": array(["c4ca4238-a0b9-2382-0dcc-509a6f75849b"]),
    "hold_callers": text_array(["cP7"]),
    "enough": array([0]),
    "now": "now",
    "versions": array([1]),
    "levels_expected": "0",
    "emptied": text_array(["nowhere"]),
    "locations": text_array(["default"]),
    "callers": text_array(["anonymous"]),
    "request_ids": array(["c4ca4238-a0b9-2382-0dcc-509a6f75849b"]),
}
READING = [*locks.ALL, *book_reads.ALL]


@pytest.fixture(params=["empty", "full"])
def live(database: Database, request: pytest.FixtureRequest) -> Iterator[connection]:
    """A committer's connection whose plans were made while the tables were empty, or full."""
    settings = LinkSettings(database.url)
    with closing(connect(settings, STATEMENTS)) as early, closing(database.connect("owner")) as own:
        if request.param == "empty":
            for statement in READING:
                blocks(early, statement)
        with own, own.cursor() as cursor:
            cursor.execute(FILL)
        with closing(connect(settings, STATEMENTS)) as late:
            yield early if request.param == "empty" else late


def blocks(live: connection, statement: Statement) -> int:
    """Pages it touched for one key of each kind."""
    with live.cursor() as cursor:
        cursor.execute("BEGIN; SELECT set_config('inventory.locked', '0', true)")
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.execute}"
        cursor.execute(explain, tuple(ONE[name] for name in statement.types))
        row: Any = cursor.fetchone()
        cursor.execute("ROLLBACK")
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    top = plan[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def test_locking_and_reading_one_of_20000_products_touches_a_few_pages(live: connection) -> None:
    touched = {statement.name: blocks(live, statement) for statement in READING}
    dear = {name: pages for name, pages in touched.items() if pages > BLOCKS_MAX}
    assert not dear
