"""A watch that outlives connections, servers and its own slowness."""

import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from inventory_grpc.client import wire_aio as wire
from inventory_grpc.client.errors import InventoryError
from inventory_grpc.client.memory import Seen
from inventory_grpc.client.policy import Attempts, Limits, Policy
from inventory_grpc.client.refusals import Unauthenticated
from inventory_grpc.v1.changes_pb2 import Change, WatchChangesResponse

Stream = wire.Stream[WatchChangesResponse]


class AsyncWatch:
    """Iterates over changes until it is closed: in order, without gaps, each once.

    When a stream ends, breaks or is cut off, another one goes on behind the last message that was
    taken. Entering it as a context, or taking the first change, connects it: what happens from
    then on is told. Raises what repeating does not help against: ResumeTokenExpired,
    InvalidFields, PermissionDenied and the like.
    """

    def __init__(
        self,
        connect: Callable[[str], Awaitable[Stream]],
        resume_token: str,
        policy: Policy,
        give_up_after: float | None,
    ) -> None:
        self.resume_token = resume_token
        """Goes on behind the change that was taken last. Keep it once that change is dealt with."""
        self._connect = connect
        self._policy = replace(policy, attempts_max=sys.maxsize)
        self._limits = Limits(give_up_after, None)
        self._attempts = Attempts(self._policy, self._limits)
        self._stream: Stream | None = None
        self._waiting: WatchChangesResponse | None = None
        self._seen = Seen()
        self._closed = False
        self._bell = wire.Bell()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not self._closed:
            message, self._waiting = self._waiting or await self._next_message(), None
            if message is None:
                continue
            self.resume_token = message.resume_token
            if message.HasField("change") and self._seen.is_new(message.change.event_id):
                return message.change
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        while self._waiting is None and not self._closed:
            self._waiting = await self._next_message()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, from wherever; whoever iterates comes to the end."""
        self._closed = True
        self._bell.ring()
        if self._stream is not None:
            self._stream.cancel()

    async def _next_message(self) -> WatchChangesResponse | None:
        """The next message; None when the stream has to be made anew, after a pause."""
        try:
            if self._stream is None:
                self._attempts.begin()
                self._stream = await self._connect(self.resume_token)
            message = await self._stream.next()
        except InventoryError as error:
            self._stream = None
            if not self._closed:
                await self._bell.wait(self._pause_after(error))
            return None
        if message is None:
            self._stream = None
            # At once, but not together with all others whose server drained.
            await self._bell.wait(self._soon())
        else:
            self._attempts = Attempts(self._policy, self._limits)
        return message

    def _pause_after(self, error: InventoryError) -> float:
        """Seconds until another stream is made; raises the error if there shall be none."""
        if isinstance(error, Unauthenticated) and self._attempts.made == 0:
            # In the middle of a stream: the token that it began with has expired, and the next one
            # is asked for a new one. One that cannot begin has been refused.
            return self._soon()
        return self._attempts.pause_after(error)

    def _soon(self) -> float:
        return self._policy.backoff * random.random()  # noqa: S311
