"""The streams of changes of one process, and what they need."""

from typing import Final

import structlog

from inventory_grpc.rpc.reads.changes import WatchLimits
from inventory_grpc.server.admission import Admission
from inventory_grpc.server.sequencing import Sequencer
from inventory_grpc.server.threads import DaemonThreads
from inventory_grpc.services.changes import CATCH_UP_THREADS, ChangeLog, Changes
from inventory_grpc.services.feed import Feed
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.settings import Settings

_log = structlog.stdlib.get_logger(__name__)

_LAST_SECONDS_MAX: Final = 5.0
"""What the last messages of a drain get to be taken; they are a checkpoint each."""


class Watching:
    """Started and stopped with the server, whether the database is there or not."""

    def __init__(self, settings: Settings, mutations: Mutations) -> None:
        assert settings.database_url is not None, "the caller knows the database"
        feed, log = Feed(settings.watch_queue_max), ChangeLog.start(settings)
        self._feed, self._log = feed, log
        self._threads = DaemonThreads(CATCH_UP_THREADS, "catch-up")
        self.sequencer = Sequencer(settings.database_url, feed, log)
        mutations.on_commit(feed.committed)
        self.admission = Admission(settings.watch_streams_max, "watch_streams")
        """Its own: a stream must not take the place of calls for as long as it lasts."""
        self.changes = Changes(feed, log, self._threads)
        self.limits = WatchLimits(settings.watch_seconds_max, settings.watch_checkpoint_seconds)

    def start(self) -> None:
        """Begin to follow the database."""
        self.sequencer.start()

    @property
    def longest_lag(self) -> int:
        """Changes that wait for the stream that is furthest behind."""
        return self._feed.longest_lag

    def drain(self) -> None:
        """Take no stream more, and end those there are with a checkpoint."""
        self.admission.drain()
        self._feed.drain()

    async def wait_ended(self, seconds_max: float) -> None:
        """Wait until the streams have ended, a few seconds at most: clients can resume."""
        if not await self.admission.wait_idle(min(seconds_max, _LAST_SECONDS_MAX)):
            _log.warning("streams_cut_short", streams=self.admission.in_flight)

    async def stop(self) -> None:
        """End; the server has ended its calls before."""
        await self.sequencer.stop()
        self._threads.shutdown()
        self._log.close()
