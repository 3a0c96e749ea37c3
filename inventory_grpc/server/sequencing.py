"""Follows the database: gives commits their positions, and hands what is new to the feed.

Every server process does both. Any number may give positions: whoever comes second finds nothing
left; and each reads by position, whoever gave it.

- While streams follow, the database is looked at 20 ms after something came, then less and less
  often, down to twice a second; and at once when this process has committed something itself.
- While none does, positions are given about once a second all the same, so that the tokens of
  reads keep up, and nothing is read.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from inventory_grpc.domain.changes import Change, Cursor
from inventory_grpc.domain.errors import DatabaseUnavailable
from inventory_grpc.server.threads import DaemonThreads
from inventory_grpc.services.changes import ChangeLog, StreamMovedError
from inventory_grpc.services.feed import Feed
from inventory_grpc.store.background import background_engine, bound
from inventory_grpc.store.sequencer import assign_positions

_log = structlog.stdlib.get_logger(__name__)

PERIOD_SECONDS_MIN: Final = 0.02
PERIOD_SECONDS_MAX: Final = 0.5
UNFOLLOWED_SECONDS: Final = 1.0
_SPACING_SECONDS: Final = 0.005
"""Between two looks, however much is committed: what comes meanwhile is read together."""
_COMMITS_MAX: Final = 1_000
"""Positions given in one transaction."""


class _News(NamedTuple):
    """What one look has found."""

    changes: Sequence[Change]
    cursor: Cursor | None
    """How far the feed is with them; None if nobody follows it."""
    more: bool
    """There is more already."""
    assigned: int


class Sequencer:
    """One per process; works as long as the database is there."""

    def __init__(self, url: str, feed: Feed, log: ChangeLog) -> None:
        self._engine = background_engine(url)
        self._feed = feed
        self._log = log
        self._thread = DaemonThreads(1, "sequencer")
        self._period = PERIOD_SECONDS_MIN
        self._is_away = False
        self.assigned = 0
        """Positions given by this process."""
        self.is_behind = False
        """There were more commits without a position than it gives at once."""
        self.looked_at = 0.0
        """When it looked last, in seconds since 1970; 0 = never."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin at once, whether the database is there or not."""
        self._task = asyncio.create_task(self._run(), name="sequencer")

    async def stop(self) -> None:
        """End; what is under way ends by itself."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._feed.fail_pass()
        self._thread.shutdown()
        self._engine.dispose()

    async def _run(self) -> None:
        while True:
            try:
                more = await self._pass()
            except Exception as bug:  # noqa: BLE001 - or no stream would hear of anything again
                _log.error("sequencing_failed", exc_info=bug)
                self._feed.fail_pass()
                self._period, more = PERIOD_SECONDS_MAX, False
            if not more:
                await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(_SPACING_SECONDS)
        if self._feed.is_followed:
            period = self._period
            self._period = min(2 * period, PERIOD_SECONDS_MAX)
        else:
            # Processes that started together need not look together.
            period = UNFOLLOWED_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        if await self._feed.wanted(period):
            self._period = PERIOD_SECONDS_MIN

    async def _pass(self) -> bool:
        """Look once; whether to look again at once."""
        feed = self._feed
        feed.begin_pass()
        is_followed = feed.is_followed
        after = feed.end
        looking = self._thread.submit(self._look, is_followed, after)
        try:
            news = await asyncio.wrap_future(looking)
        except (SQLAlchemyError, DatabaseUnavailable) as error:
            self._note_away(error)
            return False
        except StreamMovedError:
            _log.warning("change_stream_restarted", reason="the database lost what it had told")
            feed.restart()
            return True
        self._is_away = False
        self.assigned += news.assigned
        self.is_behind = news.assigned == _COMMITS_MAX
        self.looked_at = time.time()
        if news.changes or news.assigned:
            self._period = PERIOD_SECONDS_MIN
        # Whoever followed may have left since; then there is no place to go on from.
        if news.cursor is not None and (after is None) == (feed.end is None):
            feed.publish(news.changes, news.cursor)
        feed.end_pass(complete=not news.more)
        return news.more

    def _note_away(self, error: Exception) -> None:
        if not self._is_away:
            _log.info("sequencing_postponed", reason=type(error).__name__)
        self._is_away = True
        self._feed.fail_pass()
        self._period = PERIOD_SECONDS_MAX

    def _look(self, is_followed: bool, after: Cursor | None) -> _News:  # noqa: FBT001
        """Runs in a thread."""
        assigned = self._assign()
        more = assigned == _COMMITS_MAX
        if not is_followed:
            return _News((), None, more, assigned)
        if after is None:
            # Nobody has missed anything yet: they read by themselves what comes before.
            return _News((), self._log.end(), more, assigned)
        step = self._log.read(after)
        return _News(step.changes, step.cursor, more or step.more, assigned)

    def _assign(self) -> int:
        with self._engine.begin() as conn:
            bound(conn, statement_ms=5_000, lock_ms=2_000)
            return assign_positions(conn, _COMMITS_MAX)
