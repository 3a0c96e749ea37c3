"""What a sweeper asks of the database: the lease, and what is due."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from inventory_grpc.store.background import background_engine
from inventory_grpc.store.leases import give_back, take
from inventory_grpc.store.sweeping import due_holds
from tests.concurrency.harness import query, run, value
from tests.conftest import Database

_A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    engine = background_engine(database.url)
    yield engine
    engine.dispose()


def test_a_lease_has_one_holder_until_it_ends_or_is_given_back(
    engine: Engine, database: Database
) -> None:
    one, two = str(uuid.uuid4()), str(uuid.uuid4())

    def takes(holder: str, length: timedelta = _A_MINUTE, task: str = "sweep") -> bool:
        with engine.begin() as conn:
            return take(conn, task, holder, length)

    def gives_back(holder: str) -> None:
        with engine.begin() as conn:
            give_back(conn, "sweep", holder)

    assert [takes(one), takes(two), takes(one)] == [True, False, True]
    assert takes(two, task="another")
    gives_back(two)
    assert not takes(two)
    gives_back(one)
    assert [takes(two), takes(one)] == [True, False]
    # A holder that nobody hears of any more is followed when its time is over.
    assert takes(two, timedelta(0))
    assert [takes(one), takes(two)] == [True, False]
    assert value(database, "SELECT count(*) FROM leases") == 2


def test_looking_finds_the_longest_due_first_and_no_more_than_asked(
    database: Database, engine: Engine
) -> None:
    _holds(database, 5, "- interval '1 second' * i")
    _holds(database, 5, "+ interval '1 hour'", first=6)
    _holds(database, 5, "- interval '1 hour'", first=11, status=4)
    due = query(database, "SELECT md5(i::text)::uuid::text FROM generate_series(5, 1, -1) i")
    with engine.begin() as conn:
        assert due_holds(conn, 500) == [hold_id for (hold_id,) in due]
        assert due_holds(conn, 2) == [hold_id for (hold_id,) in due[:2]]


def test_looking_costs_what_is_due_and_not_what_is_active(
    database: Database, engine: Engine
) -> None:
    _holds(database, 20_000, "+ interval '1 hour'")
    sent: list[str] = []

    def note(_conn: object, cursor: Any, statement: str, parameters: object, *_: object) -> None:
        sent.append(cursor.mogrify(statement, parameters).decode())

    event.listen(engine, "before_cursor_execute", note)
    with engine.begin() as conn:
        assert due_holds(conn, 500) == []
    [statement] = sent
    plan = value(database, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 10


def _holds(database: Database, count: int, end: str, *, first: int = 1, status: int = 1) -> None:
    """Rows alone, numbered from ``first``; they end at now ``end``."""
    run(
        database,
        f"""
        INSERT INTO holds (hold_id, status, caller, owner_reference, expire_time, counted_units,
                           version, create_time, update_time, commit_id)
        SELECT md5(i::text)::uuid, {status}, 'c', '', now() {end}, 1, 1, now(), now(),
               md5('c')::uuid
          FROM generate_series({first}, {first + count - 1}) i
        """,  # noqa: S608 - of this file
    )
