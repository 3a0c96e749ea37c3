"""What the benchmark tells its load generator and hears from it: one JSON object a line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.benchmarks.plan import Workload


@dataclass(frozen=True, slots=True)
class Seed:
    """Make products with stock and some orders."""

    address: str
    products: int
    orders: int
    kind: Literal["seed"] = "seed"


@dataclass(frozen=True, slots=True)
class Run:
    """Keep ``in_flight`` calls in flight for some seconds, at most ``calls_max`` of them."""

    addresses: Sequence[str]
    """Of servers that get an equal share of the callers."""
    workload: Workload
    in_flight: int
    seconds: float
    calls_max: int = 500_000
    events_per_call: int = 0
    """Changes that the watchers are told of each, and that are waited for."""
    api_key: str = ""
    """Sent with each, if there is one."""
    kind: Literal["run"] = "run"


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make what the calls of that run will use up, for as long as it will take."""

    run: Run
    kind: Literal["prepare"] = "prepare"


@dataclass(frozen=True, slots=True)
class Watch:
    """Have so many watchers of a server's changes, instead of those there were."""

    address: str
    of_one_product: int
    """Each of another one, in the order of the catalogue."""
    of_everything: int
    kind: Literal["watch"] = "watch"


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run came to."""

    calls: int = 0
    """That succeeded."""
    seconds: float = 0.0
    """Until the last answer."""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    contended: int = 0
    """Calls answered CONTENTION, of workloads that may be."""
    failures: dict[str, int] = field(default_factory=dict)
    """Calls that did not succeed for other reasons, by status and its text; watchers that ended."""
    events: int = 0
    """Changes that all watchers together were told."""
    events_seconds: float = 0.0
    """Until the last of them."""
