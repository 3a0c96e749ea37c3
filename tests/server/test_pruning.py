"""Old stored answers go, a thousand at a time; young ones stay."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from inventory_grpc.server.pruning import prune_all
from inventory_grpc.store.background import background_engine
from inventory_grpc.store.pruning import ROWS_MAX, prune_answers
from tests.conftest import Database

_KEPT = timedelta(hours=24)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    engine = background_engine(database.url)
    yield engine
    engine.dispose()


def test_only_answers_older_than_the_limit_go(database: Database, engine: Engine) -> None:
    _store(database, 3, "25 hours")
    _store(database, 2, "23 hours")
    assert prune_all(engine, _KEPT) == 3
    assert _stored(database) == 2


def test_one_transaction_deletes_a_thousand_at_most_the_oldest_first(
    database: Database, engine: Engine
) -> None:
    _store(database, ROWS_MAX, "30 hours")
    _store(database, 500, "25 hours")
    with engine.begin() as conn:
        assert prune_answers(conn, _KEPT) == ROWS_MAX
    assert prune_all(engine, timedelta(hours=26)) == 0
    assert prune_all(engine, _KEPT) == 500


def test_several_pruners_do_not_disturb_each_other(database: Database) -> None:
    _store(database, 3_500, "25 hours")

    def prune(_number: int) -> int:
        engine = background_engine(database.url)
        try:
            return prune_all(engine, _KEPT)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(prune, range(4))) == 3_500
    assert _stored(database) == 0


def _store(database: Database, count: int, age: str) -> None:
    caller = uuid.uuid4().hex
    with database.connect() as conn, conn.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stored_answers SELECT %s, gen_random_uuid(), '', 0, '', "
            "now() - %s::interval FROM generate_series(1, %s)",
            (caller, age, count),
        )
    conn.close()


def _stored(database: Database) -> int:
    with database.connect() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM stored_answers")
        row = cursor.fetchone()
    conn.close()
    assert row is not None
    return int(row[0])
