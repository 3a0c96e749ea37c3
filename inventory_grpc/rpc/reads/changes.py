"""ChangeService."""

import asyncio
import random
from typing import Final

from inventory_grpc.domain.errors import SlowConsumer
from inventory_grpc.domain.record import record
from inventory_grpc.rpc import changes
from inventory_grpc.rpc.calls import current
from inventory_grpc.rpc.reads import filters
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.services.changes import Changes, Stream
from inventory_grpc.services.feed import Entry
from inventory_grpc.v1 import changes_pb2

_JITTER: Final = 0.2
"""So that streams that began together do not end together."""
_LAST_SECONDS_MAX: Final = 10.0
"""What a stream whose time is over gets to have its last messages read."""
_CONFIRM_SECONDS: Final = 10.0
"""After how long the door is asked again whether who watches still may."""


@record
class WatchLimits:
    """Of one stream; in seconds."""

    seconds_max: float
    """How long it lasts, give or take a fifth."""
    checkpoint_seconds: float
    """How long it says nothing."""


class ChangeReads:
    """Needs ``changes`` and ``watch_limits``; raises domain errors."""

    changes: Changes
    watch_limits: WatchLimits

    async def WatchChanges(  # noqa: N802
        self, request: changes_pb2.WatchChangesRequest, context: Context
    ) -> bytes:
        """Changes as they are committed, until the stream's time is over or the server drains."""
        found = Violations()
        wanted = filters.changes(request, found)
        found.refuse_if_any()
        async with self.changes.watch(request.resume_token, wanted) as stream:
            delivery = _Delivery(self.changes, stream, context, self.watch_limits)
            await delivery.checkpoint()
            await delivery.run()
        return b""


class _Delivery:
    """Takes what comes and writes it."""

    def __init__(
        self, changes_: Changes, stream: Stream, context: Context, limits: WatchLimits
    ) -> None:
        self._changes = changes_
        self._stream = stream
        self._context = context
        self._limits = limits
        self._confirm = current.get().confirm
        self._confirm_seconds = min(limits.checkpoint_seconds, _CONFIRM_SECONDS)
        self._delivered = stream.cursor
        self._time = asyncio.get_running_loop().time
        self._written_at = self._confirmed_at = self._time()

    async def run(self) -> None:
        """Until its time is over. Raises SlowConsumer, what the stream raises, and what the door
        says to a caller who may no longer watch: that one has the token of the message before."""
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        ends_at = self._time() + self._limits.seconds_max * jitter
        try:
            async with asyncio.timeout_at(ends_at + _LAST_SECONDS_MAX) as limit:
                self._stream.reader.limit_by(limit)
                await self._deliver(ends_at)
                await self.checkpoint()
        except TimeoutError:
            token = self._changes.seal(self._delivered)
            raise SlowConsumer(token, self._changes.lag_max) from None

    async def checkpoint(self) -> None:
        """Say how far the stream is."""
        cursor = self._stream.cursor
        await self._write(changes.checkpoint(self._changes.seal(cursor)))
        self._delivered = cursor

    async def _deliver(self, ends_at: float) -> None:
        stream, loop = self._stream, asyncio.get_running_loop()
        while True:
            now = self._time()
            if stream.is_ending or now >= ends_at:
                return
            checkpoint_at = self._written_at + self._limits.checkpoint_seconds
            if now >= checkpoint_at:
                await self.checkpoint()
                continue
            alarm = loop.call_at(min(checkpoint_at, ends_at), stream.reader.wake)
            try:
                await stream.changed()
            finally:
                alarm.cancel()
            await self._send_new()

    async def _send_new(self) -> None:
        stream = self._stream
        for entry in stream.take():
            await self._write(entry.message or self._encode(entry))
            self._delivered = entry.change.cursor
            if stream.is_ending:
                return

    async def _write(self, message: bytes) -> None:
        now = self._time()
        if now >= self._confirmed_at + self._confirm_seconds:
            # Before the message, of which a caller that may no longer watch learns nothing.
            self._confirm()
            self._confirmed_at = now
        await self._context.write(message)
        self._written_at = self._time()

    def _encode(self, entry: Entry) -> bytes:
        """Once for all streams of the feed."""
        change = entry.change
        entry.message = changes.message(change, self._changes.seal(change.cursor))
        return entry.message
