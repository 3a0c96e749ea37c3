"""What watchers of changes cost: memory of idle ones, and what orders cost while they are told.

Most watchers want one product each, of which orders change two: watchers of everything are told
each change, so that a thousand of them would be told three thousand per order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from tests.benchmarks.figures import failures_of
from tests.benchmarks.load.protocol import Watch
from tests.benchmarks.measure import Bench, Sample, Say, inventory
from tests.benchmarks.plan import HOT_64, Pace, Target

_MICROSECONDS: Final = 1_000_000
_MEBIBYTE: Final = 1024 * 1024
_SETTINGS: Final[Mapping[str, str]] = {
    "watch_streams_max": "1000",
    # None ends by itself while it is measured.
    "watch_seconds_max": "3600",
}


@dataclass(frozen=True, slots=True)
class Audience:
    """Who watches."""

    of_one_product: int = 0
    of_everything: int = 0

    @property
    def size(self) -> int:
        return self.of_one_product + self.of_everything

    @property
    def events_per_order(self) -> int:
        """An order and its two stock levels; who wants one of these products is told of one level.

        They come first in the catalogue, so that two watchers of one product want them.
        """
        return 3 * self.of_everything + 2 * min(2, self.of_one_product)

    def __str__(self) -> str:
        if not self.size:
            return "none"
        return f"{self.of_one_product:,} of one product, {self.of_everything:,} of everything"


NOBODY: Final = Audience()
IDLE: Final = Audience(of_one_product=1_000)
_FIRST: Final = Audience(of_one_product=8, of_everything=2)
AUDIENCES: Final = (
    NOBODY,
    Audience(of_one_product=98, of_everything=2),
    Audience(of_one_product=998, of_everything=2),
    Audience(of_everything=100),
)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the server process, in MiB."""

    before: float
    """With its connections and caches warm, and a few watchers that have gone again."""
    after: float
    """With the watchers, which are told nothing."""
    watchers: int

    @property
    def kib_each(self) -> float:
        """A watcher's share, with that of its connection, which has a hundred."""
        return (self.after - self.before) * 1024 / self.watchers

    def __str__(self) -> str:
        return (
            f"{self.watchers:,} idle watchers, 100 per connection: server RSS {self.before:.1f} MiB"
            f" before and {self.after:.1f} MiB with them, {self.kib_each:.1f} KiB per watcher"
        )


@dataclass(frozen=True, slots=True)
class Watched:
    """Orders while somebody watches; medians of the rounds, CPU in microseconds."""

    audience: Audience
    rate: float
    """Orders placed a second."""
    server_us: float
    """Per order."""
    postgres_us: float
    client_us: float
    """With what the watchers' side costs, which is the load generator, too."""
    events_per_second: float
    events_per_order: float
    event_us: float
    """CPU of the server per event: what an order costs more than with nobody watching."""
    failures: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Watching:
    """The section of the report."""

    memory: Memory
    figures: Sequence[Watched]


def total_seconds(pace: Pace) -> float:
    """Of load alone."""
    return len(AUDIENCES) * _rounds(pace) * (_seconds(pace) + _warm_up_seconds(pace))


def measure_watchers(running: Bench, directory: Path, pace: Pace, say: Say) -> Watching:
    """On a server of their own, with the database that the others have filled."""
    with inventory(running.postgres, directory, **_SETTINGS) as server:
        section = _Section(
            Bench(running.postgres, {Target.INVENTORY: [server]}, running.load), pace
        )
        say("idle watchers")
        memory = section.memory()
        samples: dict[Audience, list[Sample]] = {audience: [] for audience in AUDIENCES}
        for number in range(_rounds(pace)):
            for audience in AUDIENCES[:: -1 if number % 2 else 1]:
                say(f"round {number + 1} of {_rounds(pace)}: watchers: {audience}")
                samples[audience].append(section.sample(audience))
        # Nobody is left when the server stops.
        section.have(NOBODY)
    return Watching(memory, [_watched(audience, samples) for audience in AUDIENCES])


def _rounds(pace: Pace) -> int:
    return pace.rounds // 2


def _seconds(pace: Pace) -> float:
    """Half of other scenarios': what was told takes its time, and so does opening the streams."""
    return pace.seconds / 2


def _warm_up_seconds(pace: Pace) -> float:
    """Of every sample: its watchers are new."""
    return pace.warm_up_seconds / 4


class _Section:
    """The one server that is watched."""

    def __init__(self, running: Bench, pace: Pace) -> None:
        self._running = running
        self._server = running.servers[Target.INVENTORY][0]
        self._pace = pace

    def have(self, audience: Audience) -> None:
        """So many watchers and no others."""
        self._running.load.watch(
            Watch(self._server.address, audience.of_one_product, audience.of_everything)
        )

    def memory(self) -> Memory:
        """Before and after."""
        self.have(_FIRST)
        self._orders(_FIRST, self._pace.seconds)
        self.have(NOBODY)
        before = self._rss()
        self.have(IDLE)
        return Memory(before, self._rss(), IDLE.size)

    def sample(self, audience: Audience) -> Sample:
        """Orders that they are told, after some that are not measured."""
        self.have(audience)
        self._orders(audience, _warm_up_seconds(self._pace))
        return self._orders(audience, _seconds(self._pace))

    def _orders(self, audience: Audience, seconds: float) -> Sample:
        return self._running.sample(HOT_64, seconds, audience.events_per_order)

    def _rss(self) -> float:
        return float(psutil.Process(self._server.pid).memory_info().rss) / _MEBIBYTE


def _watched(audience: Audience, samples: Mapping[Audience, Sequence[Sample]]) -> Watched:
    taken = samples[audience]
    events = [sample.tally.events / sample.tally.calls for sample in taken]
    extra = [
        _per_order(sample, sample.server_seconds) - _per_order(alone, alone.server_seconds)
        for sample, alone in zip(taken, samples[NOBODY], strict=True)
    ]
    return Watched(
        audience,
        median(sample.tally.calls / sample.tally.seconds for sample in taken),
        median(_per_order(sample, sample.server_seconds) for sample in taken),
        median(_per_order(sample, sample.postgres_seconds) for sample in taken),
        median(_per_order(sample, sample.client_seconds) for sample in taken),
        median(sample.tally.events / sample.tally.events_seconds for sample in taken),
        median(events),
        median(more / each if each else 0.0 for more, each in zip(extra, events, strict=True)),
        failures_of(taken),
    )


def _per_order(sample: Sample, seconds: float) -> float:
    return seconds / sample.tally.calls * _MICROSECONDS
