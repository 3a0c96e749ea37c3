"""Counting on the event loop, without locks: read by whoever scrapes, from a thread of its own."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import inf
from typing import Final

from prometheus_client.utils import floatToGoString

SECONDS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""A call takes a few milliseconds, waits for rows for seconds, and never longer than a minute
unless it is a stream of changes."""


class Histogram:
    """Values by size. Written on the event loop only; what others read is a moment old at most."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """``bounds`` in rising order; a value that equals one is counted below it."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """The cumulative buckets as Prometheus wants them, and the sum."""
        total = accumulate(self._counts.copy())
        names = map(floatToGoString, (*self._bounds, inf))
        return [(name, float(count)) for name, count in zip(names, total, strict=True)], self._sum
