"""Where OPTIMISTIC orders are cheaper than the same ones PESSIMISTIC."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.benchmarks import plan
from tests.benchmarks.figures import contended_share, cost_ratio, rate_of
from tests.benchmarks.measure import Samples
from tests.benchmarks.plan import Scenario

_NOISE: Final = 0.05
"""A difference in CPU that two runs of the same thing show, too."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same orders with either strategy; medians of the rounds, OPTIMISTIC / PESSIMISTIC."""

    name: str
    """Of the PESSIMISTIC scenario."""
    in_flight: int
    cost_ratio: float
    """CPU of servers and PostgreSQL per order that was placed."""
    rate_ratio: float
    """Orders placed a second."""
    contended: float
    """Share of the OPTIMISTIC calls that were answered CONTENTION."""

    @property
    def cheaper(self) -> str:
        """In CPU per order."""
        if abs(self.cost_ratio - 1) <= _NOISE:
            return "neither is cheaper"
        return f"{'OPTIMISTIC' if self.cost_ratio < 1 else 'PESSIMISTIC'} is cheaper"

    def __str__(self) -> str:
        return (
            f"{self.name}, {self.in_flight} in flight: {self.cheaper}; OPTIMISTIC takes "
            f"{self.cost_ratio:.2f} times the CPU per order at {self.rate_ratio:.2f} times the "
            f"rate, {self.contended:.1%} answered CONTENTION"
        )


def comparisons(samples: Samples) -> Sequence[Comparison]:
    """One for every pair of scenarios."""
    return [_comparison(samples, *pair) for pair in plan.STRATEGIES.items()]


def _comparison(samples: Samples, pessimistic: Scenario, optimistic: Scenario) -> Comparison:
    rates = [
        rate_of(optimistic)(ours) / rate_of(pessimistic)(theirs)
        for ours, theirs in zip(samples[optimistic], samples[pessimistic], strict=True)
    ]
    return Comparison(
        pessimistic.name,
        pessimistic.in_flight,
        cost_ratio(samples, optimistic, pessimistic),
        median(rates),
        median(map(contended_share, samples[optimistic])),
    )
