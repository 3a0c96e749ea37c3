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
_BACKOFF_SECONDS: Final = 0.01


class BlockedError(Exception):
    """The group needs a row that somebody else holds; it belongs in the side queue."""


@dataclass(slots=True)
class Counters:
    """What the write path did, for metrics and for tests that want it to have been quiet."""

    transactions: int = 0
    reruns: int = 0
    splits: int = 0
    blocked: int = 0


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
        while True:
            try:
                self.counters.transactions += 1
                return attempt(self.link, groups, self.encode_refusal)
            except Exception as error:
                failure = failure_of(error)
                failures += 1
                log.debug("attempt %d failed: %s", failures, failure.name, exc_info=error)
                if failure is Failure.BLOCKED:
                    return self._without_blocked(groups)
                if failure is Failure.BUG:
                    return self._split(groups, error)
                if failure is Failure.LOST:
                    self.link.close()
                if failures >= ATTEMPTS_MAX:
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
        footprints = [Footprint.of(r.command for r in group.requests) for group in groups]
        try:
            self.blocked = find_blocked(self.link, footprints)
        except Exception as error:
            log.debug("the probe failed", exc_info=error)
            self.link.close()
            return [DatabaseUnavailable() for _ in groups]
        held = [self.blocked.holds_up(footprint) for footprint in footprints]
        if not any(held) and len(groups) > 1:
            # Nobody holds a row any more, or the wait is elsewhere, as on a unique key: run apart,
            # only those that really wait are held up.
            return self._split(groups, BlockedError())
        if not any(held):
            held = [True]
        self.counters.blocked += sum(held)
        free = [group for group, is_held in zip(groups, held, strict=True) if not is_held]
        outcomes = iter(self.commit(free) if free else ())
        return [BlockedError() if is_held else next(outcomes) for is_held in held]
