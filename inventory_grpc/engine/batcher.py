"""The batcher: while one batch commits, the next one fills.

There is no timer: a lone caller goes straight through as a batch of one. Everything here runs on
the event loop; the committers run in threads of their own.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from inventory_grpc.domain.errors import Draining, LockTimeout, Overloaded
from inventory_grpc.engine.committer import (
    HURRIED_LOCK_TIMEOUT_MS,
    BlockedError,
    Committer,
)
from inventory_grpc.engine.request import Group, Outcome
from inventory_grpc.store.blockers import Blocked

_SIDE_LOCK_TIMEOUT_MS: Final = 25
"""The side queue waits for a held row with others locked, which must not stall those who need
only the others: less than the main lane's patience, and ..."""
_SIDE_PAUSE_SECONDS: Final = 0.05
"""... with a rest between two tries in which they are free."""
_ANSWER_SECONDS: Final = 0.1
"""Time to leave a caller to receive its LOCK_TIMEOUT."""


@dataclass(frozen=True, slots=True)
class BatcherSettings:
    """Bounds of the queue; times in milliseconds."""

    lines_max: int = 1000
    queue_max: int = 10_000
    lock_timeout_ms: int = 500
    lock_wait_ms_max: int = 5000


@dataclass(slots=True, eq=False)
class Ticket:
    """A group waiting for its outcome."""

    group: Group
    waiter: "asyncio.Future[Outcome]"
    expires: float
    """When its caller has run out of time; monotonic seconds."""
    weight: int
    blocked_since: float = 0.0


@dataclass(slots=True, eq=False)
class Lane:
    """A committer and its thread."""

    committer: Committer
    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="committer")
    )


class Batcher:
    """Combines groups into batches and hands them to idle committers."""

    def __init__(
        self, committers: Sequence[Committer], side: Committer, settings: BatcherSettings
    ) -> None:
        self._settings = settings
        self._lanes = [Lane(committer) for committer in committers]
        self._idle = deque(self._lanes)
        self._side = Lane(side)
        self._side_busy = False
        self._queue: deque[Ticket] = deque()
        self._held: list[Ticket] = []
        self._blocked = Blocked()
        self._scheduled = False
        self._closing = False
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._in_flight = 0

    @property
    def queued(self) -> int:
        """Groups that wait, not counting those being committed."""
        return len(self._queue) + len(self._held)

    async def submit(self, group: Group, time_left: float | None) -> Outcome:
        """The group's outcome. ``time_left`` in seconds, None = no limit.

        Raises Overloaded when the queue is full, Draining when the batcher is closing.
        """
        if self._closing:
            raise Draining
        if self.queued >= self._settings.queue_max:
            raise Overloaded("queue")
        expires = float("inf") if time_left is None else time.monotonic() + time_left
        waiter = asyncio.get_running_loop().create_future()
        self._queue.append(Ticket(group, waiter, expires, group.lines))
        self._in_flight += 1
        self._quiet.clear()
        self._schedule()
        try:
            outcome: Outcome = await waiter
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._quiet.set()
        return outcome

    async def close(self) -> None:
        """Take nothing new, finish what is queued, then close the connections."""
        self._closing = True
        await self._quiet.wait()
        loop = asyncio.get_running_loop()
        for lane in (*self._lanes, self._side):
            # In the lane's thread, behind a batch whose callers have all gone.
            await loop.run_in_executor(lane.thread, lane.committer.link.close)
            lane.thread.shutdown(wait=False)

    def _schedule(self) -> None:
        """Dispatch at the end of this tick, so that all calls of the tick join one batch."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        while self._idle and self._queue:
            batch = self._next_batch()
            if batch:
                lane = self._idle.popleft()
                timeout = self._settings.lock_timeout_ms
                if self._blocked:
                    timeout = min(timeout, HURRIED_LOCK_TIMEOUT_MS)
                self._run(lane, batch, timeout, self._main_done)
        self._dispatch_side()

    def _next_batch(self) -> list[Ticket]:
        """In order of arrival, up to the bound; what is known to be held up steps aside."""
        batch: list[Ticket] = []
        lines = 0
        now = time.monotonic()
        while self._queue:
            ticket = self._queue[0]
            if batch and lines + ticket.weight > self._settings.lines_max:
                break
            self._queue.popleft()
            if ticket.waiter.done() or ticket.expires <= now:
                self._drop(ticket)
            elif self._blocked and self._blocked.holds_up(ticket.group.footprint):
                self._hold(ticket, now)
            else:
                batch.append(ticket)
                lines += ticket.weight
        return batch

    def _drop(self, ticket: Ticket) -> None:
        """Its caller is gone or out of time: nothing has been done, and nothing will be."""
        if not ticket.waiter.done():
            ticket.waiter.cancel()

    def _hold(self, ticket: Ticket, now: float) -> None:
        ticket.blocked_since = ticket.blocked_since or now
        self._held.append(ticket)

    def _run(
        self,
        lane: Lane,
        batch: list[Ticket],
        lock_timeout_ms: int,
        done: Callable[[Lane, list[Ticket], Sequence[Outcome]], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        lane.committer.link.lock_timeout_ms = lock_timeout_ms
        groups = [ticket.group for ticket in batch]

        def finished(future: "Future[list[Outcome]]") -> None:
            error = future.exception()
            outcomes = future.result() if error is None else [_as_bug(error)] * len(batch)
            # One wake-up per batch, not per waiter.
            loop.call_soon_threadsafe(done, lane, batch, outcomes)

        lane.thread.submit(lane.committer.commit, groups).add_done_callback(finished)

    def _main_done(self, lane: Lane, batch: list[Ticket], outcomes: Sequence[Outcome]) -> None:
        self._idle.append(lane)
        now = time.monotonic()
        for ticket, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BlockedError):
                self._hold(ticket, now)
                self._blocked = lane.committer.blocked
            else:
                _resolve(ticket, outcome)
        self._schedule()

    # -- the side queue ------------------------------------------------------------------------

    def _dispatch_side(self) -> None:
        if self._side_busy:
            return
        now = time.monotonic()
        for ticket in self._expired(now):
            waited_ms = int((now - ticket.blocked_since) * 1000)
            _resolve(ticket, LockTimeout(waited_ms))
        self._held = [ticket for ticket in self._held if not ticket.waiter.done()]
        if not self._held:
            self._blocked = Blocked()
            return
        batch, self._held = _first(self._held, self._settings.lines_max)
        self._side_busy = True
        timeout = min(self._settings.lock_timeout_ms, _SIDE_LOCK_TIMEOUT_MS)
        self._run(self._side, batch, timeout, self._side_done)

    def _expired(self, now: float) -> list[Ticket]:
        return [
            ticket for ticket in self._held if self._gives_up(ticket) - now < _ANSWER_SECONDS / 2
        ]

    def _gives_up(self, ticket: Ticket) -> float:
        """When the wait for its row ends, a little before its caller stops listening."""
        longest = ticket.blocked_since + self._settings.lock_wait_ms_max / 1000
        return min(longest, ticket.expires - _ANSWER_SECONDS)

    def _side_done(self, lane: Lane, batch: list[Ticket], outcomes: Sequence[Outcome]) -> None:
        still: list[Ticket] = []
        for ticket, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BlockedError):
                still.append(ticket)
            else:
                _resolve(ticket, outcome)
        # Behind those that have not been tried yet, so that none of them starves.
        self._held.extend(still)
        self._blocked = lane.committer.blocked if still else Blocked()
        pause = _SIDE_PAUSE_SECONDS if still else 0
        asyncio.get_running_loop().call_later(pause, self._side_rested)
        self._schedule()

    def _side_rested(self) -> None:
        self._side_busy = False
        self._schedule()


def _first(tickets: list[Ticket], lines_max: int) -> tuple[list[Ticket], list[Ticket]]:
    """As many as fit into one transaction, at least one, and the rest."""
    lines = 0
    for index, ticket in enumerate(tickets):
        lines += ticket.weight
        if index and lines > lines_max:
            return tickets[:index], tickets[index:]
    return tickets, []


def _resolve(ticket: Ticket, outcome: Outcome) -> None:
    if not ticket.waiter.done():
        ticket.waiter.set_result(outcome)


def _as_bug(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
