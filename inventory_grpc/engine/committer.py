"""The committer: runs batches on its own connection until each group has an outcome.

Conflicts and lost connections run the whole attempt again, bounded and jittered. A row that
somebody else holds for too long sends the groups that need it to the side queue and lets the rest
run at once. Anything else splits the batch, so that one bad command cannot fail its neighbours.

An optimistic batch meets conflicts as a matter of course and waits for nobody: it leaves the
connection to others until it is tried again.
"""

import logging
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from inventory_grpc.domain.budget import UNLIMITED, HoldBudget
from inventory_grpc.domain.entries import StaleBooksError
from inventory_grpc.domain.errors import Contention, DatabaseUnavailable
from inventory_grpc.engine.attempt import (
    Access,
    AnsweredBeforeError,
    LocksNeededError,
    MoreDueError,
    attempt,
    unsealed,
)
from inventory_grpc.engine.counters import Counters
from inventory_grpc.engine.request import EncodeRefusal, Group, Outcome, SealCommit
from inventory_grpc.store.blockers import Blocked, find_blocked
from inventory_grpc.store.failures import Failure, failure_of
from inventory_grpc.store.footprint import Footprint
from inventory_grpc.store.link import Link

log = logging.getLogger(__name__)

ATTEMPTS_MAX: Final = 5
_TOGETHER_MAX: Final = 2
"""Attempts of a batch at a unique name: its own commands may hand a SKU on among themselves, and
that no re-run mends."""
_BACKOFF_SECONDS: Final = 0.01
HURRIED_LOCK_TIMEOUT_MS: Final = 50
"""Patience with a row or key while it is known that somebody holds one."""


class UnfinishedError(Exception):
    """The group has to be run again; nothing of it was done, as far as is known."""

    def __init__(self, *, must_commit: bool = False) -> None:
        super().__init__(must_commit)
        self.must_commit = must_commit
        """An earlier COMMIT of it may have landed: see ``attempt``."""


class BlockedError(UnfinishedError):
    """It needs a row that somebody else holds; it belongs in the side queue."""


class ConflictError(UnfinishedError):
    """It was decided on rows that have changed since, or that somebody holds."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Groups to run in one transaction, and what has to be remembered of earlier ones."""

    groups: Sequence[Group]
    must_commit: bool
    probed: bool = False
    """Rid of what somebody held a moment ago."""

    @property
    def optimistic(self) -> bool:
        return all(group.optimistic for group in self.groups)

    @property
    def apart(self) -> bool:
        return len(self.groups) == 1 and self.groups[0].apart

    @property
    def footprint(self) -> Footprint:
        return Footprint.of(each.command for group in self.groups for each in group.requests)


@dataclass(slots=True)
class Committer:
    """One connection and one thread at a time."""

    link: Link
    encode_refusal: EncodeRefusal
    counters: Counters = field(default_factory=Counters)
    budget: HoldBudget = UNLIMITED
    seal: SealCommit = unsealed
    blocked: Blocked = field(default_factory=Blocked)
    """What the last ``commit`` found held by somebody else."""

    def commit(self, groups: Sequence[Group], *, must_commit: bool = False) -> list[Outcome]:
        """One outcome per group, in order; BlockedError for those of the side queue, ConflictError
        for optimistic ones to try again. Never raises for a reason that lies in the database or
        in a group. Groups of one batch are all optimistic, or none is."""
        self.blocked = Blocked()
        return self._run(_Batch(groups, must_commit))

    def _run(self, batch: _Batch) -> list[Outcome]:
        failures = 0
        while True:
            try:
                return self._attempt(batch)
            except MoreDueError:
                continue
            except AnsweredBeforeError as error:
                return self._without_conflicting(batch, error.answered)
            except Exception as error:
                failure = failure_of(error)
                failures += 1
                log.debug("attempt %d failed: %s", failures, failure.name, exc_info=error)
                if failure is Failure.LOST:
                    batch = replace(batch, must_commit=True)
                    self.link.close()
                elif batch.optimistic and failure is not Failure.BUG:
                    return self._conflicting(batch)
                instead = self._instead(batch, failure, failures, error)
            if instead is not None:
                return instead
            self.counters.reruns += 1
            time.sleep(backoff_seconds(failures))

    def _attempt(self, batch: _Batch) -> list[Outcome]:
        if batch.apart:
            # A location in use is not worth the locks on all its levels, which others need.
            with suppress(LocksNeededError, StaleBooksError):
                return self._access(batch, Access.UNLOCKED)
        return self._access(batch, Access.VERIFIED if batch.optimistic else Access.LOCKED)

    def _access(self, batch: _Batch, access: Access) -> list[Outcome]:
        self.counters.transactions += 1
        return attempt(
            self.link, batch.groups, self.encode_refusal, self.budget,
            seal=self.seal, access=access, must_commit=batch.must_commit, counters=self.counters,
        )  # fmt: skip

    def _instead(
        self, batch: _Batch, failure: Failure, failures: int, error: Exception
    ) -> list[Outcome] | None:
        """What becomes of the batch, unless it is run again as it is."""
        if failure is Failure.BLOCKED:
            return self._without_blocked(batch)
        if failure is Failure.BUG:
            return self._split(batch, error)
        if failures < _attempts_max(failure, batch):
            return None
        if failure is Failure.LOST:
            log.warning("the database does not answer: %s", " ".join(str(error).split()))
            return [DatabaseUnavailable() for _ in batch.groups]
        return self._split(batch, Contention(failures))

    def _split(self, batch: _Batch, alone: Exception) -> list[Outcome]:
        """Both halves for themselves; what is ``alone`` ends with that error."""
        groups = batch.groups
        if len(groups) == 1:
            return [alone]
        self.counters.splits += 1
        middle = len(groups) // 2
        return [
            *self._run(replace(batch, groups=groups[:middle])),
            *self._run(replace(batch, groups=groups[middle:])),
        ]

    # -- somebody else's rows ------------------------------------------------------------------

    def _conflicting(self, batch: _Batch) -> list[Outcome]:
        """All of them try again later; but if it was a row that somebody holds, perhaps for long,
        those that do not need it run at once."""
        self.counters.conflicts += 1
        conflict = ConflictError(must_commit=batch.must_commit)
        if len(batch.groups) == 1 or batch.probed:
            return [conflict for _ in batch.groups]
        found = self._probe(batch)
        if found is None:
            return [DatabaseUnavailable() for _ in batch.groups]
        held = [found.holds_up(group.footprint) for group in batch.groups]
        if not any(held):
            held = [True] * len(held)
        return self._run_free(batch, held, conflict)

    def _without_conflicting(self, batch: _Batch, answered: Sequence[bool]) -> list[Outcome]:
        """An answer that is stored is given, whatever becomes of the others: who was told of a
        conflict instead would take it that nothing has been done."""
        self.counters.conflicts += 1
        conflict = ConflictError(must_commit=batch.must_commit)
        return self._run_free(batch, [not each for each in answered], conflict)

    def _without_blocked(self, batch: _Batch) -> list[Outcome]:
        """Run those that need nothing that is held; the others go to the side queue."""
        blocked = BlockedError(must_commit=batch.must_commit)
        if batch.apart:
            # There is nobody to tell it from, and a probe would lock as much again.
            self.counters.blocked += 1
            return [blocked]
        found = self._probe(batch)
        if found is None:
            return [DatabaseUnavailable() for _ in batch.groups]
        footprints = [group.footprint for group in batch.groups]
        held = [found.holds_up(footprint) for footprint in footprints]
        if not any(held) and len(held) > 1:
            # Nobody holds a row any more, or the wait is elsewhere, as on a unique key: run apart,
            # and with little patience, only those that really wait are held up.
            self.link.lock_timeout_ms = min(self.link.lock_timeout_ms, HURRIED_LOCK_TIMEOUT_MS)
            return self._split(batch, blocked)
        if not any(held):
            held = [True]
            # So that the next one for the same name steps aside at once.
            found = Blocked(rows=frozenset(footprints[0].new_names))
        self.blocked |= found
        self.counters.blocked += sum(held)
        return self._run_free(batch, held, blocked)

    def _run_free(
        self, batch: _Batch, held: Sequence[bool], error: UnfinishedError
    ) -> list[Outcome]:
        """``error`` for those that are held up, an outcome for the others."""
        pairs = list(zip(batch.groups, held, strict=True))
        free = [group for group, is_held in pairs if not is_held]
        rest = replace(batch, groups=free, probed=True)
        outcomes = iter(self._run(rest) if free else ())
        return [error if is_held else next(outcomes) for is_held in held]

    def _probe(self, batch: _Batch) -> Blocked | None:
        """What of its rows somebody else holds now; None if the database does not say."""
        try:
            return find_blocked(self.link, batch.footprint)
        except Exception as error:
            log.debug("the probe failed", exc_info=error)
            if failure_of(error) is Failure.BLOCKED:
                return Blocked()
            self.link.close()
            return None


def backoff_seconds(failures: int) -> float:
    """The pause after so many; half of it random, so that two servers that collided do not
    collide again."""
    return float(_BACKOFF_SECONDS * 2**failures * random.uniform(0.5, 1))  # noqa: S311


def _attempts_max(failure: Failure, batch: _Batch) -> int:
    together = failure is Failure.NAME_TAKEN and len(batch.groups) > 1
    return _TOGETHER_MAX if together else ATTEMPTS_MAX
