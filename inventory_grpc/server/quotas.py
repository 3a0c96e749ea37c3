"""What each caller may do: calls per second by group of methods, and calls at the same time.

A rate is a bucket of tokens that fills by so many a second and holds those of one second, so that a
caller may do a second's worth at once. A call takes one. What a batch has to pay beyond that is
known only once it was let in: then the bucket goes into debt, and what comes next has to wait until
the debt is paid. No batch is ever refused for being larger than the bucket.

There is a handful of numbers per caller, of whom the access file knows all. Nothing runs in the
background: time is looked at when a call comes. All of it belongs to the event loop.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from inventory_grpc.domain.caller import Caller, Limits
from inventory_grpc.domain.errors import RateLimited
from inventory_grpc.rpc.costs import Group, group_of
from inventory_grpc.settings import Settings

IN_FLIGHT_RETRY_MS: Final = 250
"""Long enough for calls to end."""
STREAMS_RETRY_MS: Final = 1_000
"""Streams last; another one ends now and then."""

_SECOND_NS: Final = 1_000_000_000
_MILLISECOND_NS: Final = 1_000_000
_RATES: Final = tuple(f"{group.name.lower()}_per_second" for group in Group)
_AT_ONCE: Final = ("in_flight", "watch_streams")
_RETRY_MS: Final = (IN_FLIGHT_RETRY_MS, STREAMS_RETRY_MS)

_SHARE: Final = 0.75
"""Of what the process takes at once, one caller may have so much, so that there is room for others
whatever it does."""

Clock = Callable[[], int]
"""Monotonic nanoseconds: whole numbers, so that a caller who waited as told is never short of a
rounding error."""


def default_limits(settings: Settings) -> Limits:
    """Of callers that have none of their own. Where everybody is the same caller, that one may
    have everything."""
    share = _SHARE if settings.access_file else 0

    def at_once(own: int | None, total: int) -> int:
        return own if own is not None else math.ceil(total * share)

    return Limits(
        settings.caller_reads_per_second,
        settings.caller_writes_per_second,
        settings.caller_scans_per_second,
        at_once(settings.caller_in_flight_max, settings.in_flight_max),
        at_once(settings.caller_watch_streams_max, settings.watch_streams_max),
    )


def threads_at_once(settings: Settings) -> int:
    """Of those for reads, and of their connections, one caller may have so many."""
    size = settings.read_pool_size
    return max(int(size * _SHARE), 1) if settings.access_file else size


class Bucket:
    """Tokens, kept as the time at which the bucket will be full again."""

    __slots__ = ("_empty_ns", "_full_at", "_token_ns", "per_second")

    def __init__(self, per_second: int) -> None:
        """Full, with ``per_second`` tokens; at least 1."""
        self.per_second = per_second
        self._token_ns = _SECOND_NS // per_second
        self._empty_ns = (per_second - 1) * self._token_ns
        """From less than one token until it is full."""
        self._full_at = 0

    def take(self, now: int) -> int:
        """Take a token, if there is one: 0; else the nanoseconds until there will be."""
        until_full = self._full_at - now
        if until_full > self._empty_ns:
            return until_full - self._empty_ns
        self._full_at = now + self._token_ns if until_full < 0 else self._full_at + self._token_ns
        return 0

    def pay(self, tokens: int, now: int) -> None:
        """Take so many, also when there are fewer."""
        self._full_at = max(self._full_at, now) + tokens * self._token_ns

    def is_full(self, now: int) -> bool:
        """As a new one is."""
        return self._full_at <= now

    def give_back(self) -> None:
        """The token taken last: nothing was had for it."""
        self._full_at -= self._token_ns


@dataclass(slots=True, eq=False)
class _Usage:
    """What one caller does at present."""

    limits: Limits
    """Those it was made for; the access file may change them."""
    buckets: list[Bucket | None]
    """By group; None = no limit."""
    at_once_max: list[int]
    """Calls, streams."""
    at_once: list[int]


class Quotas:
    """Of all callers of one process."""

    def __init__(self, defaults: Limits, clock: Clock = time.monotonic_ns) -> None:
        """``defaults`` are for callers that have none of their own."""
        self._defaults = defaults
        self._clock = clock
        self._usages: dict[str, _Usage] = {}

    def of(self, method: str, *, lasting: bool) -> "MethodQuotas":
        """What counts the calls of /package.Service/Method; ``lasting`` as ``rpc.calls.Doors``."""
        return MethodQuotas(self, self._usages, group_of(method), self._clock, lasting=lasting)

    def renew(self, caller: Caller) -> _Usage:
        """Its usage with the limits that it has now. A rate that has changed starts anew."""
        usage = self._usages.get(caller.name)
        if usage is None:
            usage = _Usage(caller.limits, [None] * len(Group), [0, 0], [0, 0])
            self._usages[caller.name] = usage
        usage.limits = caller.limits
        for group, name in zip(Group, _RATES, strict=True):
            bucket, rate = usage.buckets[group], self._limit(caller.limits, name)
            if rate != (0 if bucket is None else bucket.per_second):
                usage.buckets[group] = Bucket(rate) if rate else None
        usage.at_once_max = [self._limit(caller.limits, name) or sys.maxsize for name in _AT_ONCE]
        return usage

    def _limit(self, own: Limits, name: str) -> int:
        """0 = none."""
        limit: int | None = getattr(own, name)
        return limit if limit is not None else getattr(self._defaults, name) or 0


class MethodQuotas:
    """The limits of callers, as calls of one method meet them."""

    __slots__ = ("_clock", "_group", "_kind", "_quotas", "_usages")

    def __init__(
        self,
        quotas: Quotas,
        usages: dict[str, _Usage],
        group: Group,
        clock: Clock,
        *,
        lasting: bool,
    ) -> None:
        self._quotas = quotas
        self._usages = usages
        self._group = group
        self._clock = clock
        self._kind = int(lasting)

    def enter(self, caller: Caller) -> None:
        """Count a call; each that is counted has to ``leave``. Raises RateLimited, and then
        nothing was taken."""
        usage = self._usages.get(caller.name)
        if usage is None or usage.limits is not caller.limits:
            usage = self._quotas.renew(caller)
        kind = self._kind
        if usage.at_once[kind] >= usage.at_once_max[kind]:
            allowed = usage.at_once_max[kind]
            raise RateLimited(caller.name, _AT_ONCE[kind], allowed, _RETRY_MS[kind])
        bucket = usage.buckets[self._group]
        if bucket is not None:
            wait = bucket.take(self._clock())
            if wait:
                wait_ms = -(-wait // _MILLISECOND_NS)
                name = _RATES[self._group]
                raise RateLimited(caller.name, name, bucket.per_second, wait_ms)
        usage.at_once[kind] += 1

    def leave(self, caller: Caller) -> None:
        """The call has ended."""
        self._usages[caller.name].at_once[self._kind] -= 1

    def turn_away(self, caller: Caller) -> None:
        """The call that was just counted was refused by somebody else: it counts as none."""
        self.leave(caller)
        bucket = self._usages[caller.name].buckets[self._group]
        if bucket is not None:
            bucket.give_back()

    def charge(self, caller: Caller, rows: int) -> None:
        """A call that was counted as one turned out to be ``rows``."""
        bucket = self._usages[caller.name].buckets[self._group]
        if bucket is not None:
            bucket.pay(rows - 1, self._clock())
