"""The committer: runs batches on its own connection until each group has an outcome.

Conflicts and lost connections run the whole attempt again, bounded and jittered. A row that
somebody else holds for too long sends the groups that need it to the side queue and lets the rest
run at once. Anything else splits the batch, so that one bad command cannot fail its neighbours.
"""

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from inventory_grpc.domain.errors import Contention, DatabaseUnavailable
from inventory_grpc.engine.attempt import attempt
from inventory_grpc.engine.request import EncodeRefusal, Group, Outcome
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


class BlockedError(Exception):
    """The group needs a row that somebody else holds; it belongs in the side queue."""


@dataclass(slots=True)
class Counters:
    """What the write path did, for metrics and for tests that want it to have been quiet."""

    transactions: int = 0
    reruns: int = 0
    splits: int = 0
    blocked: int = 0


def _attempts_max(failure: Failure, groups: Sequence[Group]) -> int:
    return _TOGETHER_MAX if failure is Failure.NAME_TAKEN and len(groups) > 1 else ATTEMPTS_MAX


@dataclass(slots=True)
class Committer:
    """One connection and one thread at a time."""

    link: Link
    encode_refusal: EncodeRefusal
    counters: Counters = field(default_factory=Counters)
    blocked: Blocked = field(default_factory=Blocked)
    """What the last probe found held by somebody else."""

    def commit(self, groups: Sequence[Group]) -> list[Outcome]:
        """One outcome per group, in order; BlockedError for those of the side queue. Never
        raises for a reason that lies in the database or in a group."""
        failures = 0
        was_unknown = False
        while True:
            try:
                self.counters.transactions += 1
                return attempt(self.link, groups, self.encode_refusal, must_commit=was_unknown)
            except Exception as error:
                failure = failure_of(error)
                failures += 1
                log.debug("attempt %d failed: %s", failures, failure.name, exc_info=error)
                if failure is Failure.BLOCKED:
                    return self._without_blocked(groups)
                if failure is Failure.BUG:
                    return self._split(groups, error)
                if failure is Failure.LOST:
                    was_unknown = True
                    self.link.close()
                if failures >= _attempts_max(failure, groups):
                    return self._spent(groups, failure, failures, error)
            self.counters.reruns += 1
            # Half of it random, so that two servers that collided do not collide again.
            time.sleep(_BACKOFF_SECONDS * 2**failures * random.uniform(0.5, 1))  # noqa: S311

    def _spent(
        self, groups: Sequence[Group], failure: Failure, failures: int, error: Exception
    ) -> list[Outcome]:
        if failure is Failure.LOST:
            log.warning("the database does not answer: %s", " ".join(str(error).split()))
            return [DatabaseUnavailable() for _ in groups]
        if len(groups) > 1:
            return self._split(groups, error)
        return [Contention(failures)]

    def _split(self, groups: Sequence[Group], error: Exception) -> list[Outcome]:
        if len(groups) == 1:
            return [error]
        self.counters.splits += 1
        middle = len(groups) // 2
        return [*self.commit(groups[:middle]), *self.commit(groups[middle:])]

    def _without_blocked(self, groups: Sequence[Group]) -> list[Outcome]:
        """Run those that need nothing that is held; the others go to the side queue."""
        footprints = [group.footprint for group in groups]
        requests = (request for group in groups for request in group.requests)
        whole = Footprint.of(request.command for request in requests)
        try:
            self.blocked = find_blocked(self.link, whole)
        except Exception as error:
            log.debug("the probe failed", exc_info=error)
            if failure_of(error) is not Failure.BLOCKED:
                self.link.close()
                return [DatabaseUnavailable() for _ in groups]
            self.blocked = Blocked()
        held = [self.blocked.holds_up(footprint) for footprint in footprints]
        if not any(held) and len(groups) > 1:
            # Nobody holds a row any more, or the wait is elsewhere, as on a unique key: run apart,
            # and with little patience, only those that really wait are held up.
            self.link.lock_timeout_ms = min(self.link.lock_timeout_ms, HURRIED_LOCK_TIMEOUT_MS)
            return self._split(groups, BlockedError())
        if not any(held):
            held = [True]
            # So that the next one for the same name steps aside at once.
            self.blocked = Blocked(rows=frozenset(footprints[0].new_names))
        self.counters.blocked += sum(held)
        free = [group for group, is_held in zip(groups, held, strict=True) if not is_held]
        outcomes = iter(self.commit(free) if free else ())
        return [BlockedError() if is_held else next(outcomes) for is_held in held]
