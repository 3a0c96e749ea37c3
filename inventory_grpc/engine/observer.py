"""Who wants to know of every batch."""

from collections.abc import Sequence
from typing import Protocol

from inventory_grpc.engine.request import Outcome
from inventory_grpc.engine.ticket import Ticket


class BatchObserver(Protocol):
    """Called on the event loop, around the batch's time in the committer's thread. Never raises."""

    def began(self, batch: Sequence[Ticket], lane: str) -> object:
        """It goes to the committer of ``lane`` (main, side or apart). What is returned comes back
        with its end; a context variable that is set here is set for the committer, too."""

    def ended(self, token: object, batch: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:
        """One outcome each, in order; an UnfinishedError means that the ticket will be part of
        another batch, or be given up. Nobody has been answered yet."""


class NoBatchObserver:
    """Watches nothing."""

    def began(self, batch: Sequence[Ticket], lane: str) -> object:
        """Nothing."""

    def ended(self, token: object, batch: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:
        """Nothing."""
