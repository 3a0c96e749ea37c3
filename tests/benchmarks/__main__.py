"""`python -m tests.benchmarks`: CPU per call and rates, in one run of a few minutes.

Exit status 0 when everything ran, whatever the figures; 1 when something did not.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from inventory_grpc.embedded import EmbeddedPostgresError
from tests.benchmarks.abuse import main_abuse
from tests.benchmarks.fairness import measure_fairness
from tests.benchmarks.fairness import total_seconds as fairness_seconds
from tests.benchmarks.figures import figures, verdicts
from tests.benchmarks.measure import bench, measure
from tests.benchmarks.overhead import main_overhead
from tests.benchmarks.plan import FULL, QUICK, SCENARIOS, Pace
from tests.benchmarks.processes import BenchmarkFailed
from tests.benchmarks.report import Report, show, write
from tests.benchmarks.strategies import comparisons
from tests.benchmarks.watchers import measure_watchers
from tests.benchmarks.watchers import total_seconds as watchers_seconds

_WIDTH_MIN = 144
"""Columns, so that no figure is cut off where the output is not a terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; the exit status."""
    options = _parser().parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_MIN)
    try:
        if options.abuse:
            return main_abuse(console, Console(stderr=True))
        if options.overhead:
            return main_overhead(console, Console(stderr=True))
        report = _measured(QUICK if options.quick else FULL, Console(stderr=True))
    except (BenchmarkFailed, EmbeddedPostgresError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    show(report, console)
    if options.output is not None:
        write(report, options.output)
    return 1 if report.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than two minutes, less exact")
    parser.add_argument(
        "--abuse", action="store_true", help="only: what a client that means harm costs others"
    )
    parser.add_argument(
        "--overhead", action="store_true", help="only: what identity, log and metrics cost"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="also write the report: .json, else Markdown"
    )
    return parser


def _measured(pace: Pace, progress: Console) -> Report:
    load_average = os.getloadavg()[0]
    seconds = pace.total_seconds(SCENARIOS) + watchers_seconds(pace) + fairness_seconds(pace)
    progress.print(f"about {seconds:.0f} s of load and a few to start", style="dim")
    with (
        tempfile.TemporaryDirectory(prefix="inventory-bench-") as name,
        progress.status("starting and seeding") as status,
        bench(Path(name)) as running,
    ):
        samples = measure(running, SCENARIOS, pace, status.update)
        fairness = measure_fairness(running, Path(name), pace, status.update)
        watching = measure_watchers(running, Path(name), pace, status.update)
        version = running.postgres.version
    return Report(
        version,
        load_average,
        pace,
        figures(samples),
        verdicts(samples),
        comparisons(samples),
        watching,
        fairness,
    )


if __name__ == "__main__":
    sys.exit(main())
