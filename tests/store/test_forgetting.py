"""What is older than what is kept goes from the low end of the stream, and nobody misses it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from inventory_grpc.domain.changes import Cursor, ForgottenError
from inventory_grpc.server.pruning import prune_all
from inventory_grpc.store.background import background_engine
from inventory_grpc.store.changes import (
    commit_forgotten,
    commit_known,
    head,
    oldest,
    position_of,
    read_changes,
)
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.pruning import ROWS_MAX, forget_commits
from tests.concurrency.harness import query, run, value
from tests.conftest import Database
from tests.store.stream import new_product, sequence_all, writers

KEPT = timedelta(days=7)
IDS = "SELECT commit_id::text FROM commits WHERE position > 0 ORDER BY position"


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    engine = background_engine(database.url)
    yield engine
    engine.dispose()


@pytest.fixture
def reading(database: Database) -> Iterator[ReadDatabase]:
    with closing(ReadDatabase(database.url, pool_size=1, statement_timeout_ms=30_000)) as each:
        yield each


def commits(database: Database, *days_old: int) -> list[str]:
    """Changes of one product, so many days ago each; ids of their commits, by position."""
    product = new_product(database)
    with writers(database, 1) as (writer,):
        for _ in days_old:
            writer.change(product)
            writer.commit()
    sequence_all(database)
    for position, days in enumerate(days_old, start=1):
        run(
            database,
            f"UPDATE commits SET commit_time = now() - interval '{days} days'"  # noqa: S608
            f" WHERE position = {position}",
        )
    rows = query(database, IDS)
    return [commit_id for (commit_id,) in rows]


def kept(database: Database) -> list[int]:
    sql = "SELECT position FROM commits WHERE position > 0 ORDER BY position"
    return [position for (position,) in query(database, sql)]


def test_only_what_is_older_goes_and_the_history_stays(
    database: Database, engine: Engine, reading: ReadDatabase
) -> None:
    ids = commits(database, 9, 8, 6, 0)
    with reading.begin(None) as conn:
        assert oldest(conn) == 0

    assert prune_all(engine, KEPT, forget_commits) == 2

    assert kept(database) == [3, 4]
    assert value(database, "SELECT count(*) FROM product_events") == 4
    with reading.begin(None) as conn:
        assert (oldest(conn), head(conn)) == (3, 4)
        assert [position_of(conn, each) for each in ids] == [None, None, 3, 4]
        assert [commit_forgotten(conn, each) for each in ids] == [True, True, False, False]
        assert all(commit_known(conn, each) for each in ids)
        later = ids[-1][:-1] + ("0" if ids[-1][-1] != "0" else "1")
        assert not commit_known(conn, later)
        assert not commit_forgotten(conn, later)


def test_whoever_resumes_where_something_is_missing_is_told_so(
    database: Database, engine: Engine, reading: ReadDatabase
) -> None:
    commits(database, 9, 8, 6, 0)
    prune_all(engine, KEPT, forget_commits)
    with reading.begin(None) as conn:
        for cursor in (Cursor(0), Cursor(1), Cursor(1, 2), Cursor(2, 0)):
            with pytest.raises(ForgottenError) as forgotten:
                read_changes(conn, cursor, 10)
            assert forgotten.value.oldest == 3
        changes, behind = read_changes(conn, Cursor(2), 10)
    assert [change.version for change in changes] == [3, 4]
    assert behind == Cursor(4)


def test_it_is_told_too_when_nothing_at_all_is_left(
    database: Database, engine: Engine, reading: ReadDatabase
) -> None:
    commits(database, 9, 8)
    assert prune_all(engine, KEPT, forget_commits) == 2
    with reading.begin(None) as conn:
        assert (oldest(conn), head(conn)) == (3, 2)
        assert read_changes(conn, Cursor(2), 10) == ([], Cursor(2))
        with pytest.raises(ForgottenError):
            read_changes(conn, Cursor(1), 10)


def test_what_is_kept_has_no_holes(database: Database, engine: Engine) -> None:
    """A commit that got its position late may be older than those before it."""
    commits(database, 9, 6, 9, 9)
    assert prune_all(engine, KEPT, forget_commits) == 1
    assert kept(database) == [2, 3, 4]


def test_what_has_no_position_yet_or_never_gets_one_stays(
    database: Database, engine: Engine
) -> None:
    run(
        database,
        "INSERT INTO commits (commit_id, commit_seq, position, commit_time)"
        " SELECT gen_random_uuid(), i, nullif(i, 1) * 0, now() - interval '1 year'"
        " FROM generate_series(1, 2) i",
    )
    before = value(database, "SELECT count(*) FROM commits")
    assert prune_all(engine, KEPT, forget_commits) == 0
    assert value(database, "SELECT count(*) FROM commits") == before


def test_several_at_once_forget_each_commit_once_in_bounded_steps(database: Database) -> None:
    total = 3 * ROWS_MAX + 500
    run(
        database,
        "INSERT INTO commits (commit_id, commit_seq, position, commit_time)"  # noqa: S608
        f" SELECT gen_random_uuid(), i, i, now() - interval '8 days'"
        f" FROM generate_series(1, {total}) i;"
        f" UPDATE stream_head SET position = {total}",
    )

    def forget(_number: int) -> int:
        engine = background_engine(database.url)
        try:
            with engine.begin() as conn:
                step = forget_commits(conn, KEPT)
            assert step <= ROWS_MAX
            return step + prune_all(engine, KEPT, forget_commits)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(forget, range(4))) == total
    assert kept(database) == []
    assert value(database, "SELECT pruned_position FROM stream_head") == total
