"""The side queue: tickets that would hold up everybody else, on a connection of their own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from inventory_grpc.domain.errors import LockTimeout
from inventory_grpc.engine.committer import UnfinishedError
from inventory_grpc.engine.lane import Lane
from inventory_grpc.engine.request import Outcome
from inventory_grpc.engine.ticket import Ticket
from inventory_grpc.store.blockers import Blocked

_PAUSE_SECONDS: Final = 0.05
"""The rest between two tries, in which the rows that a try locks are free."""
_ANSWER_SECONDS: Final = 0.1
"""Time to leave a caller to receive its LOCK_TIMEOUT."""


class SideQueue:
    """Tried again, with a rest in between, until their time is up: then LOCK_TIMEOUT."""

    def __init__(
        self,
        lane: Lane,
        schedule: Callable[[], None],
        *,
        lines_max: int,
        lock_timeout_ms: int,
        lock_wait_ms_max: int,
    ) -> None:
        """``schedule`` asks for a ``dispatch``; ``lines_max`` 0 runs each ticket alone."""
        self.lane = lane
        self.blocked = Blocked()
        """What is known to be held by somebody else; whoever needs it is better off here."""
        self._schedule = schedule
        self._lines_max = lines_max
        self._lock_timeout_ms = lock_timeout_ms
        self._lock_wait_seconds_max = lock_wait_ms_max / 1000
        self._waiting: list[Ticket] = []
        self._untried = False
        self._found_since = Blocked()
        self._busy = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ticket: Ticket) -> None:
        """Behind those that have not been tried yet."""
        self._waiting.append(ticket)

    def learn(self, found: Blocked) -> None:
        """Somebody else's rows, which those just added met."""
        self._found_since |= found
        self.blocked |= found

    def dispatch(self) -> None:
        """Try the next ones, unless some are being tried, or the last ones rest."""
        if self._busy:
            return
        now = time.monotonic()
        self._waiting = [ticket for ticket in self._waiting if not self._ended(ticket, now)]
        if not self._waiting:
            self.blocked = Blocked()
            return
        batch, self._waiting = _first(self._waiting, self._lines_max)
        for ticket in batch:
            ticket.blocked_since = ticket.blocked_since or now
        self._busy = True
        self._untried = bool(self._waiting)
        self._found_since = Blocked()
        self.lane.run(batch, self._lock_timeout_ms, self._done)

    def _ended(self, ticket: Ticket, now: float) -> bool:
        """Whether nothing is left to do for it, its answer included."""
        if ticket.blocked_since and self._gives_up(ticket) - now < _ANSWER_SECONDS / 2:
            waited_ms = int((now - ticket.blocked_since) * 1000)
            ticket.resolve(LockTimeout(waited_ms))
        elif ticket.expires <= now:
            ticket.drop()
        return ticket.waiter.done()

    def _gives_up(self, ticket: Ticket) -> float:
        """When the wait for its row ends, a little before its caller stops listening."""
        longest = ticket.blocked_since + self._lock_wait_seconds_max
        return min(longest, ticket.expires - _ANSWER_SECONDS)

    def _done(self, lane: Lane, batch: list[Ticket], outcomes: Sequence[Outcome]) -> None:
        still: list[Ticket] = []
        for ticket, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, UnfinishedError):
                ticket.must_commit |= outcome.must_commit
                still.append(ticket)
            else:
                ticket.resolve(outcome)
        # What those wait for that have not been tried yet is not forgotten.
        known = self.blocked if still and self._untried else self._found_since
        self.blocked = known | lane.committer.blocked
        # Behind those that have not been tried yet, so that none of them starves.
        self._waiting.extend(still)
        pause = _PAUSE_SECONDS if still else 0
        asyncio.get_running_loop().call_later(pause, self._rested)
        self._schedule()

    def _rested(self) -> None:
        self._busy = False
        self._schedule()


def _first(tickets: list[Ticket], lines_max: int) -> tuple[list[Ticket], list[Ticket]]:
    """As many as fit into one transaction, at least one, and the rest."""
    lines = 0
    for index, ticket in enumerate(tickets):
        lines += ticket.weight
        if index and lines > lines_max:
            return tickets[:index], tickets[index:]
    return tickets, []
