"""Lanes: a committer, its thread, and the batches it runs."""

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from inventory_grpc.engine.committer import Committer
from inventory_grpc.engine.observer import BatchObserver, NoBatchObserver
from inventory_grpc.engine.request import Outcome
from inventory_grpc.engine.ticket import Ticket

Done = Callable[["Lane", list[Ticket], Sequence[Outcome]], None]


@dataclass(slots=True, eq=False)
class Lane:
    """A committer and its thread."""

    committer: Committer
    name: str = "main"
    observer: BatchObserver = field(default_factory=NoBatchObserver)
    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="committer")
    )
    ended: Callable[[], None] = lambda: None
    """Called on the event loop behind every batch: something may have been committed."""

    def run(self, batch: list[Ticket], lock_timeout_ms: int, done: Done) -> None:
        """Commit the batch in the lane's thread; ``done`` is called on the event loop."""
        loop = asyncio.get_running_loop()
        groups = [ticket.group for ticket in batch]
        must_commit = any(ticket.must_commit for ticket in batch)
        for ticket in batch:
            ticket.runs += 1
        # Nobody's: a batch is not the matter of the call that happened to fill it.
        context = contextvars.Context()
        token = context.run(self.observer.began, batch, self.name)

        def commit() -> list[Outcome]:
            self.committer.link.lock_timeout_ms = lock_timeout_ms
            return self.committer.commit(groups, must_commit=must_commit)

        def finished(future: "Future[list[Outcome]]") -> None:
            error = future.exception()
            outcomes = future.result() if error is None else [_as_bug(error)] * len(batch)
            # One wake-up per batch, not per waiter.
            loop.call_soon_threadsafe(deliver, outcomes)

        def deliver(outcomes: Sequence[Outcome]) -> None:
            self.observer.ended(token, batch, outcomes)
            done(self, batch, outcomes)
            self.ended()

        self.thread.submit(context.run, commit).add_done_callback(finished)

    async def close(self) -> None:
        """Close the connection, behind a batch whose callers have all gone."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.thread, self.committer.link.close)
        self.thread.shutdown(wait=False)


def _as_bug(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
