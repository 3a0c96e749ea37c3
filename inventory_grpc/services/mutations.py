"""Mutations: the one way to change anything, as coroutines for the edge to await."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from inventory_grpc.domain.budget import HoldBudget
from inventory_grpc.engine.attempt import unsealed
from inventory_grpc.engine.batcher import Batcher, BatcherSettings
from inventory_grpc.engine.committer import Committer
from inventory_grpc.engine.counters import Counters
from inventory_grpc.engine.observer import BatchObserver
from inventory_grpc.engine.request import (
    Answer,
    EncodeRefusal,
    Group,
    Outcome,
    Request,
    RowRefused,
    SealCommit,
)
from inventory_grpc.settings import Settings
from inventory_grpc.store import book_reads, locks, writes
from inventory_grpc.store.identity import READ_IDENTITY, LinkIdentity
from inventory_grpc.store.link import Link, LinkSettings
from inventory_grpc.store.resume_tokens import CommitToken, seal

STATEMENTS: Final = (*locks.ALL, *book_reads.ALL, *writes.ALL, READ_IDENTITY)
"""Everything the write path ever sends."""

EncodeToken = Callable[[str], bytes]
"""A resume token as the last field of a response, made by the edge."""


class Mutations:
    """The write path of one process."""

    def __init__(self, batcher: Batcher, counters: Counters) -> None:
        self._batcher = batcher
        self.counters = counters

    @classmethod
    def start(
        cls,
        settings: Settings,
        encode_refusal: EncodeRefusal,
        encode_token: EncodeToken | None = None,
        observer: BatchObserver | None = None,
    ) -> "Mutations":
        """Inside the running loop. Connects when first needed, so the database may be away.

        Without ``encode_token`` responses carry no token. ``observer`` hears of every batch.
        """
        if settings.database_url is None:
            raise ValueError("no database_url")
        links = LinkSettings(
            settings.database_url,
            settings.pooler == "transaction",
            settings.lock_timeout_ms,
            settings.statement_timeout_ms,
        )
        patient = replace(links, statement_timeout_ms=settings.bulk_statement_timeout_ms)
        counters = Counters()
        budget = _hold_budget(settings)

        def committer(link_settings: LinkSettings) -> Committer:
            link = Link(link_settings, STATEMENTS)
            seal_commit = unsealed if encode_token is None else _sealing(link, encode_token)
            return Committer(link, encode_refusal, counters, budget, seal_commit)

        bounds = BatcherSettings(
            settings.batch_lines_max,
            settings.queue_commands_max,
            settings.lock_timeout_ms,
            settings.lock_wait_ms_max,
        )
        lanes = [committer(links) for _ in range(settings.committers)]
        side, apart = committer(links), committer(patient)
        return cls(Batcher(lanes, side, apart, bounds, observer), counters)

    @property
    def queued(self) -> int:
        """Groups that wait for their batch."""
        return self._batcher.queued

    def on_commit(self, committed: Callable[[], None]) -> None:
        """Have ``committed`` called on the event loop whenever something may have been."""
        self._batcher.on_batch(committed)

    async def close(self) -> None:
        """Finish what is queued, then close the connections."""
        await self._batcher.close()

    async def execute(self, request: Request, time_left: float | None) -> Answer:
        """One mutation; a refusal is an Answer with a code.

        Raises Overloaded, Draining, LockTimeout, Contention, DatabaseUnavailable; anything else
        is a bug.
        """
        outcome = await self._batcher.submit(Group((request,)), time_left)
        try:
            return _answers(outcome)[0]
        except RowRefused as refused:
            return refused.answer

    async def execute_atomic(
        self, requests: Sequence[Request], time_left: float | None
    ) -> list[Answer]:
        """All or none. Raises RowRefused for the first refused row, else as ``execute``."""
        return _answers(
            await self._batcher.submit(Group(tuple(requests), is_batch=True), time_left)
        )

    async def execute_independent(
        self, requests: Sequence[Request], time_left: float | None
    ) -> list[Answer | Exception]:
        """Each row for itself; a row that met Overloaded, or a bug, comes back as that error."""
        if requests and requests[0].validate_only:
            # Nothing is kept between transactions, so the rows must share one to see each other.
            group = Group(tuple(requests), atomic=False, is_batch=True)
            return [*_answers(await self._batcher.submit(group, time_left))]
        return await asyncio.gather(*(self._row(request, time_left) for request in requests))

    async def _row(self, request: Request, time_left: float | None) -> Answer | Exception:
        try:
            return await self.execute(request, time_left)
        except Exception as error:  # noqa: BLE001 - a bug in one row is no other row's
            return error


def _hold_budget(settings: Settings) -> HoldBudget:
    return HoldBudget(
        settings.hold_lines_max,
        settings.hold_units_max,
        timedelta(seconds=settings.hold_lifetime_seconds_max),
        settings.hold_units_per_caller_max,
    )


def _sealing(link: Link, encode_token: EncodeToken) -> SealCommit:
    identity = LinkIdentity(link)

    def seal_commit(commit_id: str) -> bytes:
        return encode_token(seal(identity.read(), CommitToken(commit_id)))

    return seal_commit


def _answers(outcome: Outcome) -> list[Answer]:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
