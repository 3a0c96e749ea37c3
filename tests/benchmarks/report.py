"""The report: on the terminal, as Markdown, as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.figures import Figure, Verdict
from tests.benchmarks.plan import Pace
from tests.benchmarks.strategies import Comparison

_HEADINGS: Final = (
    "scenario", "in flight", "per second", "server µs", "PostgreSQL µs", "both µs", "client µs",
    "p50 ms", "p99 ms", "contended",
)  # fmt: skip
_NOTE: Final = (
    "Medians of the rounds. CPU is per call, and per order for BatchCreateOrders; latencies are "
    "per call. Calls answered CONTENTION count neither as calls nor in latencies, but their CPU "
    "does. Rates depend on what else runs and on the load generator, which shares the "
    "processors: compare them within one run only."
)


@dataclass(frozen=True, slots=True)
class Report:
    """One run."""

    postgres_version: str
    load_average: float
    """Of the machine in the minute before; what else runs makes CPU times longer, too."""
    pace: Pace
    figures: Sequence[Figure]
    verdicts: Sequence[Verdict]
    comparisons: Sequence[Comparison]

    @property
    def machine(self) -> str:
        """What it ran on."""
        return (
            f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}, PostgreSQL {self.postgres_version}, "
            f"load average {self.load_average:.1f} before"
        )

    @property
    def effort(self) -> str:
        """How long was measured."""
        return f"{self.pace.rounds} rounds of {self.pace.seconds} s per scenario"

    @property
    def failures(self) -> list[str]:
        """Calls that were not answered OK, in words."""
        return [
            f"{figure.name}, {figure.in_flight} in flight: {figure.failures}"
            for figure in self.figures
            if figure.failures
        ]


def show(report: Report, console: Console) -> None:
    """As a table."""
    table = Table(title=f"{report.machine}; {report.effort}", caption=_NOTE)
    table.add_column(_HEADINGS[0], no_wrap=True)
    for heading in _HEADINGS[1:]:
        table.add_column(heading, justify="right")
    for figure in report.figures:
        table.add_row(*_cells(figure))
    console.print(table)
    for verdict in report.verdicts:
        style = "green" if verdict.met else "bold red"
        console.print(f"  [{style}]{_mark(verdict):6}[/] {verdict.wanted}: {_compared(verdict)}")
    for comparison in report.comparisons:
        console.print(f"  {comparison}")
    for failure in report.failures:
        console.print(f"  [bold red]FAILED[/] {failure}")


def write(report: Report, path: Path) -> None:
    """As JSON if the name ends so, else as Markdown."""
    text = _json(report) if path.suffix == ".json" else _markdown(report)
    path.write_text(text, encoding="utf-8")


def _json(report: Report) -> str:
    verdicts = [{**asdict(verdict), "met": verdict.met} for verdict in report.verdicts]
    comparisons = [{**asdict(each), "cheaper": each.cheaper} for each in report.comparisons]
    whole = {
        "machine": report.machine,
        **asdict(report),
        "verdicts": verdicts,
        "comparisons": comparisons,
    }
    return json.dumps(whole, indent=2) + "\n"


def _markdown(report: Report) -> str:
    lines = [
        f"{report.machine}; {report.effort}.",
        "",
        _row(_HEADINGS),
        _row(("---", *["---:"] * (len(_HEADINGS) - 1))),
        *(_row(_cells(figure)) for figure in report.figures),
        "",
        _NOTE,
        "",
        *(f"- {_mark(each)}: {each.wanted}: {_compared(each)}" for each in report.verdicts),
        *(f"- {each}" for each in report.comparisons),
        *(f"- FAILED: {failure}" for failure in report.failures),
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(figure: Figure) -> tuple[str, ...]:
    costs = (
        figure.server_us,
        figure.postgres_us,
        figure.server_us + figure.postgres_us,
        figure.client_us,
    )
    return (
        figure.name,
        str(figure.in_flight),
        f"{figure.rate:,.0f}",
        *(f"{cost:,.0f}" for cost in costs),
        f"{figure.p50_ms:.2f}",
        f"{figure.p99_ms:.2f}",
        f"{figure.contended:.1%}" if figure.contended else "",
    )


def _mark(verdict: Verdict) -> str:
    return "ok" if verdict.met else "MISSED"


def _compared(verdict: Verdict) -> str:
    sign = ">=" if verdict.at_least else "<="
    return f"{verdict.measured:.3f}, wanted {sign} {verdict.bound:.3f}"
