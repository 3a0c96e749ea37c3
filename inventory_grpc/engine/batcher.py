"""The batcher: while one batch commits, the next one fills.

There is no timer: a lone caller goes straight through as a batch of one. Everything here runs on
the event loop; the committers run in threads of their own.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from itertools import count
from typing import Final

from inventory_grpc.domain.errors import Contention, Draining, Overloaded
from inventory_grpc.engine.arrivals import Arrivals
from inventory_grpc.engine.committer import (
    ATTEMPTS_MAX,
    HURRIED_LOCK_TIMEOUT_MS,
    BlockedError,
    Committer,
    ConflictError,
    backoff_seconds,
)
from inventory_grpc.engine.lane import Lane
from inventory_grpc.engine.observer import BatchObserver, NoBatchObserver
from inventory_grpc.engine.request import Group, Outcome
from inventory_grpc.engine.side_queue import SideQueue
from inventory_grpc.engine.ticket import Ticket

_SIDE_LOCK_TIMEOUT_MS: Final = 25
"""The side queue waits for a held row with others locked, which must not stall those who need
only the others: less than the main lane's patience."""


_SHARE: Final = 10
"""A caller may have a part of the queue (one in so many) although others have filled all of it."""


@dataclass(frozen=True, slots=True)
class BatcherSettings:
    """Bounds of the queue; times in milliseconds."""

    lines_max: int = 1000
    queue_max: int = 10_000
    lock_timeout_ms: int = 500
    lock_wait_ms_max: int = 5000


class Batcher:
    """Combines groups into batches and hands them to idle committers.

    Two more committers: ``side`` waits for rows that somebody else holds, ``apart`` runs, one at a
    time, groups that lock very many rows.
    """

    def __init__(
        self,
        committers: Sequence[Committer],
        side: Committer,
        apart: Committer,
        settings: BatcherSettings,
        observer: BatchObserver | None = None,
    ) -> None:
        observer = observer or NoBatchObserver()
        self._settings = settings
        self._lanes = [Lane(committer, "main", observer) for committer in committers]
        self._idle = deque(self._lanes)
        self._arrivals = Arrivals()
        self._numbers = count()
        self._resting = 0
        self._side = SideQueue(
            Lane(side, "side", observer), self._schedule,
            lines_max=settings.lines_max,
            lock_timeout_ms=min(settings.lock_timeout_ms, _SIDE_LOCK_TIMEOUT_MS),
            lock_wait_ms_max=settings.lock_wait_ms_max,
        )  # fmt: skip
        self._apart = SideQueue(
            Lane(apart, "apart", observer), self._schedule,
            lines_max=0,
            lock_timeout_ms=settings.lock_timeout_ms,
            lock_wait_ms_max=settings.lock_wait_ms_max,
        )  # fmt: skip
        self._scheduled = False
        self._closing = False
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._in_flight: dict[str, int] = {}
        """By caller; groups that wait, and those being committed."""

    @property
    def queued(self) -> int:
        """Groups that wait, not counting those being committed."""
        return len(self._arrivals) + self._resting + len(self._side) + len(self._apart)

    async def submit(self, group: Group, time_left: float | None) -> Outcome:
        """The group's outcome. ``time_left`` in seconds, None = no limit.

        Raises Overloaded when the queue is full, Draining when the batcher is closing.
        """
        if self._closing:
            raise Draining
        caller = group.requests[0].caller
        of_caller = self._in_flight.get(caller, 0)
        if self.queued >= self._settings.queue_max and not self._has_few(of_caller):
            raise Overloaded("queue")
        ticket = self._ticket(group, time_left)
        if group.apart:
            self._apart.add(ticket)
        else:
            self._arrivals.add(ticket)
        self._in_flight[caller] = of_caller + 1
        self._quiet.clear()
        self._schedule()
        try:
            outcome: Outcome = await ticket.waiter
        finally:
            self._leave(caller)
        return outcome

    def _has_few(self, groups: int) -> bool:
        return groups < self._settings.queue_max // _SHARE

    def _leave(self, caller: str) -> None:
        self._in_flight[caller] -= 1
        if not self._in_flight[caller]:
            del self._in_flight[caller]
        if not self._in_flight:
            self._quiet.set()

    def _ticket(self, group: Group, time_left: float | None) -> Ticket:
        now = time.monotonic()
        expires = float("inf") if time_left is None else now + time_left
        waiter = asyncio.get_running_loop().create_future()
        number = next(self._numbers)
        return Ticket(
            group, waiter, expires, number, group.lines, group.optimistic, now, copy_context()
        )

    def on_batch(self, ended: Callable[[], None]) -> None:
        """Have ``ended`` called on the event loop behind every batch, committed or not."""
        for lane in (*self._lanes, self._side.lane, self._apart.lane):
            lane.ended = ended

    async def close(self) -> None:
        """Take nothing new, finish what is queued, then close the connections."""
        self._closing = True
        await self._quiet.wait()
        for lane in (*self._lanes, self._side.lane, self._apart.lane):
            await lane.close()

    def _schedule(self) -> None:
        """Dispatch at the end of this tick, so that all calls of the tick join one batch."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        while self._idle and self._arrivals:
            batch = self._next_batch()
            if batch:
                timeout = self._settings.lock_timeout_ms
                if self._side.blocked or any(ticket.conflicts for ticket in batch):
                    timeout = min(timeout, HURRIED_LOCK_TIMEOUT_MS)
                self._idle.popleft().run(batch, timeout, self._done)
        self._side.dispatch()
        self._apart.dispatch()

    def _next_batch(self) -> list[Ticket]:
        """What comes next, up to the bound; what is known to be held up steps aside."""
        now = time.monotonic()

        def is_ready(ticket: Ticket) -> bool:
            if ticket.waiter.done() or ticket.expires <= now:
                ticket.drop()
                return False
            if ticket.optimistic or not self._side.blocked:
                return True
            if self._side.blocked.holds_up(ticket.group.footprint):
                self._hold(ticket, now)
                return False
            return True

        return self._arrivals.next_batch(self._settings.lines_max, is_ready)

    def _hold(self, ticket: Ticket, now: float) -> None:
        ticket.blocked_since = ticket.blocked_since or now
        self._side.add(ticket)

    def _done(self, lane: Lane, batch: list[Ticket], outcomes: Sequence[Outcome]) -> None:
        self._idle.append(lane)
        now = time.monotonic()
        conflicting: list[Ticket] = []
        for ticket, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BlockedError):
                ticket.must_commit |= outcome.must_commit
                self._hold(ticket, now)
            elif isinstance(outcome, ConflictError):
                ticket.must_commit |= outcome.must_commit
                conflicting.append(ticket)
            else:
                ticket.resolve(outcome)
        self._side.learn(lane.committer.blocked)
        self._try_again(conflicting)
        self._schedule()

    # -- optimistic tickets that met a conflict ------------------------------------------------

    def _try_again(self, tickets: Iterable[Ticket]) -> None:
        """After a rest; those with as many conflicts behind them stay together."""
        resting: dict[int, list[Ticket]] = {}
        for ticket in tickets:
            ticket.conflicts += 1
            if ticket.conflicts < ATTEMPTS_MAX:
                resting.setdefault(ticket.conflicts, []).append(ticket)
            else:
                ticket.resolve(Contention(ticket.conflicts))
        for conflicts, together in resting.items():
            self._resting += len(together)
            pause = backoff_seconds(conflicts)
            asyncio.get_running_loop().call_later(pause, self._rested, together)

    def _rested(self, tickets: Sequence[Ticket]) -> None:
        self._resting -= len(tickets)
        self._arrivals.put_back(tickets)
        self._schedule()
