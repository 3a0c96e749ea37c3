"""Sweeps up due holds: has the end written of those whose time is over.

A due hold blocks nobody, swept up or not; only its status and its ledger rows wait. Every server
process has a sweeper, and a lease lets one of them work at a time. Two at once would only do some
work twice: decided under the locks, a hold that has ended is left alone.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from inventory_grpc.domain.errors import DatabaseUnavailable, DomainError, Draining, Overloaded
from inventory_grpc.server.setbacks import HOLDS_MAX, Chunk, Setbacks
from inventory_grpc.server.threads import in_thread
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.services.sweeping import expire_holds
from inventory_grpc.store.background import background_engine, bound
from inventory_grpc.store.leases import give_back, take
from inventory_grpc.store.sweeping import due_holds

_log = structlog.stdlib.get_logger(__name__)

LEASE: Final = "hold_sweeper"
_LEASE_PERIODS: Final = 5
_LEASE_SECONDS_MIN: Final = 5.0
"""More than a pass takes, so that it is renewed in time."""
_CHUNK_SECONDS_MAX: Final = 2.0
"""How long a pass waits for a row that somebody else has locked."""
_GIVE_BACK_SECONDS_MAX: Final = 2.0

_NOT_NOW: Final = (asyncio.CancelledError, DatabaseUnavailable, Draining, Overloaded)
"""Outcomes that say nothing about the holds; CancelledError: its time was over in the queue."""


class Sweeper:
    """Looks for due holds every `period_seconds` (0: never), as long as it holds the lease."""

    def __init__(self, url: str, mutations: Mutations, period_seconds: float) -> None:
        self._engine = background_engine(url)
        self._mutations = mutations
        self._period = period_seconds
        self._lease = timedelta(seconds=max(_LEASE_SECONDS_MIN, _LEASE_PERIODS * period_seconds))
        self._holder = str(uuid.uuid4())
        self._setbacks = Setbacks()
        self._leads = False
        self.passes = 0
        """Looks of this process while it held the lease."""
        self.due = 0
        """Holds whose time was over when it looked last, as many as it looks for."""
        self._is_away = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin at once, whether the database is there or not."""
        if self._period:
            self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        """End, and let another process begin; what the write path has begun it finishes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            given_back = in_thread(self._give_back, "sweeper")
            await asyncio.wait({given_back}, timeout=_GIVE_BACK_SECONDS_MAX)
        self._engine.dispose()

    @property
    def leads(self) -> bool:
        """Whether it is this process that sweeps up."""
        return self._leads and not self._is_away

    async def _run(self) -> None:
        while True:
            try:
                more = await self._pass()
            except Exception as bug:  # noqa: BLE001 - or nothing would be swept up until a restart
                _log.error("sweep_failed", exc_info=bug)
                more = False
            if not more:
                await asyncio.sleep(self._period)

    async def _pass(self) -> bool:
        """Look once and send what is due; whether the next pass should follow at once."""
        holds_max = HOLDS_MAX + self._setbacks.resting(time.monotonic())
        due = await in_thread(lambda: self._look(holds_max), "sweeper")
        chunks = self._setbacks.chunks(due, time.monotonic())
        # Each its own command, so that a locked row holds up one of them only.
        sending = (expire_holds(self._mutations, chunk, _CHUNK_SECONDS_MAX) for chunk in chunks)
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        if any(isinstance(outcome, _NOT_NOW) for outcome in outcomes):
            return False
        results = list(zip(chunks, outcomes, strict=True))
        self._note(results)
        is_full = sum(map(len, chunks)) == HOLDS_MAX
        # The holds of a chunk that failed are sent again, alone.
        return is_full or any(error is not None and len(chunk) > 1 for chunk, error in results)

    def _look(self, holds_max: int) -> list[str]:
        """What is due, if the lease is ours. Runs in a thread."""
        try:
            with self._engine.begin() as conn:
                bound(conn, statement_ms=2_000, lock_ms=500)
                leads = take(conn, LEASE, self._holder, self._lease)
                due = due_holds(conn, holds_max) if leads else []
        except SQLAlchemyError as error:
            if not self._is_away:
                _log.info("sweeping_postponed", reason=type(error).__name__)
            self._is_away = True
            return []
        self._is_away = False
        if leads != self._leads:
            _log.info("sweeping_started" if leads else "sweeping_left_to_another")
        self._leads = leads
        self.passes += leads
        self.due = len(due)
        return due

    def _note(self, results: Sequence[tuple[Chunk, BaseException | None]]) -> None:
        """Remember what was sent, and say so once of a hold that cannot be expired."""
        now = time.monotonic()
        news = [(chunk, error) for chunk, error in results if self._setbacks.note(chunk, now)]
        failed = [(chunk[0], error) for chunk, error in news if error is not None]
        if not failed:
            return
        hold_id, error = failed[0]
        reason = error.reason if isinstance(error, DomainError) else type(error).__name__
        cause = None if isinstance(error, DomainError) else error
        _log.warning(
            "holds_not_expired", holds=len(failed), hold_id=hold_id, reason=reason, exc_info=cause
        )

    def _give_back(self) -> None:
        try:
            with self._engine.begin() as conn:
                bound(conn, statement_ms=1_000, lock_ms=500)
                give_back(conn, LEASE, self._holder)
        except SQLAlchemyError as error:
            _log.info("lease_not_given_back", reason=type(error).__name__)
