"""What a caller notices of a neighbour that asks for more than it may.

Both place orders of the same two products, each at its own pace whatever the answers are, each from
a process of its own. The neighbour has a quota; it asks for that, and for ten times that, without
heeding when it is told to come back.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from inventory_grpc.identity.api_keys import digest_of
from tests.benchmarks.cpu import tree_seconds
from tests.benchmarks.load.paced import Paced
from tests.benchmarks.load.protocol import Tally
from tests.benchmarks.measure import Bench, Say, inventory
from tests.benchmarks.plan import Pace
from tests.benchmarks.processes import Load, Server, load_generator

_HONEST_PER_SECOND: Final = 100
_QUOTA: Final = 30
_KEYS: Final = {"honest": "key of the honest one", "greedy": "key of the greedy one"}
_REFUSED: Final = "RESOURCE_EXHAUSTED"
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Who is there besides."""

    name: str
    per_second: int
    elsewhere: bool = False
    """At another server on the same machine, which has as much to do for it: what it is more at the
    same server is what the server cannot keep apart."""


_MODERATE: Final = Neighbour(f"a neighbour at its quota of {_QUOTA} a second", _QUOTA)
NEIGHBOURS: Final = (
    Neighbour("no neighbour", 0),
    _MODERATE,
    Neighbour("a neighbour at ten times its quota", 10 * _QUOTA),
    Neighbour("the same, at another server", 10 * _QUOTA, elsewhere=True),
)


@dataclass(frozen=True, slots=True)
class _Sample:
    """One neighbour in one round."""

    honest: Tally
    neighbour: Tally
    server_seconds: float

    @property
    def refused(self) -> int:
        return self.neighbour.failures.get(_REFUSED, 0)


@dataclass(frozen=True, slots=True)
class Beside:
    """The honest caller beside one neighbour; medians of the rounds."""

    neighbour: str
    p50_ms: float
    p99_ms: float
    rate: float
    """Orders of the honest caller a second."""
    neighbour_rate: float
    """Orders of the neighbour a second."""
    refused_rate: float
    refusal_us: float
    """CPU of the server per refusal: what it is above that with the neighbour at its quota."""
    failures: Mapping[str, int]
    """Of the honest caller, which should have none; of the neighbour, but for those refused."""


def total_seconds(pace: Pace) -> float:
    """Of load alone."""
    return len(NEIGHBOURS) * (pace.rounds + 1) * _seconds(pace)


def _seconds(pace: Pace) -> float:
    """Longer than other scenarios: a p99 wants hundreds of calls."""
    return 2 * pace.seconds


def measure_fairness(running: Bench, directory: Path, pace: Pace, say: Say) -> Sequence[Beside]:
    """On a server of their own, with the database that the others have filled."""
    with _section(running, directory) as section:
        samples: dict[Neighbour, list[_Sample]] = {each: [] for each in NEIGHBOURS}
        for neighbour in NEIGHBOURS:
            section.sample(neighbour, _seconds(pace))
        for number in range(pace.rounds):
            for neighbour in NEIGHBOURS[:: -1 if number % 2 else 1]:
                say(f"round {number + 1} of {pace.rounds}: {neighbour.name}")
                samples[neighbour].append(section.sample(neighbour, _seconds(pace)))
    return [_beside(each, taken, samples[_MODERATE]) for each, taken in samples.items()]


@contextmanager
def _section(running: Bench, directory: Path) -> Iterator["_Section"]:
    access = directory / "fairness.toml"
    access.write_text(_access(), encoding="utf-8")
    with ExitStack() as stack:
        server, other = (
            stack.enter_context(
                inventory(running.postgres, directory, access_file=str(access), access_log="all")
            )
            for _ in range(2)
        )
        honest, greedy, stranger = (
            stack.enter_context(load_generator(directory / f"{name}.log"))
            for name in ("honest", "greedy", "stranger")
        )
        threads = stack.enter_context(ThreadPoolExecutor(1))
        yield _Section(server, other, honest, greedy, stranger, threads)


def _access() -> str:
    callers = [
        f'[callers.{name}]\nrole = "writer"\napi_keys_sha256 = ["{digest_of(key)}"]\n'
        for name, key in _KEYS.items()
    ]
    return "".join(callers) + f"[callers.greedy.limits]\nwrites_per_second = {_QUOTA}\n"


@dataclass(frozen=True, slots=True)
class _Section:
    """Two servers; two callers of the one, and one of the other."""

    server: Server
    other: Server
    honest: Load
    greedy: Load
    stranger: Load
    threads: ThreadPoolExecutor

    def sample(self, neighbour: Neighbour, seconds: float) -> _Sample:
        """Both at once."""
        server, load = (
            (self.other, self.stranger) if neighbour.elsewhere else (self.server, self.greedy)
        )
        ask = Paced(server.address, _KEYS["greedy"], neighbour.per_second, seconds)
        before = tree_seconds(self.server.pid)
        beside = self.threads.submit(load.paced, ask)
        honest = self.honest.paced(
            Paced(self.server.address, _KEYS["honest"], _HONEST_PER_SECOND, seconds)
        )
        return _Sample(honest, beside.result(), tree_seconds(self.server.pid) - before)


def _beside(neighbour: Neighbour, taken: Sequence[_Sample], moderate: Sequence[_Sample]) -> Beside:
    extra = [
        (sample.server_seconds - other.server_seconds) / sample.refused if sample.refused else 0.0
        for sample, other in zip(taken, moderate, strict=True)
    ]
    return Beside(
        neighbour.name,
        median(sample.honest.p50_ms for sample in taken),
        median(sample.honest.p99_ms for sample in taken),
        median(sample.honest.calls / sample.honest.seconds for sample in taken),
        median(sample.neighbour.calls / sample.honest.seconds for sample in taken),
        median(sample.refused / sample.honest.seconds for sample in taken),
        0.0 if neighbour.elsewhere else median(extra) * _MICROSECONDS,
        _failures(taken),
    )


def _failures(taken: Sequence[_Sample]) -> dict[str, int]:
    failures: dict[str, int] = {}
    for sample in taken:
        unexpected = {
            **{f"honest: {code}": count for code, count in sample.honest.failures.items()},
            **{
                f"neighbour: {code}": count
                for code, count in sample.neighbour.failures.items()
                if code != _REFUSED
            },
        }
        for code, count in unexpected.items():
            failures[code] = failures.get(code, 0) + count
    return failures
