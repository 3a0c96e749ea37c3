"""Arrivals: tickets that wait for their batch, in order of arrival, and no caller behind another.

The tickets of one caller keep their order. Callers who wait at the same time share each batch by
lines: with four thousand tickets of one of them in front, another one's ticket is in the next batch
all the same. Within a batch the order is that of arrival again.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from inventory_grpc.engine.ticket import Ticket

IsReady = Callable[[Ticket], bool]


@dataclass(slots=True, eq=False)
class _Queues:
    """The tickets of one caller: a batch is of one kind, so optimistic ones wait beside others."""

    locking: deque[Ticket] = field(default_factory=deque)
    optimistic: deque[Ticket] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.locking) + len(self.optimistic)

    def of(self, *, optimistic: bool) -> deque[Ticket]:
        return self.optimistic if optimistic else self.locking

    def begins_optimistic(self) -> bool:
        """The kind of its oldest ticket, so that neither kind starves the other."""
        if not self.optimistic or not self.locking:
            return bool(self.optimistic)
        return self.optimistic[0].number < self.locking[0].number


class Arrivals:
    """Whose turn it is has the kind of the next batch, and a place in it."""

    def __init__(self) -> None:
        self._callers: dict[str, _Queues] = {}
        """In the order of their turns; who has no ticket is not in it."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, ticket: Ticket) -> None:
        """Behind all others of its caller."""
        self._queues_of(ticket).of(optimistic=ticket.optimistic).append(ticket)
        self._count += 1

    def put_back(self, tickets: Sequence[Ticket]) -> None:
        """To where each was before it was taken; all of them optimistic."""
        for ticket in tickets:
            self._queues_of(ticket).optimistic.append(ticket)
        for caller in {ticket.caller for ticket in tickets}:
            queues = self._callers[caller]
            queues.optimistic = deque(sorted(queues.optimistic, key=lambda each: each.number))
        self._count += len(tickets)

    def next_batch(self, lines_max: int, is_ready: IsReady) -> list[Ticket]:
        """Those that are ready, up to the bound but at least one; others met are the caller's."""
        if not self._callers:
            return []
        queues = next(iter(self._callers.values()))
        optimistic = queues.begins_optimistic()
        if len(self._callers) == 1:
            batch = self._of_one(queues.of(optimistic=optimistic), lines_max, is_ready)
        else:
            batch = self._of_all(lines_max, is_ready, optimistic=optimistic)
        for caller in [caller for caller, queues in self._callers.items() if not queues]:
            del self._callers[caller]
        return batch

    def _of_one(self, queue: deque[Ticket], lines_max: int, is_ready: IsReady) -> list[Ticket]:
        batch: list[Ticket] = []
        lines = 0
        while queue:
            ticket = queue[0]
            if batch and lines + ticket.weight > lines_max:
                break
            queue.popleft()
            self._count -= 1
            if is_ready(ticket):
                batch.append(ticket)
                lines += ticket.weight
        return batch

    def _of_all(self, lines_max: int, is_ready: IsReady, *, optimistic: bool) -> list[Ticket]:
        """Always a ticket of who has the fewest lines in the batch, and comes first in turn."""
        shares = [
            (0, turn, queues.of(optimistic=optimistic))
            for turn, queues in enumerate(self._callers.values())
        ]
        batch: list[Ticket] = []
        lines = 0
        callers = list(self._callers)
        served: list[tuple[int, int]] = []
        while shares:
            had, turn, queue = shares[0]
            if not queue or (batch and lines + queue[0].weight > lines_max):
                heapq.heappop(shares)
                served += [(had, turn)] if had else []
                continue
            ticket = queue.popleft()
            self._count -= 1
            if is_ready(ticket):
                batch.append(ticket)
                lines += ticket.weight
                heapq.heapreplace(shares, (had + ticket.weight, turn, queue))
        # Who got nothing comes first next time, then who got least.
        for _, turn in sorted(served):
            self._callers[callers[turn]] = self._callers.pop(callers[turn])
        batch.sort(key=lambda ticket: ticket.number)
        return batch

    def _queues_of(self, ticket: Ticket) -> _Queues:
        caller = ticket.caller
        queues = self._callers.get(caller)
        if queues is None:
            queues = self._callers[caller] = _Queues()
        return queues
