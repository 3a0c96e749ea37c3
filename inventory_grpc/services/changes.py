"""Watching what is committed: from a resume token on, or from now."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Final, Self, TypeVar

from sqlalchemy import Connection

from inventory_grpc.domain.change_filter import ChangeFilter, Topics
from inventory_grpc.domain.changes import LAST, Change, Cursor, ForgottenError
from inventory_grpc.domain.errors import (
    DatabaseUnavailable,
    InvalidFields,
    ResumeTokenExpired,
    Violation,
)
from inventory_grpc.domain.record import record
from inventory_grpc.services.feed import Entry, Feed, Reader, is_after
from inventory_grpc.settings import Settings
from inventory_grpc.store.changes import (
    commit_forgotten,
    commit_known,
    head,
    oldest,
    position_of,
    read_changes,
)
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.identity import Identity, identity_of
from inventory_grpc.store.resume_tokens import CommitToken, StreamToken, seal, unseal

CATCH_UP_THREADS: Final = 2
"""Streams that read from the database at the same time; the others wait for their turn."""
COMMITS_MAX: Final = 100
"""Read in one step; each has the changes of as many lines as a transaction may touch."""
FIELD: Final = "resume_token"

T = TypeVar("T")


class StreamMovedError(Exception):
    """The database does not know what it once told: it is another one, or an older state of it."""


@record
class Step:
    """What comes next in the stream."""

    changes: Sequence[Change]
    cursor: Cursor
    """How far one is with them."""
    more: bool


class ChangeLog:
    """The stream as the database has it. Everything here blocks.

    Every call may raise DatabaseUnavailable and Overloaded.
    """

    def __init__(self, database: ReadDatabase) -> None:
        self._database = database
        self._identity: Identity | None = None

    @classmethod
    def start(cls, settings: Settings) -> Self:
        """Connects lazily. Never a replica: what is not there yet would look like a hole."""
        if settings.database_url is None:
            raise ValueError("database_url is not set")
        database = ReadDatabase(
            settings.database_url,
            pool_size=CATCH_UP_THREADS + 1,
            statement_timeout_ms=settings.statement_timeout_ms,
            pooler=settings.pooler,
        )
        return cls(database)

    def close(self) -> None:
        """Closes the connections that are idle."""
        self._database.close()

    def seal(self, cursor: Cursor) -> str:
        """The token to resume by from there on."""
        assert self._identity is not None, "the database was read before there was a cursor"
        return seal(self._identity, StreamToken(cursor.position, cursor.index))

    def end(self) -> Cursor:
        """The end of the stream as it is now."""
        with self._database.begin(None) as conn:
            self._identity = identity_of(conn)
            return Cursor(head(conn))

    def read(self, after: Cursor) -> Step:
        """What comes behind ``after``. Raises ResumeTokenExpired, StreamMovedError."""
        with self._database.begin(None) as conn:
            if identity_of(conn) != self._identity:
                raise StreamMovedError
            try:
                changes, cursor = read_changes(conn, after, COMMITS_MAX)
            except ForgottenError:
                raise self._expired(conn) from None
            if cursor == after and head(conn) < after.position:
                raise StreamMovedError
        return Step(changes, cursor, cursor.position - after.position >= COMMITS_MAX)

    def place_of(self, text: str) -> Cursor | None:
        """Where a token says to begin; None if its commit has no position yet.

        Raises InvalidFields and ResumeTokenExpired.
        """
        with self._database.begin(None) as conn:
            token = unseal(identity_of(conn), text, FIELD)
            if isinstance(token, CommitToken):
                place = self._commit_place(conn, token.commit_id)
            else:
                place = Cursor(token.position, token.index)
                if place.position > head(conn):
                    raise _unknown_place()
            if place is not None:
                # The stream itself would notice, but only when something comes.
                self._require_kept(conn, place)
        return place

    def _commit_place(self, conn: Connection, commit_id: str) -> Cursor | None:
        position = position_of(conn, commit_id)
        if position is not None:
            # With the commit itself: others have written in it, too, and perhaps the same resource
            # once more.
            return Cursor(max(position - 1, 0))
        if commit_forgotten(conn, commit_id):
            raise self._expired(conn)
        if not commit_known(conn, commit_id):
            raise _unknown_place()
        return None

    def _require_kept(self, conn: Connection, after: Cursor) -> None:
        first = after.position + 1 if after.index == LAST else after.position
        if first < oldest(conn):
            raise self._expired(conn)

    def _expired(self, conn: Connection) -> ResumeTokenExpired:
        return ResumeTokenExpired(self.seal(Cursor(max(oldest(conn) - 1, 0))))


class Changes:
    """What streams of changes need; one per process."""

    def __init__(self, feed: Feed, log: ChangeLog, threads: Executor) -> None:
        self._feed = feed
        self._log = log
        self._threads = threads

    @property
    def lag_max(self) -> int:
        """Changes that a stream may be behind."""
        return self._feed.lag_max

    def seal(self, cursor: Cursor) -> str:
        """The token to resume by from there on."""
        return self._log.seal(cursor)

    @asynccontextmanager
    async def watch(self, token: str, wanted: ChangeFilter) -> AsyncIterator["Stream"]:
        """The stream from a token on, or from now. Raises InvalidFields, ResumeTokenExpired."""
        reader = self._feed.enter(wanted)
        try:
            # Everything committed before the call has its position then, and comes before "now".
            await self._feed.refresh()
            place = await self._place(token)
            yield Stream(self._feed, reader, place, self._read)
        finally:
            self._feed.leave(reader)

    async def _place(self, token: str) -> Cursor:
        if not token:
            assert self._feed.end is not None, "it is followed"
            return self._feed.end
        while (place := await self._in_thread(lambda: self._log.place_of(token))) is None:
            await self._feed.refresh()
        return place

    async def _read(self, after: Cursor) -> Step:
        try:
            return await self._in_thread(lambda: self._log.read(after))
        except StreamMovedError:
            # Whoever comes again is told what becomes of its token.
            raise DatabaseUnavailable from None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._threads.submit(work))


class Stream:
    """One stream: first what the database has, then what the feed brings; no gap, no repetition."""

    def __init__(
        self,
        feed: Feed,
        reader: Reader,
        cursor: Cursor,
        read: Callable[[Cursor], Awaitable[Step]],
    ) -> None:
        self.cursor = cursor
        """Everything up to it has been taken."""
        self._feed = feed
        self.reader = reader
        self._read = read
        self._follows = False
        self._step: Step | None = None

    @property
    def is_ending(self) -> bool:
        """The server is about to stop."""
        return self._feed.draining

    async def changed(self) -> None:
        """Wait until there may be something to take, or something to do.

        Raises ResumeTokenExpired, DatabaseUnavailable.
        """
        if not self._follows:
            await self._catch_up()
        else:
            await self.reader.changed()

    async def _catch_up(self) -> None:
        end = self._feed.end
        if end is None:
            # The feed has begun anew while the database was read.
            raise DatabaseUnavailable
        # Before the database is read: from here on the feed keeps everything, some of it a second
        # time.
        self.reader.follow()
        if is_after(end, self.cursor):
            self._step = await self._read(self.cursor)
            if is_after(end, self._step.cursor):
                self.reader.unfollow()
                return
        self._follows = True

    def take(self) -> Iterator[Entry]:
        """What has come of what is wanted. ``cursor`` moves along, over what it has given out and
        all before it."""
        step, self._step = self._step, None
        if step is not None:
            for change in step.changes:
                self.cursor = change.cursor
                if self.reader.wanted.lets_through(Topics.of(change)):
                    yield Entry(change)
            self.cursor = step.cursor
        if self._follows:
            for entry, cursor in self.reader.take(self.cursor):
                self.cursor = cursor
                if entry is not None:
                    yield entry


def _unknown_place() -> InvalidFields:
    return InvalidFields([Violation(FIELD, "names a place that this database has not come to")])
