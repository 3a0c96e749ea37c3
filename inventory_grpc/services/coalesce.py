"""Reads that arrive together are answered by one query.

While one query runs, the calls that arrive gather for the next; a lone caller goes straight
through. There is no timer. No answer is ever stale: a call joins only a query that has not begun,
so whatever was committed before the call arrived is in the query's snapshot.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from inventory_grpc.domain.errors import DatabaseUnavailable, DomainError

KEYS_MAX: Final = 1_000
"""Keys of one query; a call that has as many has a query of its own."""
LARGE_KEYS_MAX: Final = 100
"""The same where what is found may be large: an order can have 1,000 lines."""

_RETRY_SECONDS_MAX: Final = 0.5
"""A query that fails sooner lost its connection, and with it all that were gathered: a new
connection is worth one try. One that took longer would only take as long again."""

S = TypeVar("S", bound=Hashable)
K = TypeVar("K", bound=Hashable)
F = TypeVar("F")
A = TypeVar("A")

Read = Callable[[list[K], float], F]
"""Looks up all the keys, each once, by one query, within so many seconds; runs in a thread."""


@dataclass(slots=True, eq=False)
class _Call(Generic[K, F]):
    """One caller."""

    keys: Sequence[K]
    answer: Callable[[F], Any]
    expires: float
    """When its caller has run out of time; monotonic seconds."""
    waiter: "asyncio.Future[Any]"


class Gatherer(Generic[K, F]):
    """Combines calls of one kind into queries, one at a time. Belongs to the running loop."""

    def __init__(self, threads: Executor, read: Read[K, F], keys_max: int = KEYS_MAX) -> None:
        self._threads = threads
        self._read = read
        self._keys_max = keys_max
        self._gathered: deque[_Call[K, F]] = deque()
        self._busy = False
        """A query runs, or will begin at the end of this tick."""
        self.queries = 0
        """Queries begun."""

    @property
    def idle(self) -> bool:
        """Nobody waits for anything."""
        return not self._busy and not self._gathered

    async def ask(self, keys: Sequence[K], answer: Callable[[F], A], time_left: float) -> A:
        """What ``answer`` makes of what was found; it runs in a thread, and what it raises is
        raised here. ``time_left`` in seconds; a call whose time is over is cancelled.

        Raises DatabaseUnavailable and Overloaded.
        """
        loop = asyncio.get_running_loop()
        call = _Call(keys, answer, time.monotonic() + time_left, loop.create_future())
        self._gathered.append(call)
        if not self._busy:
            self._busy = True
            # At the end of this tick, so that all its calls join.
            loop.call_soon(self._dispatch, loop)
        outcome: A = await call.waiter
        return outcome

    def _dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        calls = self._next_calls()
        self._busy = bool(calls)
        if calls:
            self.queries += 1
            self._threads.submit(self._run, loop, calls)

    def _next_calls(self) -> list[_Call[K, F]]:
        """In order of arrival, up to the bound but at least one."""
        now = time.monotonic()
        chosen: list[_Call[K, F]] = []
        room = self._keys_max
        while self._gathered:
            call = self._gathered[0]
            room -= len(call.keys)
            if chosen and room < 0:
                break
            self._gathered.popleft()
            if call.expires <= now:
                call.waiter.cancel()
            if call.waiter.done():
                room += len(call.keys)
            else:
                chosen.append(call)
        return chosen

    def _run(self, loop: asyncio.AbstractEventLoop, calls: list[_Call[K, F]]) -> None:
        """In a thread. One wake-up of the loop, whatever the number of callers."""
        outcomes = self._outcomes(calls)
        # The loop may be closed by now: then nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._done, loop, calls, outcomes)

    def _done(
        self, loop: asyncio.AbstractEventLoop, calls: list[_Call[K, F]], outcomes: list[Any]
    ) -> None:
        for call, outcome in zip(calls, outcomes, strict=True):
            if call.waiter.done():
                continue
            if isinstance(outcome, Exception):
                call.waiter.set_exception(outcome)
            else:
                call.waiter.set_result(outcome)
        self._dispatch(loop)

    def _outcomes(self, calls: list[_Call[K, F]]) -> list[Any]:
        """An answer or an exception for each."""
        try:
            found = self._found(calls)
        except DomainError as error:
            return [error] * len(calls)
        except Exception as bug:  # noqa: BLE001 - goes to whoever asked
            if len(calls) == 1:
                return [bug]
            # One call's bug is not its neighbours'.
            return [outcome for call in calls for outcome in self._outcomes([call])]
        return [_answered(call, found) for call in calls]

    def _found(self, calls: list[_Call[K, F]]) -> F:
        keys = list(dict.fromkeys(key for call in calls for key in call.keys))
        expires = max(call.expires for call in calls)
        began = time.monotonic()
        try:
            return self._read(keys, expires - began)
        except DatabaseUnavailable:
            now = time.monotonic()
            if now - began > _RETRY_SECONDS_MAX:
                raise
            return self._read(keys, expires - now)


class Gatherers(Generic[S, K, F]):
    """A gatherer for each ``shape``: what calls must have in common to be answered by one query."""

    def __init__(
        self, threads: Executor, read: Callable[[S, list[K], float], F], keys_max: int = KEYS_MAX
    ) -> None:
        self._threads = threads
        self._read = read
        self._keys_max = keys_max
        self._gatherers: dict[S, Gatherer[K, F]] = {}

    async def ask(
        self, shape: S, keys: Sequence[K], answer: Callable[[F], A], time_left: float
    ) -> A:
        """See ``Gatherer.ask``."""
        gatherer = self._gatherers.get(shape)
        if gatherer is None:
            gatherer = Gatherer(self._threads, partial(self._read, shape), self._keys_max)
            self._gatherers[shape] = gatherer
        try:
            return await gatherer.ask(keys, answer, time_left)
        finally:
            if gatherer.idle and self._gatherers.get(shape) is gatherer:
                del self._gatherers[shape]


def _answered(call: _Call[K, F], found: F) -> Any:
    try:
        return call.answer(found)
    except Exception as error:  # noqa: BLE001 - goes to whoever asked
        return error
