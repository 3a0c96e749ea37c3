"""Repairing what the check finds, level by level, through the write path."""

import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Self

from inventory_grpc.domain.commands import RepairLevel
from inventory_grpc.domain.consistency import Violation
from inventory_grpc.domain.context import Ids
from inventory_grpc.domain.entries import LevelKey
from inventory_grpc.domain.errors import DomainError
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.results import LevelRepair, Result
from inventory_grpc.engine.committer import BlockedError, Committer
from inventory_grpc.engine.request import Group, Outcome, Request, RowRefused
from inventory_grpc.services.consistency import STATEMENT_MS_MAX, Consistency
from inventory_grpc.services.mutations import STATEMENTS
from inventory_grpc.settings import Settings
from inventory_grpc.store.engine import ReadDatabase
from inventory_grpc.store.ledger_facts import READ_FACTS
from inventory_grpc.store.link import Link, LinkSettings

CALLER: Final = "system:repair"
"""The ledger's actor."""

_FINGERPRINT: Final = b"\0" * 16
"""Nobody ever sends one of these requests again."""
_UNSTORED: Final = 2
"""A refused repair may be tried again; its answer is kept by nobody."""


class RepairFailed(Exception):
    """A level could not be looked at or repaired; the text says why."""


class Repairs:
    """The repair of one database, for one thread; connects when first used."""

    def __init__(self, reads: ReadDatabase, link: Link) -> None:
        self._reads = reads
        self._link = link
        self._committer = Committer(link, _as_text)

    @classmethod
    def start(cls, settings: Settings) -> Self:
        """Needs ``database_url``. Waits for a locked row as long as a server's command would."""
        if settings.database_url is None:
            raise ValueError("database_url is not set")
        reads = ReadDatabase(
            settings.database_url,
            pool_size=1,
            statement_timeout_ms=STATEMENT_MS_MAX,
            pooler=settings.pooler,
        )
        links = LinkSettings(
            settings.database_url,
            settings.pooler == "transaction",
            settings.lock_wait_ms_max or settings.lock_timeout_ms,
            STATEMENT_MS_MAX,
        )
        return cls(reads, Link(links, (*STATEMENTS, READ_FACTS)))

    def close(self) -> None:
        """Close the connections."""
        self._link.close()
        self._reads.close()

    def damaged(self, keys: Sequence[ProductKey]) -> Iterator[LevelKey]:
        """Levels with a violation now; no keys = of all products.

        Raises ProductNotFound, DatabaseUnavailable.
        """
        last: LevelKey | None = None
        for item in Consistency(self._reads).check(keys, lambda: None):
            if isinstance(item, Violation) and (item.product_id, item.location_id) != last:
                last = item.product_id, item.location_id
                yield last

    def repair(self, level: LevelKey, *, apply: bool) -> LevelRepair:
        """Look at it under its lock and mend it; unless ``apply``, nothing is kept.

        Raises RepairFailed, DatabaseUnavailable.
        """
        done: list[LevelRepair] = []

        def keep(result: Result) -> bytes:
            assert isinstance(result, LevelRepair), result
            done.append(result)
            return json.dumps({"movements": len(result.movements)}).encode()

        # Of this machine's clock: it only has to sort near its neighbours in the indexes.
        request_id = Ids(datetime.now(UTC), secrets.randbits(40)).next()
        command = RepairLevel(*level)
        request = Request(CALLER, request_id, _FINGERPRINT, command, keep, validate_only=not apply)
        _raise_failure(self._committer.commit([Group((request,))])[0])
        # Of the attempt that was committed, or of an earlier one that it is the replay of.
        return done[-1]


def _raise_failure(outcome: Outcome) -> None:
    match outcome:
        case RowRefused(answer=answer):
            raise RepairFailed(answer.body.decode())
        case BlockedError():
            raise RepairFailed("somebody else has locked it: try again")
        case DomainError():
            raise outcome
        case Exception():
            raise RepairFailed(" ".join(str(outcome).split())) from outcome


def _as_text(refusal: DomainError) -> tuple[int, bytes]:
    return _UNSTORED, refusal.message.encode()
