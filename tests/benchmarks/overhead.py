"""`python -m tests.benchmarks --overhead`: what identity, limits, access log and metrics cost.

Two processes of the same server differ by more than what is looked for, for as long as they run. So
there are several of either kind, asked in a random order and with the same calls: bare ones get the
credential, too, and do not look at it.
"""

import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Final

from rich.console import Console
from rich.table import Table

from inventory_grpc.identity.api_keys import digest_of
from tests.benchmarks import databases, processes
from tests.benchmarks.cpu import tree_seconds
from tests.benchmarks.load.protocol import Run, Seed
from tests.benchmarks.measure import Say, inventory
from tests.benchmarks.plan import HOT, HOT_64, PRODUCTS, UNIFORM_64, Scenario
from tests.benchmarks.processes import Load, Server

_SCENARIOS: Final = (HOT, HOT_64, UNIFORM_64)
_INSTANCES: Final = 4
_ROUNDS: Final = 12
_SECONDS: Final = 0.5
_RATIO_MAX: Final = 1.1
_KEY: Final = "a key of nobody but the benchmark"


@dataclass(eq=False, slots=True)
class _Instance:
    """One server process; ``costs`` in microseconds of CPU per order, PostgreSQL's included."""

    server: Server
    is_equipped: bool
    costs: list[float]


def main_overhead(console: Console, progress: Console) -> int:
    """Measure and show; the exit status."""
    load_average = os.getloadavg()[0]
    seed = time.time_ns()
    table = _table(load_average, seed)
    with (
        tempfile.TemporaryDirectory(prefix="inventory-bench-") as name,
        progress.status("starting and seeding") as status,
        ExitStack() as stack,
    ):
        directory = Path(name)
        postgres = stack.enter_context(databases.postgres(directory))
        load = stack.enter_context(processes.load_generator(directory / "load.log"))
        instances = [
            _Instance(
                stack.enter_context(
                    inventory(postgres, directory, **(_equipment(directory) if equipped else {}))
                ),
                equipped,
                [],
            )
            for equipped in (False, True) * _INSTANCES
        ]
        load.seed(Seed(instances[0].server.address, PRODUCTS, 0))
        order = random.Random(seed)  # noqa: S311 - who is asked when
        for scenario in _SCENARIOS:
            _measure(scenario, instances, load, postgres.pid, order, status.update)
            table.add_row(*_cells(scenario, instances))
    console.print(table)
    return 0


def _equipment(directory: Path) -> dict[str, str]:
    """Settings of a server as one would run it; its callers' limits are far away."""
    access = directory / "access.toml"
    digest = digest_of(_KEY)
    access.write_text(
        f'[callers.load]\nrole = "admin"\napi_keys_sha256 = ["{digest}"]\n', encoding="utf-8"
    )
    return {
        "access_file": str(access),
        "access_log": "all",
        "caller_reads_per_second": "1000000",
        "caller_writes_per_second": "1000000",
        "metrics_listen": "127.0.0.1:0",
    }


def _measure(
    scenario: Scenario,
    instances: Sequence[_Instance],
    load: Load,
    postgres_pid: int,
    order: random.Random,
    say: Say,
) -> None:
    """The first round warms up."""
    for instance in instances:
        instance.costs.clear()
    for number in range(_ROUNDS + 1):
        say(f"{scenario.name}, {scenario.in_flight} in flight: round {number} of {_ROUNDS}")
        for instance in order.sample(instances, len(instances)):
            run = Run(
                [instance.server.address],
                scenario.workload,
                scenario.in_flight,
                _SECONDS,
                api_key=_KEY,
            )
            pids = (instance.server.pid, postgres_pid)
            before = sum(map(tree_seconds, pids))
            tally = load.run(run)
            seconds = sum(map(tree_seconds, pids)) - before
            if number:
                instance.costs.append(seconds / tally.calls * 1_000_000)


def _table(load_average: float, seed: int) -> Table:
    title = (
        f"{os.cpu_count()} processors, load average {load_average:.1f} before; {_INSTANCES} "
        f"servers of either kind, {_ROUNDS} rounds of {_SECONDS} s each, seed {seed}, "
        f"{time.strftime('%Y-%m-%d')}"
    )
    caption = (
        "Microseconds of CPU per order, server and PostgreSQL: the median of each server's rounds. "
        f"Wanted: means of at most {_RATIO_MAX} times."
    )
    table = Table(title=title, caption=caption)
    for heading in ("", "in flight", "bare servers", "with everything", "times"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    return table


def _cells(scenario: Scenario, instances: Sequence[_Instance]) -> tuple[str, ...]:
    bare = [median(each.costs) for each in instances if not each.is_equipped]
    equipped = [median(each.costs) for each in instances if each.is_equipped]
    ratio = fmean(equipped) / fmean(bare)
    style = "green" if ratio <= _RATIO_MAX else "bold red"
    return (
        scenario.workload,
        str(scenario.in_flight),
        " ".join(f"{cost:.0f}" for cost in sorted(bare)),
        " ".join(f"{cost:.0f}" for cost in sorted(equipped)),
        f"[{style}]{ratio:.3f}[/]",
    )
