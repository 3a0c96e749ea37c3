"""Arrivals: tickets that wait for their batch, in order of arrival."""

from collections import deque
from collections.abc import Callable, Sequence

from inventory_grpc.engine.ticket import Ticket


class Arrivals:
    """A batch is of one kind: optimistic tickets wait beside the others.

    Whichever kind has the oldest ticket comes next, so neither starves the other.
    """

    def __init__(self) -> None:
        self._locking: deque[Ticket] = deque()
        self._optimistic: deque[Ticket] = deque()

    def __len__(self) -> int:
        return len(self._locking) + len(self._optimistic)

    def add(self, ticket: Ticket) -> None:
        """Behind all others."""
        self._of(ticket).append(ticket)

    def put_back(self, tickets: Sequence[Ticket]) -> None:
        """To where each was before it was taken; all of them optimistic."""
        self._optimistic = deque(
            sorted([*tickets, *self._optimistic], key=lambda ticket: ticket.number)
        )

    def next_batch(self, lines_max: int, is_ready: Callable[[Ticket], bool]) -> list[Ticket]:
        """Those that are ready, up to the bound but at least one; others met are the caller's."""
        queue = self._of_the_oldest()
        batch: list[Ticket] = []
        lines = 0
        while queue:
            ticket = queue[0]
            if batch and lines + ticket.weight > lines_max:
                break
            queue.popleft()
            if is_ready(ticket):
                batch.append(ticket)
                lines += ticket.weight
        return batch

    def _of(self, ticket: Ticket) -> deque[Ticket]:
        return self._optimistic if ticket.optimistic else self._locking

    def _of_the_oldest(self) -> deque[Ticket]:
        queues = [queue for queue in (self._locking, self._optimistic) if queue]
        return min(queues, key=lambda queue: queue[0].number, default=self._locking)
