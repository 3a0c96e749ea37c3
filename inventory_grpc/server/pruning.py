"""Prunes stored answers and the change stream in the background, a little at a time.

Every server process does it: whoever comes second finds nothing left.
"""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from inventory_grpc.server.threads import in_thread
from inventory_grpc.store.background import background_engine, bound
from inventory_grpc.store.pruning import ROWS_MAX, forget_commits, prune_answers

_log = structlog.stdlib.get_logger(__name__)

PERIOD_SECONDS: Final = 60.0


class Pruner:
    """Removes what is older than what is to be kept, once a minute."""

    def __init__(self, url: str, answers_kept: timedelta, changes_kept: timedelta) -> None:
        self._engine = background_engine(url)
        self._answers_kept = answers_kept
        self._changes_kept = changes_kept
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, at a random moment of the first period so that replicas do not meet."""
        self._task = asyncio.create_task(self._run(), name="pruner")

    async def stop(self) -> None:
        """End; a step that is under way ends by itself."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._engine.dispose()

    async def _run(self) -> None:
        await asyncio.sleep(random.uniform(0, PERIOD_SECONDS))  # noqa: S311 - no secret
        while True:
            await in_thread(self._round, "pruner")
            await asyncio.sleep(PERIOD_SECONDS)

    def _round(self) -> None:
        try:
            answers = prune_all(self._engine, self._answers_kept)
            commits = prune_all(self._engine, self._changes_kept, forget_commits)
        except DBAPIError as error:
            # Away, or another pruner's locks: the next round is soon enough.
            _log.info("pruning_postponed", reason=type(error.orig).__name__)
        else:
            if answers:
                _log.info("stored_answers_pruned", rows=answers)
            if commits:
                _log.info("changes_forgotten", commits=commits)


def prune_all(
    engine: Engine, kept: timedelta, prune: Callable[[Connection, timedelta], int] = prune_answers
) -> int:
    """Prune step by step, each a transaction, until nothing is left to do; how many rows.

    Raises DBAPIError; what earlier steps removed stays removed.
    """
    removed = 0
    while True:
        started = time.monotonic()
        with engine.begin() as conn:
            bound(conn, statement_ms=5_000, lock_ms=500)
            step = prune(conn, kept)
        removed += step
        if step < ROWS_MAX:
            return removed
        # As long idle as busy: calls come first.
        time.sleep(time.monotonic() - started)
