"""Reading and numbering changes costs what they are, however much has happened before.

The tables were never analysed, as on the first day, or they were, or at a bad moment.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from inventory_grpc.domain.changes import Cursor
from inventory_grpc.store import change_rows, changes
from inventory_grpc.store.background import background_engine
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.pruning import forget_commits
from inventory_grpc.store.sequencer import assign_positions
from tests.concurrency.harness import run, value
from tests.conftest import Database
from tests.reads.plans import Plan, buffers, nodes

COMMITS = 8_000
READ = 20
MADE = 50
BLOCKS_MAX = 20
"""Per commit that is read and per row that is numbered: a pass over any table takes thousands."""

# Commit i: a product is made, stocked and ordered, its policy and the order's status changed.
FILL = f"""
    CREATE FUNCTION id_at(i int, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex(1700000000000 + i), 12, '0') || '7000' || '8'
                || lpad(to_hex(n), 5, '0') || 'abcdef0123')::uuid $$;
    INSERT INTO commits (commit_id, commit_seq, position)
    SELECT id_at(i, 0), i, CASE WHEN i <= {COMMITS - MADE} THEN i END
      FROM generate_series(1, {COMMITS}) i;
    UPDATE stream_head SET position = {COMMITS - MADE};
    INSERT INTO products (product_id, sku, name, description, version, create_time, update_time,
                          commit_id)
    SELECT id_at(i, 1), 'P' || i, 'n', '', 1, now(), now(), id_at(i, 0)
      FROM generate_series(1, {COMMITS}) i;
    INSERT INTO product_events (product_id, product_version, event_id, kind, sku, name, description,
                                create_time, actor, request_id, occur_time, commit_id)
    SELECT product_id, 1, id_at(i, 2), 1, sku, name, '', now(), 'a', product_id, now(), id_at(i, 0)
      FROM generate_series(1, {COMMITS}) i JOIN products ON product_id = id_at(i, 1);
    INSERT INTO stock_movements (product_id, location_id, stock_version, movement_id, kind,
        on_hand_delta, allocated_delta, held_delta, on_hand_after, allocated_after, held_after,
        shortfall_after, line_number, request_id, actor, reason, note, occur_time, commit_id,
        safety_stock_after, backorder_limit_after)
    SELECT id_at(i, 1), 'default', v, id_at(i, 2 + v), CASE v WHEN 1 THEN 1 ELSE 4 END,
           9, 0, 0, 9, 0, 0, 0, 0, id_at(i, 1), 'a', 0, '', now(), id_at(i, 0), 0, 0
      FROM generate_series(1, {COMMITS}) i, generate_series(1, 3) v;
    INSERT INTO orders (order_id, status, customer_reference, version, create_time, update_time,
                        status_reason, commit_id)
    SELECT product_id, 2, '', 2, now(), now(), '', commit_id FROM products;
    INSERT INTO order_lines (order_id, line_number, requested_line, product_id, location_id,
                             quantity)
    SELECT product_id, 1, 0, product_id, 'default', 1 FROM products;
    INSERT INTO order_events (order_id, order_version, event_id, kind, to_status, lines, reason,
                              actor, request_id, occur_time, commit_id)
    SELECT id_at(i, 1), v, id_at(i, 6 + v), v, v, '[[1, 1]]', '', 'a', id_at(i, 1), now(),
           id_at(i + v - 1, 0)
      FROM generate_series(1, {COMMITS}) i, generate_series(1, 2) v;
    INSERT INTO holds (hold_id, status, caller, owner_reference, expire_time, counted_units,
                       version, create_time, update_time, commit_id)
    SELECT product_id, 1, 'c', '', now() + interval '1 hour', 1, 2, now(), now(), commit_id
      FROM products;
    INSERT INTO hold_lines (hold_id, line_number, requested_line, product_id, location_id,
                            requested_quantity, quantity, expire_time)
    SELECT hold_id, 1, 0, hold_id, 'default', 1, 1, expire_time FROM holds;
    INSERT INTO hold_events (hold_id, hold_version, event_id, kind, lines, reason, expire_time,
                             actor, request_id, occur_time, commit_id)
    SELECT id_at(i, 1), v, id_at(i, 8 + v), v, '[[1, 1]]', '', now(), 'a', id_at(i, 1), now(),
           id_at(i + v - 1, 0)
      FROM generate_series(1, {COMMITS}) i, generate_series(1, 2) v;
"""  # noqa: S608 - numbers of this file

ASK = re.compile(r"^(\s*(?:SET LOCAL [^;]+;\s*)*)")


# Statistics of an hour in which nobody gave positions.
SKEWED = f"""
    UPDATE commits SET position = NULL WHERE position > 100;
    ANALYZE;
    UPDATE commits SET position = commit_seq
     WHERE position IS NULL AND commit_seq <= {COMMITS - MADE};
"""  # noqa: S608


@pytest.fixture(params=["unknown", "analysed", "skewed"])
def full(database: Database, request: pytest.FixtureRequest) -> Database:
    with closing(database.connect("owner")) as conn, conn, conn.cursor() as cursor:
        cursor.execute(FILL)
    if request.param != "unknown":
        run(database, "ANALYZE" if request.param == "analysed" else SKEWED)
    return database


@pytest.fixture
def reading(full: Database) -> Iterator[ReadDatabase]:
    # Behind a pooler every statement goes by itself, and can be explained.
    with closing(
        ReadDatabase(full.url, pool_size=1, statement_timeout_ms=30_000, pooler="transaction")
    ) as each:
        yield each


def statements_of(engine: Engine, work: Callable[[], object]) -> list[str]:
    """What ``work`` sends through SQLAlchemy."""
    sent: list[str] = []

    def note(_conn: object, cursor: Any, statement: str, parameters: object, *_: object) -> None:
        sent.append(cursor.mogrify(statement, parameters).decode())

    event.listen(engine, "after_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(engine, "after_cursor_execute", note)
    return sent


def check_cheap(conn: Connection, statement: str, blocks_max: int) -> None:
    cursor = conn.connection.cursor()
    cursor.execute(ASK.sub(r"\1EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ", statement))
    answer = cursor.fetchall()[0][0]
    plan: Plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    scanned = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    assert scanned <= {"stream_head"}, statement
    assert buffers(plan) <= blocks_max, statement


def test_reading_changes_touches_what_belongs_to_them(
    full: Database, reading: ReadDatabase
) -> None:
    product = value(full, "SELECT product_id::text FROM products WHERE sku = 'P7'")

    def read() -> None:
        with reading.begin(None) as conn:
            found, behind = changes.read_changes(conn, Cursor(COMMITS // 2), READ)
            assert change_rows.policies(conn, [(product, "default", 1)])
        assert behind == Cursor(COMMITS // 2 + READ)
        assert len(found) == READ * 8

    sent = statements_of(reading._engine, read)
    assert len(sent) == 8, "and two that are prepared, which have tests of their own"
    with reading.begin(None) as conn:
        for statement in sent:
            check_cheap(conn, statement, READ * BLOCKS_MAX)


def test_numbering_and_forgetting_touch_what_they_change(full: Database) -> None:
    engine = background_engine(full.url)
    run(full, "UPDATE commits SET commit_time = now() - interval '9 days' WHERE position <= 50")
    try:
        for work in (_number, _forget):
            with engine.begin() as conn:
                sent = statements_of(engine, partial(work, conn))
                conn.rollback()
            with engine.begin() as conn:
                for statement in sent:
                    check_cheap(conn, statement, MADE * BLOCKS_MAX)
                conn.rollback()
    finally:
        engine.dispose()


def _number(conn: Connection) -> None:
    assert assign_positions(conn, MADE) == MADE


def _forget(conn: Connection) -> None:
    assert forget_commits(conn, timedelta(days=7), MADE) == MADE
