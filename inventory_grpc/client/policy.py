"""How long calls may take, and when they are repeated.

There is one loop around the attempts of a call, and it is this library's. gRPC's own retries, by
service config, would not do: they cannot follow an attempt that got no answer within its deadline,
do not see the reason behind a code (CONTENTION is worth another attempt, VERSION_MISMATCH never
is), know nothing of google.rpc.RetryInfo, and would multiply with any loop around them. So the
service config has no retryPolicy, and what servers say by `grpc-retry-pushback-ms` is heeded here.

Repeating is safe, also after the outcome became unknown, because a mutation keeps the request_id
that it was first sent with: the server has one effect and gives its one answer again.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import grpc

from inventory_grpc.client.errors import InventoryError

CallClass = Literal["read", "write", "batch", "stream"]

_Code = grpc.StatusCode
# Without a reason these come from a connection that broke or a proxy: handlers never
# answer the last two.
_TRANSPORT: Final = frozenset({_Code.UNAVAILABLE, _Code.CANCELLED, _Code.UNKNOWN})
_REASONS: Final = frozenset({"CONTENTION", "RATE_LIMITED", "SLOW_CONSUMER"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for a call with all its attempts, and for one attempt."""

    call: float | None
    """None: as long as it takes."""
    attempt: float | None
    """An attempt without an answer within this is given up, and the call repeated."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Deadlines and retries of a client. Every call takes a `timeout` of its own instead."""

    read: Limits = Limits(call=15, attempt=5)
    write: Limits = Limits(call=30, attempt=10)
    batch: Limits = Limits(call=120, attempt=60)
    stream: Limits = Limits(call=None, attempt=None)
    """Of `check_consistency`. Watches end when they are closed."""
    attempts_max: int = 100
    """Of one call, the first included; 1 = never repeat anything."""
    backoff: float = 0.05
    """Seconds before the second attempt, at most; doubled for every further one. The wait is a
    random part of it, so that many clients do not come back at the same moment."""
    backoff_max: float = 2.0


def is_worth_repeating(error: InventoryError) -> bool:
    """Whether the same call may succeed a moment later."""
    if error.facts.retry_forbidden:
        return False
    if error.code is _Code.UNAVAILABLE or error.reason in _REASONS:
        return True
    return not error.reason and error.code in _TRANSPORT | {_Code.DEADLINE_EXCEEDED}


@dataclass(slots=True)
class Attempts:
    """The attempts of one call: how long the next may take, and how long to wait before it."""

    policy: Policy
    limits: Limits
    now: Callable[[], float] = time.monotonic
    fraction: Callable[[], float] = random.random
    made: int = 0
    _deadline: float | None = field(init=False)

    def __post_init__(self) -> None:
        call = self.limits.call
        self._deadline = None if call is None else self.now() + call

    def begin(self) -> float | None:
        """Count one more attempt; the seconds it may take, or None for any number."""
        self.made += 1
        bounds = [each for each in (self._left(), self.limits.attempt) if each is not None]
        return min(bounds) if bounds else None

    def pause_after(self, error: InventoryError) -> float:
        """Seconds to wait before the next attempt; raises the error if there shall be none.

        What the server asked for, or else a random part of the backoff. Never a wait beyond the
        call's deadline: then the error is raised at once.
        """
        error.attempts = self.made
        if not is_worth_repeating(error) or self.made >= self.policy.attempts_max:
            raise error
        pause = self._pause(error)
        left = self._left()
        if left is not None and pause >= left:
            raise error
        return pause

    def _pause(self, error: InventoryError) -> float:
        backoff: float = min(
            self.policy.backoff * 2 ** min(self.made - 1, 30), self.policy.backoff_max
        )
        if error.retry_after is None:
            return backoff * self.fraction()
        # On top of what was asked for, so that those who were told the same do not come together.
        return error.retry_after + backoff * self.fraction()

    def _left(self) -> float | None:
        return None if self._deadline is None else self._deadline - self.now()


def limits_for(policy: Policy, kind: CallClass, timeout: float | None) -> Limits:
    """Those of the call class, or as much of them as the caller's timeout leaves."""
    limits: Limits = getattr(policy, kind)
    return limits if timeout is None else Limits(timeout, limits.attempt)
