"""Figures out of samples: medians over the rounds, and the wanted ratios."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.benchmarks import plan
from tests.benchmarks.measure import Sample, Samples
from tests.benchmarks.plan import Scenario

_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One scenario, medians over the rounds; per order where a call makes several."""

    name: str
    in_flight: int
    rate: float
    """Calls or orders a second."""
    server_us: float
    postgres_us: float
    client_us: float
    p50_ms: float
    """Of a call, however many orders it makes."""
    p99_ms: float
    contended: float
    """Share of calls that were answered CONTENTION; such calls cost CPU too, which is counted in
    that of those that succeeded."""
    failures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A wanted ratio and what it came to: the median of the rounds' own ratios."""

    wanted: str
    bound: float
    measured: float
    at_least: bool

    @property
    def met(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def figures(samples: Samples) -> list[Figure]:
    """In the order of the scenarios."""
    return [_figure(scenario, taken) for scenario, taken in samples.items()]


def verdicts(samples: Samples) -> list[Verdict]:
    """What the project wants of them."""
    return [
        *(_of_rates(samples, order, plan.EMPTY) for order in (plan.HOT, plan.UNIFORM)),
        *(
            _of_rates(samples, affine, plan.EMPTY_AFFINE)
            for affine, order in plan.AFFINE.items()
            if order in (plan.HOT, plan.UNIFORM)
        ),
        _of_costs(samples, plan.HOT, plan.TEXTBOOK_HOT),
        _of_costs(samples, plan.UNIFORM, plan.TEXTBOOK_UNIFORM),
        *(_of_batch(samples, batch) for batch in plan.BATCHES),
        *(_of_holds(samples, hold, order) for hold, order in plan.HOLDS.items()),
        *(_of_reads(samples, read) for read in plan.READS),
    ]


def _of_batch(samples: Samples, batch: Scenario) -> Verdict:
    cost = median(cost_us(batch)(sample) for sample in samples[batch]) / 1000
    wanted = f"{batch.name}: server + PostgreSQL, ms of CPU per order"
    return Verdict(wanted, 0.2, cost, at_least=False)


def _of_rates(samples: Samples, order: Scenario, empty: Scenario) -> Verdict:
    ratios = [
        rate_of(order)(ours) / rate_of(empty)(theirs)
        for ours, theirs in zip(samples[order], samples[empty], strict=True)
    ]
    wanted = f"{order.name}, {order.in_flight} in flight: rate / empty RPC's rate"
    return Verdict(wanted, 0.6, median(ratios), at_least=True)


def _of_costs(samples: Samples, order: Scenario, textbook: Scenario) -> Verdict:
    ratio = cost_ratio(samples, order, textbook)
    wanted = f"{order.name}, {order.in_flight} in flight: server + PostgreSQL CPU / textbook's"
    return Verdict(wanted, 1 / 8, ratio, at_least=False)


def _of_holds(samples: Samples, hold: Scenario, order: Scenario) -> Verdict:
    ratio = cost_ratio(samples, hold, order)
    wanted = f"{hold.name}, {hold.in_flight} in flight: server + PostgreSQL CPU / {order.name}'s"
    return Verdict(wanted, 1.3, ratio, at_least=False)


def _of_reads(samples: Samples, read: Scenario) -> Verdict:
    ratio = cost_ratio(samples, read, plan.EMPTY_64)
    wanted = f"{read.name}, {read.in_flight} in flight: server + PostgreSQL CPU / empty RPC's"
    return Verdict(wanted, 1.5, ratio, at_least=False)


def cost_ratio(samples: Samples, one: Scenario, other: Scenario) -> float:
    """CPU per call of the one in units of the other's: the median of the rounds' own ratios."""
    return median(
        cost_us(one)(ours) / cost_us(other)(theirs)
        for ours, theirs in zip(samples[one], samples[other], strict=True)
    )


def _figure(scenario: Scenario, taken: Sequence[Sample]) -> Figure:
    def middle(value: Callable[[Sample], float]) -> float:
        return median(value(sample) for sample in taken)

    def per_order(seconds: Callable[[Sample], float]) -> float:
        return middle(lambda sample: seconds(sample) / _orders(scenario, sample)) * _MICROSECONDS

    return Figure(
        scenario.name,
        scenario.in_flight,
        middle(rate_of(scenario)),
        per_order(lambda sample: sample.server_seconds),
        per_order(lambda sample: sample.postgres_seconds),
        per_order(lambda sample: sample.client_seconds),
        middle(lambda sample: sample.tally.p50_ms),
        middle(lambda sample: sample.tally.p99_ms),
        middle(contended_share),
        failures_of(taken),
    )


def failures_of(taken: Sequence[Sample]) -> dict[str, int]:
    """How often each, in all rounds."""
    failures: dict[str, int] = {}
    for sample in taken:
        for code, count in sample.tally.failures.items():
            failures[code] = failures.get(code, 0) + count
    return failures


def _orders(scenario: Scenario, sample: Sample) -> int:
    return sample.tally.calls * scenario.orders_per_call


def contended_share(sample: Sample) -> float:
    """Calls answered CONTENTION, of all that were."""
    return sample.tally.contended / (sample.tally.contended + sample.tally.calls)


def rate_of(scenario: Scenario) -> Callable[[Sample], float]:
    """Calls or orders a second."""
    return lambda sample: _orders(scenario, sample) / sample.tally.seconds


def cost_us(scenario: Scenario) -> Callable[[Sample], float]:
    """Microseconds of CPU per order, server and PostgreSQL together."""

    def cost(sample: Sample) -> float:
        seconds = sample.server_seconds + sample.postgres_seconds
        return seconds / _orders(scenario, sample) * _MICROSECONDS

    return cost
