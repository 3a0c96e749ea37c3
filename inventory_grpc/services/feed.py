"""The feed: what is committed, handed to the streams of this process that want it.

A change is kept once, however many streams have not taken it yet, and only those hear of it whose
filter lets it through: an index of the ids they ask for finds them, so that one that is asked for
nothing costs nothing. How far a stream may fall behind is bounded; one that stays further behind is
cut off, and never holds up another.

Belongs to one event loop.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

from inventory_grpc.domain.change_filter import ChangeFilter, Topics
from inventory_grpc.domain.changes import Change, Cursor
from inventory_grpc.domain.errors import DatabaseUnavailable, DomainError


class Entry:
    """A change, and its message once some stream had to send it."""

    __slots__ = ("change", "message")

    def __init__(self, change: Change) -> None:
        self.change = change
        self.message = b""


class Reader:
    """One stream's place in the feed."""

    def __init__(self, feed: "Feed", wanted: ChangeFilter) -> None:
        self.wanted = wanted
        self._feed = feed
        self._queue: deque[Entry] = deque()
        self._pass = 0
        self._changed = asyncio.Event()
        self._error: DomainError | None = None
        self._limit: asyncio.Timeout | None = None
        self._is_cut = False

    @property
    def lag(self) -> int:
        """Changes that wait for it."""
        return len(self._queue)

    def follow(self) -> None:
        """Keep what it wants of what comes from now on."""
        self._feed.index(self)

    def unfollow(self) -> None:
        """Keep nothing: it has to read from the database again."""
        self._feed.unindex(self)
        self._queue.clear()

    def limit_by(self, limit: asyncio.Timeout) -> None:
        """What to let expire when it is cut off, also in the middle of a message."""
        self._limit = limit

    def put(self, entry: Entry, number: int) -> None:
        """One more change, of that pass. Whoever has stayed too far behind until now is cut."""
        if self._pass != number:
            self._pass = number
            if len(self._queue) > self._feed.lag_max:
                self.cut()
        if not self._is_cut:
            self._queue.append(entry)
            self._changed.set()

    def take(self, cursor: Cursor) -> Iterator[tuple[Entry | None, Cursor]]:
        """What has come behind ``cursor``, and how far one then is; None = only that."""
        while self._queue and not self._is_cut:
            entry = self._queue.popleft()
            if is_after(entry.change.cursor, cursor):
                yield entry, entry.change.cursor
        end = self._feed.end
        if end is not None and not self._is_cut and is_after(end, cursor):
            yield None, end

    async def changed(self) -> None:
        """Wait until something has come, or it was woken. Raises what it was stopped with."""
        if self._error is None and not self._queue:
            await self._changed.wait()
        self._changed.clear()
        if self._error is not None:
            raise self._error

    def wake(self) -> None:
        """Have it look around."""
        self._changed.set()

    def stop(self, error: DomainError) -> None:
        """End it with ``error``."""
        self._error = error
        self.wake()

    def cut(self) -> None:
        """End it at once, wherever it is. What has not come to it is given up."""
        if self._limit is not None and not self._is_cut:
            self._is_cut = True
            self._limit.reschedule(asyncio.get_running_loop().time())


class Feed:
    """What all streams of this process follow."""

    def __init__(self, lag_max: int) -> None:
        self.lag_max = lag_max
        """Changes that a stream may be behind when more come."""
        self._readers: set[Reader] = set()
        self._of_any: set[Reader] = set()
        self._by_id: dict[str, set[Reader]] = {}
        self._passes = 0
        self._wanted = asyncio.Event()
        self._asked: asyncio.Future[None] | None = None
        self._asked_of_pass: asyncio.Future[None] | None = None
        self.end: Cursor | None = None
        """Everything up to it has been handed out; None while nobody follows."""
        self.draining = False

    @property
    def is_followed(self) -> bool:
        """Whether somebody wants to know what is committed."""
        return bool(self._readers)

    @property
    def longest_lag(self) -> int:
        """Changes that wait for the stream that is furthest behind. Safe for any thread."""
        return max((reader.lag for reader in list(self._readers)), default=0)

    def enter(self, wanted: ChangeFilter) -> Reader:
        """One more stream, which has to ``leave``."""
        reader = Reader(self, wanted)
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """That stream has ended."""
        self._readers.discard(reader)
        self.unindex(reader)
        if not self._readers:
            self.end = None

    def index(self, reader: Reader) -> None:
        """Hand it what it wants of what comes from now on."""
        if not reader.wanted.ids:
            self._of_any.add(reader)
        for wanted in reader.wanted.ids:
            self._by_id.setdefault(wanted, set()).add(reader)

    def unindex(self, reader: Reader) -> None:
        """Hand it nothing; again is harmless."""
        self._of_any.discard(reader)
        for wanted in reader.wanted.ids:
            readers = self._by_id.get(wanted)
            if readers is not None:
                readers.discard(reader)
                if not readers:
                    del self._by_id[wanted]

    async def refresh(self) -> None:
        """Wait until everything that is committed by now has come. Raises DatabaseUnavailable."""
        if self._asked is None:
            self._asked = asyncio.get_running_loop().create_future()
        self._wanted.set()
        # Shared with others, who still wait when this one is cancelled.
        await asyncio.shield(self._asked)

    def drain(self) -> None:
        """Have every stream end, now and from now on."""
        self.draining = True
        for reader in self._readers:
            reader.wake()

    # -- for the one who follows the database --------------------------------------------------

    def committed(self) -> None:
        """Something was committed by this process."""
        if self._readers:
            self._wanted.set()

    async def wanted(self, seconds_max: float) -> bool:
        """Wait until it is worth looking at once, but not longer; whether it is."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._wanted.wait()
        except TimeoutError:
            return False
        return True

    def begin_pass(self) -> None:
        """The database is looked at: who asks from now on has to wait for the next time."""
        self._wanted.clear()
        if self._asked_of_pass is None:
            self._asked_of_pass, self._asked = self._asked, None

    def end_pass(self, *, complete: bool) -> None:
        """Everything that was committed when it began has come; if not, the next one goes on."""
        if complete and self._asked_of_pass is not None:
            self._asked_of_pass.set_result(None)
            self._asked_of_pass = None

    def fail_pass(self) -> None:
        """The database did not answer; the streams wait."""
        for asked in (self._asked_of_pass, self._asked):
            if asked is not None:
                asked.set_exception(DatabaseUnavailable())
                # Who asked may have gone.
                asked.exception()
        self._asked = self._asked_of_pass = None

    def publish(self, changes: Sequence[Change], cursor: Cursor) -> None:
        """Hand out what has come, up to ``cursor``. Streams that have stayed too far behind until
        now are cut."""
        self._passes += 1
        self.end = cursor
        if not self._of_any and not self._by_id:
            return
        for change in changes:
            self._hand_out(change)

    def _hand_out(self, change: Change) -> None:
        topics, entry = Topics.of(change), Entry(change)
        found = self._of_any
        for each in topics.ids:
            if each in self._by_id:
                found = found | self._by_id[each]
        for reader in found:
            if reader.wanted.lets_through(topics):
                reader.put(entry, self._passes)

    def restart(self) -> None:
        """What it followed is no longer what the database has, so that every stream has to begin
        anew: its token tells whether it can."""
        self.end = None
        for reader in self._readers:
            reader.stop(DatabaseUnavailable())


def is_after(one: Cursor, other: Cursor) -> bool:
    """Whether ``one`` is further on."""
    return (one.position, one.index) > (other.position, other.index)
