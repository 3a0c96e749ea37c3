"""The feed: what was committed of late, in memory, for every stream of this process at once.

Changes come in batches, a chain in which each batch knows the next one. A stream holds on to the
batch it has come to, and the feed to the last one only: what every stream has passed is gone, and
what one has not passed is there once, however many they are. How far a stream may fall behind is
bounded; one that stays further behind is cut off, and never holds up another.

Belongs to one event loop.
"""

import asyncio
from collections.abc import Iterator, Sequence

from inventory_grpc.domain.changes import Change, Cursor
from inventory_grpc.domain.errors import DatabaseUnavailable, DomainError


class Entry:
    """A change, and its message once some stream had to send it."""

    __slots__ = ("change", "message")

    def __init__(self, change: Change) -> None:
        self.change = change
        self.message = b""


class Batch:
    """Changes that became known together. Everything up to ``cursor`` is in it or before it."""

    __slots__ = ("cursor", "entries", "next", "total")

    def __init__(self, entries: Sequence[Entry], cursor: Cursor, total: int) -> None:
        self.entries = entries
        self.cursor = cursor
        self.total = total
        """Changes of the feed up to its end."""
        self.next: Batch | None = None


class Reader:
    """One stream's place in the feed."""

    def __init__(self, feed: "Feed") -> None:
        self._feed = feed
        self._batch: Batch | None = None
        self._passed = 0
        self._changed = asyncio.Event()
        self._error: DomainError | None = None
        self._limit: asyncio.Timeout | None = None
        self._is_cut = False

    @property
    def lag(self) -> int:
        """Changes of the feed that it has not passed yet."""
        last = self._feed.last
        return 0 if self._batch is None or last is None else last.total - self._passed

    def follow(self, batch: Batch) -> None:
        """Take what comes behind that batch."""
        self._batch, self._passed = batch, batch.total

    def limit_by(self, limit: asyncio.Timeout) -> None:
        """What to let expire when it is cut off, also in the middle of a message."""
        self._limit = limit

    def take(self, cursor: Cursor) -> Iterator[tuple[Entry | None, Cursor]]:
        """What has come behind ``cursor``, and how far one then is; None = only that."""
        assert self._batch is not None, "it follows no batch yet"
        while (batch := self._batch.next) is not None:
            for entry in batch.entries:
                self._passed += 1
                if is_after(entry.change.cursor, cursor):
                    yield entry, entry.change.cursor
            self._batch, self._passed = batch, batch.total
            if is_after(batch.cursor, cursor):
                yield None, batch.cursor

    async def changed(self) -> None:
        """Wait until something has come, or it was woken. Raises what it was stopped with."""
        if self._error is not None:
            raise self._error
        if self._batch is not None and self._batch.next is not None:
            return
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
        """End it at once, wherever it is."""
        if self._limit is not None and not self._is_cut:
            self._is_cut = True
            self._limit.reschedule(asyncio.get_running_loop().time())


class Feed:
    """What all streams of this process follow."""

    def __init__(self, lag_max: int) -> None:
        self.lag_max = lag_max
        """Changes that a stream may be behind when more come."""
        self._readers: set[Reader] = set()
        self._wanted = asyncio.Event()
        self._asked: asyncio.Future[None] | None = None
        self._asked_of_pass: asyncio.Future[None] | None = None
        self.last: Batch | None = None
        """The latest batch; None while nobody follows."""
        self.draining = False

    @property
    def is_followed(self) -> bool:
        """Whether somebody wants to know what is committed."""
        return bool(self._readers)

    def enter(self) -> Reader:
        """One more stream, which has to ``leave``."""
        reader = Reader(self)
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """That stream has ended."""
        self._readers.discard(reader)
        if not self._readers:
            self.last = None

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
        """Hand out what has come. Streams that have stayed too far behind until now are cut."""
        last = self.last
        if last is not None and cursor == last.cursor:
            return
        for reader in self._readers:
            if reader.lag > self.lag_max:
                reader.cut()
        batch = Batch([Entry(change) for change in changes], cursor, len(changes))
        if last is not None:
            batch.total += last.total
            last.next = batch
        self.last = batch
        for reader in self._readers:
            reader.wake()

    def restart(self) -> None:
        """What it followed is no longer what the database has, so that every stream has to begin
        anew: its token tells whether it can."""
        self.last = None
        for reader in self._readers:
            reader.stop(DatabaseUnavailable())


def is_after(one: Cursor, other: Cursor) -> bool:
    """Whether ``one`` is further on."""
    return (one.position, one.index) > (other.position, other.index)
