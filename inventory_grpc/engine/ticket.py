"""Tickets: groups that wait for their outcome."""

from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory_grpc.engine.request import Group, Outcome

if TYPE_CHECKING:
    import asyncio


@dataclass(slots=True, eq=False)
class Ticket:
    """A group waiting for its outcome."""

    group: Group
    waiter: "asyncio.Future[Outcome]"
    expires: float
    """When its caller has run out of time; monotonic seconds."""
    number: int
    """By arrival."""
    weight: int
    optimistic: bool
    arrived: float = 0.0
    """Monotonic seconds."""
    context: Context | None = None
    """The caller's: who observes batches finds there whose group it is."""
    runs: int = 0
    """Batches that it was part of."""
    blocked_since: float = 0.0
    """When it first met a row that somebody else holds; monotonic seconds, 0 = never."""
    conflicts: int = 0
    must_commit: bool = False
    """An earlier COMMIT of it may have landed: see ``attempt``."""

    @property
    def caller(self) -> str:
        """Whose it is; all requests of a group are one caller's."""
        return self.group.requests[0].caller

    def resolve(self, outcome: Outcome) -> None:
        """Answer its caller, unless that has gone."""
        if not self.waiter.done():
            self.waiter.set_result(outcome)

    def drop(self) -> None:
        """Its caller is gone or out of time: nothing has been done, and nothing will be."""
        if not self.waiter.done():
            self.waiter.cancel()
