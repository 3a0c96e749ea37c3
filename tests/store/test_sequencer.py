"""Positions are given after commit: nothing is skipped, repeated, or told in the wrong order."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from random import Random

import pytest

from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.sequencer import assign_positions
from tests.concurrency.harness import query, run, seeded, value
from tests.conftest import Database
from tests.store.stream import (
    BY_NUMBER,
    BY_OLDEST_XID,
    Event,
    Follower,
    Planted,
    Writer,
    new_product,
    out_of_order,
    sequence,
    sequence_all,
    sequencer,
    writers,
)

WRITERS = 8
SLOW = 3
CHANGES = 40
PRODUCTS = 3


@pytest.fixture
def follower(database: Database) -> Iterator[Follower]:
    reading = ReadDatabase(database.url, pool_size=1, statement_timeout_ms=30_000)
    yield Follower(reading)
    reading.close()


def positions(database: Database) -> list[int]:
    rows = query(database, "SELECT position FROM commits WHERE position > 0 ORDER BY position")
    return [position for (position,) in rows]


def test_a_commit_that_took_its_number_early_and_comes_late_is_not_missed(
    database: Database, follower: Follower
) -> None:
    slow, fast = new_product(database), new_product(database)
    planted = Planted(database, BY_NUMBER)
    with writers(database, 2) as (early, other):
        first = early.change(slow)
        second = other.change(fast)
        other.commit()
        sequence_all(database)
        assert follower.read() == planted.read() == [second]
        early.commit()
        sequence_all(database)

    assert follower.read() == [first]
    assert planted.read() == [], "a reader by number would have missed it, too"
    assert positions(database) == [1, 2]


def test_a_transaction_that_began_first_and_changed_last_is_told_last(
    database: Database, follower: Follower
) -> None:
    product = new_product(database)
    planted = Planted(database, BY_OLDEST_XID)
    with writers(database, 2) as (early, other):
        early.begin_early()
        first = other.change(product)
        other.commit()
        second = early.change(product)
        early.commit()
        sequence_all(database)

    assert follower.read() == [first, second]
    assert planted.read() == [second, first], "xids would have told it the other way round"


def test_nobody_waits_for_a_transaction_that_stays_open(
    database: Database, follower: Follower
) -> None:
    product = new_product(database)
    planted = Planted(database, BY_OLDEST_XID)
    with writers(database, 2) as (idle, other):
        idle.begin_early()
        event = other.change(product)
        other.commit()
        sequence_all(database)

        assert follower.read() == [event]
        assert planted.read() == [], "a reader behind the oldest xid would have waited"


def test_two_that_meet_give_every_commit_one_position(database: Database) -> None:
    """The second one waits for the first, and then sees what it has done."""
    product = new_product(database)
    with writers(database, 1) as (writer,):
        for _ in range(5):
            writer.change(product)
            writer.commit()
    with sequencer(database) as one, sequencer(database) as two, ThreadPoolExecutor(1) as threads:
        with one.begin() as conn:
            assert assign_positions(conn, 3) == 3
            waiting = threads.submit(sequence, two)
            _wait_for_a_blocked_session(database)
        assert waiting.result(30) == 2

    assert positions(database) == [1, 2, 3, 4, 5]
    assert value(database, "SELECT position FROM stream_head") == 5


def _wait_for_a_blocked_session(database: Database) -> None:
    blocked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not value(database, blocked):
        pass


def test_nothing_is_locked_when_nothing_waits(database: Database) -> None:
    with closing(database.connect()) as other, other.cursor() as cursor:
        cursor.execute("SELECT 1 FROM stream_head FOR UPDATE")
        assert sequence_all(database) == 0


def test_a_step_is_bounded_and_the_next_one_goes_on(database: Database, follower: Follower) -> None:
    product = new_product(database)
    with writers(database, 1) as (writer,), sequencer(database) as engine:
        for _ in range(5):
            writer.change(product)
            writer.commit()
        assert [sequence(engine, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert [version for _, version in follower.read()] == [1, 2, 3, 4, 5]


def test_what_was_there_before_the_stream_is_not_in_it(
    database: Database, follower: Follower
) -> None:
    run(
        database,
        "INSERT INTO commits (commit_id, commit_seq, position)"
        " SELECT gen_random_uuid(), nextval('commit_seq'), 0 FROM generate_series(1, 3)",
    )
    assert sequence_all(database) == 0
    assert follower.read() == []


@dataclass
class Clock:
    """Counts commits, so that a transaction can stay open while others come and go."""

    commits: int = 0
    ended: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def tick(self) -> None:
        with self.changed:
            self.commits += 1
            self.changed.notify_all()

    def wait(self, further: int) -> None:
        with self.changed:
            until = self.commits + further
            self.changed.wait_for(lambda: self.ended or self.commits >= until, 30)

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()


def _write(writer: Writer, products: list[str], clock: Clock, chance: Random) -> None:
    """What everybody changes, as fast as it goes."""
    for _ in range(CHANGES):
        writer.change(chance.choice(products))
        writer.commit()
        clock.tick()


def _write_slowly(
    writer: Writer, products: list[str], own: str, clock: Clock, chance: Random
) -> None:
    """Early begun, or early numbered, and committed late."""
    for _ in range(CHANGES):
        if chance.random() < 0.5:
            writer.begin_early()
            clock.wait(chance.randrange(10))
            writer.change(chance.choice(products))
        else:
            writer.change(own)
            clock.wait(chance.randrange(20))
        writer.commit()


def _sequence_until(database: Database, done: threading.Event, chance: Random) -> None:
    with sequencer(database) as engine:
        while True:
            is_last = done.is_set()
            given = sequence(engine, chance.choice([1, 2, 5, 1_000]))
            if is_last and not given:
                return


def _follow_until(follower: Follower, done: threading.Event, chance: Random) -> None:
    while True:
        is_last = done.is_set()
        if not follower.read(chance.choice([1, 3, 100])) and is_last:
            return


def test_two_sequencers_among_many_writers_agree_with_the_order_of_conflicts(
    database: Database, follower: Follower
) -> None:
    chance = seeded()
    products = [new_product(database) for _ in range(PRODUCTS)]
    clock, written, sequenced = Clock(), threading.Event(), threading.Event()
    with writers(database, WRITERS) as pens, ThreadPoolExecutor(WRITERS + 3) as threads:
        slow = [
            threads.submit(
                _write_slowly, pen, products, new_product(database), clock, _another(chance)
            )
            for pen in pens[:SLOW]
        ]
        fast = [
            threads.submit(_write, pen, products, clock, _another(chance)) for pen in pens[SLOW:]
        ]
        giving = [
            threads.submit(_sequence_until, database, written, _another(chance)) for _ in range(2)
        ]
        reading = threads.submit(_follow_until, follower, sequenced, _another(chance))
        _join(fast)
        clock.end()
        _join(slow)
        written.set()
        _join(giving)
        sequenced.set()
        reading.result(60)

    _check_stream(database, follower.seen)


def _another(chance: Random) -> Random:
    return Random(chance.random())  # noqa: S311 - repeatable on purpose


def _join(running: list[Future[None]]) -> None:
    for each in running:
        each.result(60)


def _check_stream(database: Database, seen: list[Event]) -> None:
    total = WRITERS * CHANGES
    assert positions(database) == list(range(1, total + 1))
    assert value(database, "SELECT position FROM stream_head") == total
    assert value(database, "SELECT count(*) FROM commits WHERE position IS NULL") == 0
    stored = query(database, "SELECT product_id::text, product_version FROM product_events")
    assert sorted(seen) == sorted(stored)
    assert len(seen) == total
    assert out_of_order(seen) == []
