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
from contextvars import Context, ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from inventory_grpc.domain.errors import DatabaseUnavailable, DomainError

KEYS_MAX: Final = 1_000
"""Keys of one query; a call that has as many has a query of its own."""
LARGE_KEYS_MAX: Final = 100
"""The same where what is found may be large: an order can have 1,000 lines."""

_QUERIES_MAX: Final = 4
"""That run at once, all but the newest of them slow ones."""
_PATIENCE_SECONDS: Final = 0.25
"""After so long a query is slow, and those that gathered no longer wait for its end: it found much,
or its connection hangs."""
_RETRY_SECONDS_MAX: Final = 0.5
"""A query that fails sooner lost its connection, and with it all that were gathered: a new
connection is worth one try. One that took longer would only take as long again."""

S = TypeVar("S", bound=Hashable)
K = TypeVar("K", bound=Hashable)
F = TypeVar("F")
A = TypeVar("A")

Read = Callable[[list[K], float], F]
"""Looks up all the keys, each once, by one query, within so many seconds; runs in a thread."""


class Watch(Protocol):
    """Whoever wants to know of the query that answers a call. Called on the event loop."""

    def gathered(self, calls: "Sequence[tuple[Watch, float]]") -> Callable[[], None]:
        """A query begins for calls with these watches, each waiting since then (monotonic seconds),
        and perhaps for calls without one. What is returned is called behind it; a context variable
        that is set here is set in the query's thread, too."""


watching: ContextVar[Watch | None] = ContextVar("watching_queries", default=None)
"""Of the call under way."""


@dataclass(slots=True, eq=False)
class _Call(Generic[K, F]):
    """One caller."""

    keys: Sequence[K]
    answer: Callable[[F], Any]
    expires: float
    """When its caller has run out of time; monotonic seconds."""
    waiter: "asyncio.Future[Any]"
    arrived: float
    watch: Watch | None


@dataclass(slots=True, eq=False)
class _Query(Generic[K, F]):
    """What several callers wait for."""

    calls: list[_Call[K, F]]
    slow: bool = False
    timer: asyncio.TimerHandle | None = None
    ended: Callable[[], None] | None = None


class Gatherer(Generic[K, F]):
    """Combines calls of one kind into queries, one at a time. Belongs to the running loop."""

    def __init__(
        self,
        threads: Executor,
        read: Read[K, F],
        keys_max: int = KEYS_MAX,
        when_idle: Callable[[], object] = lambda: None,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """``when_idle`` is called when nobody waits for anything any more."""
        self._threads = threads
        self._read = read
        self._keys_max = keys_max
        self._when_idle = when_idle
        self._patience_seconds = patience_seconds
        self._gathered: deque[_Call[K, F]] = deque()
        self._scheduled = False
        self._running = 0
        self._slow = 0
        self.queries = 0
        """Queries begun."""

    async def ask(self, keys: Sequence[K], answer: Callable[[F], A], time_left: float) -> A:
        """What ``answer`` makes of what was found; it runs in a thread, and what it raises is
        raised here. ``time_left`` in seconds; a call whose time is over is cancelled.

        Raises DatabaseUnavailable and Overloaded.
        """
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        call = _Call(keys, answer, now + time_left, loop.create_future(), now, watching.get())
        self._gathered.append(call)
        if self._running == self._slow:
            self._schedule(loop)
        outcome: A = await call.waiter
        return outcome

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Dispatch at the end of this tick, so that all its calls join."""
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._dispatch, loop)

    def _dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        if self._running > self._slow or self._running == _QUERIES_MAX:
            return
        calls = self._next_calls()
        if calls:
            query = _Query(calls)
            query.timer = loop.call_later(self._patience_seconds, self._is_slow, loop, query)
            self._running += 1
            self.queries += 1
            self._threads.submit(_watched(query).run, self._run, loop, query)
        elif not self._running:
            self._when_idle()

    def _is_slow(self, loop: asyncio.AbstractEventLoop, query: _Query[K, F]) -> None:
        query.slow = True
        self._slow += 1
        self._schedule(loop)

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

    def _run(self, loop: asyncio.AbstractEventLoop, query: _Query[K, F]) -> None:
        """In a thread. One wake-up of the loop, whatever the number of callers."""
        try:
            outcomes = self._outcomes(query.calls)
        except BaseException as error:  # noqa: BLE001 - else the callers would wait for ever
            outcomes = [RuntimeError(repr(error))] * len(query.calls)
        # The loop may be closed by now: then nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._done, loop, query, outcomes)

    def _done(
        self, loop: asyncio.AbstractEventLoop, query: _Query[K, F], outcomes: list[Any]
    ) -> None:
        assert query.timer is not None
        query.timer.cancel()
        self._running -= 1
        self._slow -= query.slow
        if query.ended is not None:
            query.ended()
        for call, outcome in zip(query.calls, outcomes, strict=True):
            if call.waiter.done():
                continue
            if isinstance(outcome, Exception):
                call.waiter.set_exception(outcome)
            else:
                call.waiter.set_result(outcome)
        # Behind the answers: what arrives while they are sent joins, too.
        self._schedule(loop)

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
            read, forget = partial(self._read, shape), partial(self._gatherers.pop, shape)
            gatherer = Gatherer(self._threads, read, self._keys_max, forget)
            self._gatherers[shape] = gatherer
        return await gatherer.ask(keys, answer, time_left)


def _watched(query: _Query[K, F]) -> Context:
    """Where to run it: nobody's context, but with what those set who watch it."""
    context = Context()
    watched = [(call.watch, call.arrived) for call in query.calls if call.watch is not None]
    if watched:
        query.ended = context.run(watched[0][0].gathered, watched)
    return context


def _answered(call: _Call[K, F], found: F) -> Any:
    try:
        return call.answer(found)
    except Exception as error:  # noqa: BLE001 - goes to whoever asked
        return error
