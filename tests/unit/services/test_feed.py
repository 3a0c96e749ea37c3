"""One stream among others: it begins in the database, joins the feed, and may not stay behind."""

import asyncio
import gc
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inventory_grpc.domain.change_filter import ChangeFilter
from inventory_grpc.domain.changes import Cause, Change, ChangeKind, Cursor
from inventory_grpc.domain.errors import DatabaseUnavailable
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.services.changes import Step, Stream
from inventory_grpc.services.feed import Entry, Feed, Reader

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_LEVEL = StockLevel("p", "MUG", "default")
ALL = ChangeFilter()
_CAUSE = Cause("", "", "r", "anonymous")


def change(position: int, index: int) -> Change:
    cursor = Cursor(position, index)
    kind = ChangeKind.STOCK_LEVEL
    return Change(cursor, f"{position}/{index}", kind, _LEVEL, 1, None, _CAUSE, _NOW)


class Database:
    """Commits of two changes each; a read shows so many of them at most."""

    def __init__(self, commits: int = 0, commits_max: int = 2) -> None:
        self.commits = commits
        self._commits_max = commits_max

    def between(self, after: Cursor, last: int) -> list[Change]:
        changes = (change(p, i) for p in range(after.position, last + 1) for i in (0, 2))
        place = after.position, after.index
        return [each for each in changes if (each.cursor.position, each.cursor.index) > place]

    async def read(self, after: Cursor) -> Step:
        last = min(after.position + self._commits_max, self.commits)
        return Step(self.between(after, last), Cursor(last), last < self.commits)

    def publish(self, feed: Feed, commits: int) -> None:
        """So many more are committed, and the feed hears of them together."""
        assert feed.end is not None
        self.commits += commits
        feed.publish(self.between(feed.end, self.commits), Cursor(self.commits))


def taken(stream: Stream) -> list[str]:
    return [entry.change.event_id for entry in stream.take()]


def told(first: int, last: int) -> list[str]:
    return [f"{position}/{index}" for position in range(first, last + 1) for index in (0, 2)]


@pytest.mark.parametrize("meanwhile", range(6))
async def test_a_stream_joins_the_feed_without_a_gap_or_a_repetition(meanwhile: int) -> None:
    """Whenever commits come to the feed while it still reads from the database."""
    database, feed = Database(7), Feed(100)
    reader = feed.enter(ALL)
    feed.publish([], Cursor(7))
    stream = Stream(feed, reader, Cursor(0), database.read)
    seen: list[str] = []
    for step in range(8):
        if step == meanwhile:
            database.publish(feed, 3)
        if step == 7:
            database.publish(feed, 1)
        reader.wake()
        await stream.changed()
        seen += taken(stream)
    assert seen == told(1, 11)


async def test_a_stream_resumes_in_the_middle_of_a_commit() -> None:
    database, feed = Database(3), Feed(100)
    reader = feed.enter(ALL)
    feed.publish([], Cursor(3))
    stream = Stream(feed, reader, Cursor(2, 0), database.read)
    await stream.changed()
    assert taken(stream) == ["2/2", *told(3, 3)]


async def test_one_that_stays_behind_is_cut_and_the_others_go_on() -> None:
    database, feed = Database(), Feed(5)
    slow, quick = feed.enter(ALL), feed.enter(ALL)
    feed.publish([], Cursor(0))
    streams = [Stream(feed, each, Cursor(0), database.read) for each in (slow, quick)]
    for stream in streams:
        await stream.changed()
    cut = asyncio.create_task(_until_cut(slow))
    await asyncio.sleep(0)
    seen: list[str] = []
    for _ in range(5):
        # Six at once are more than one may be behind, but whoever takes them in time is not.
        database.publish(feed, 3)
        await streams[1].changed()
        seen += taken(streams[1])
    assert seen == told(1, 15)
    await cut


async def _until_cut(reader: Reader) -> None:
    limit = asyncio.timeout(None)
    with pytest.raises(TimeoutError):
        await _wait_within(limit, reader)


async def _wait_within(limit: asyncio.Timeout, reader: Reader) -> None:
    async with limit:
        reader.limit_by(limit)
        await asyncio.Event().wait()


async def test_what_all_have_taken_is_gone() -> None:
    database, feed = Database(), Feed(100)
    reader = feed.enter(ALL)
    feed.publish([], Cursor(0))
    stream = Stream(feed, reader, Cursor(0), database.read)
    await stream.changed()
    for _ in range(3):
        database.publish(feed, 2)
    assert _entries() == 12
    taken(stream)
    assert _entries() == 0


def _entries() -> int:
    gc.collect()
    return sum(isinstance(each, Entry) for each in gc.get_objects())


_FILTERS = {
    "all": ALL,
    "its product": ChangeFilter(product_ids=frozenset({"p", "q"})),
    "its product, there": ChangeFilter(
        product_ids=frozenset({"p"}), location_ids=frozenset({"default"})
    ),
    "its location": ChangeFilter(location_ids=frozenset({"default"})),
    "its order": ChangeFilter(order_ids=frozenset({"o"})),
    "its hold": ChangeFilter(hold_ids=frozenset({"h", "i"})),
    "its kind": ChangeFilter(kinds=frozenset({ChangeKind.STOCK_LEVEL})),
    "another kind": ChangeFilter(kinds=frozenset({ChangeKind.ORDER})),
    "another product": ChangeFilter(product_ids=frozenset({"q"})),
    "its product, elsewhere": ChangeFilter(
        product_ids=frozenset({"p"}), location_ids=frozenset({"store"})
    ),
    "another order": ChangeFilter(order_ids=frozenset({"p"})),
    "its hold, another product": ChangeFilter(
        hold_ids=frozenset({"h"}), product_ids=frozenset({"q"})
    ),
}


async def test_only_those_are_told_that_want_it() -> None:
    feed = Feed(100)
    readers = {name: feed.enter(wanted) for name, wanted in _FILTERS.items()}
    for reader in readers.values():
        reader.follow()
    caused = replace(change(1, 0), cause=Cause("o", "h", "r", "anonymous"))
    feed.publish([caused], Cursor(1))
    told_of = {name for name, reader in readers.items() if reader.lag}
    assert told_of == {"all"} | {name for name in _FILTERS if name.startswith("its")} - {
        "its product, elsewhere",
        "its hold, another product",
    }
    for reader in readers.values():
        feed.leave(reader)
    feed.publish([caused], Cursor(2))
    assert sum(reader.lag for reader in readers.values()) == len(told_of)


async def test_one_that_is_told_nothing_moves_along() -> None:
    database, feed = Database(), Feed(1)
    reader = feed.enter(_FILTERS["another product"])
    feed.publish([], Cursor(0))
    stream = Stream(feed, reader, Cursor(0), database.read)
    await stream.changed()
    for _ in range(3):
        database.publish(feed, 2)
    reader.wake()
    await stream.changed()
    assert (taken(stream), stream.cursor) == ([], Cursor(6))


async def test_one_that_was_cut_does_not_pass_over_what_it_missed() -> None:
    database, feed = Database(), Feed(1)
    reader = feed.enter(ALL)
    feed.publish([], Cursor(0))
    stream = Stream(feed, reader, Cursor(0), database.read)
    await stream.changed()
    async with asyncio.timeout(None) as limit:
        reader.limit_by(limit)
        for _ in range(3):
            database.publish(feed, 1)
        assert limit.when() is not None, "it was cut"
        limit.reschedule(None)
        await asyncio.sleep(0)
    assert (taken(stream), stream.cursor) == ([], Cursor(0))


async def test_what_comes_while_the_database_is_read_is_kept() -> None:
    database, feed = Database(1), Feed(100)
    reader = feed.enter(ALL)
    feed.publish([], Cursor(1))

    async def read(after: Cursor) -> Step:
        step = await database.read(after)
        database.publish(feed, 2)
        return step

    stream = Stream(feed, reader, Cursor(0), read)
    await stream.changed()
    assert taken(stream) == told(1, 3)


async def test_nobody_waits_for_a_database_that_is_away() -> None:
    feed = Feed(100)
    feed.enter(ALL)
    asking = [asyncio.create_task(feed.refresh()) for _ in range(2)]
    assert await feed.wanted(10)
    feed.begin_pass()
    feed.fail_pass()
    for each in asking:
        with pytest.raises(DatabaseUnavailable):
            await each


async def test_who_asks_while_the_database_is_looked_at_waits_for_the_next_look() -> None:
    feed = Feed(100)
    feed.enter(ALL)
    first = asyncio.create_task(feed.refresh())
    assert await feed.wanted(10)
    feed.begin_pass()
    second = asyncio.create_task(feed.refresh())
    assert await feed.wanted(10)
    feed.end_pass(complete=True)
    await first
    assert not second.done()
    feed.begin_pass()
    feed.end_pass(complete=False)
    feed.begin_pass()
    feed.end_pass(complete=True)
    await second
