"""The report: on the terminal, as Markdown, as JSON."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.fairness import Beside
from tests.benchmarks.figures import Figure, Verdict
from tests.benchmarks.plan import Pace
from tests.benchmarks.strategies import Comparison
from tests.benchmarks.watchers import Watched, Watching

_HEADINGS: Final = (
    "scenario", "in flight", "per second", "server µs", "PostgreSQL µs", "both µs", "client µs",
    "p50 ms", "p99 ms", "contended",
)  # fmt: skip
_WATCHED_HEADINGS: Final = (
    "watchers of CreateOrder hot, 64 in flight", "orders per second", "server µs", "PostgreSQL µs",
    "client µs", "events per second", "per order", "server µs per event",
)  # fmt: skip
_WATCHED_NOTE: Final = (
    "CPU is per order, medians of fewer and shorter rounds. Orders change two products, and most "
    "watchers want one product each, mostly others: the feed finds by an index who wants a change. "
    "An event is one change told to one watcher; its cost is what the server's CPU per order is "
    "above that with no watchers, that of reading the changes from the database included."
)
_BESIDE_HEADINGS: Final = (
    "a caller of CreateOrder beside", "p50 ms", "p99 ms", "its orders per second",
    "the neighbour's", "refused", "server µs per refusal",
)  # fmt: skip
_BESIDE_NOTE: Final = (
    "Both call at a pace of their own, whatever becomes of their calls, and the neighbour not as "
    "told when it is refused. A refusal costs what the server's CPU is above that with the "
    "neighbour at its quota."
)
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
    watching: Watching
    fairness: Sequence[Beside]

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
        return (
            [
                f"{figure.name}, {figure.in_flight} in flight: {figure.failures}"
                for figure in self.figures
                if figure.failures
            ]
            + [
                f"watchers: {each.audience}: {each.failures}"
                for each in self.watching.figures
                if each.failures
            ]
            + [
                f"beside {each.neighbour}: {each.failures}"
                for each in self.fairness
                if each.failures
            ]
        )


def show(report: Report, console: Console) -> None:
    """As a table."""
    title = f"{report.machine}; {report.effort}"
    console.print(_table(_HEADINGS, map(_cells, report.figures), title, _NOTE))
    for verdict in report.verdicts:
        style = "green" if verdict.met else "bold red"
        console.print(f"  [{style}]{_mark(verdict):6}[/] {verdict.wanted}: {_compared(verdict)}")
    for comparison in report.comparisons:
        console.print(f"  {comparison}")
    watched = map(_watched_cells, report.watching.figures)
    console.print(_table(_WATCHED_HEADINGS, watched, str(report.watching.memory), _WATCHED_NOTE))
    besides = map(_beside_cells, report.fairness)
    console.print(_table(_BESIDE_HEADINGS, besides, "one caller's excess", _BESIDE_NOTE))
    for failure in report.failures:
        console.print(f"  [bold red]FAILED[/] {failure}")


def _table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], title: str, caption: str
) -> Table:
    table = Table(title=title, caption=caption)
    table.add_column(headings[0], no_wrap=True)
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


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
        *_rows(_HEADINGS, map(_cells, report.figures)),
        "",
        _NOTE,
        "",
        *(f"- {_mark(each)}: {each.wanted}: {_compared(each)}" for each in report.verdicts),
        *(f"- {each}" for each in report.comparisons),
        "",
        f"{report.watching.memory}.",
        "",
        *_rows(_WATCHED_HEADINGS, map(_watched_cells, report.watching.figures)),
        "",
        _WATCHED_NOTE,
        "",
        *_rows(_BESIDE_HEADINGS, map(_beside_cells, report.fairness)),
        "",
        _BESIDE_NOTE,
        "",
        *(f"- FAILED: {failure}" for failure in report.failures),
    ]
    return "\n".join(lines) + "\n"


def _rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    line = ("---", *["---:"] * (len(headings) - 1))
    return [_row(headings), _row(line), *map(_row, rows)]


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


def _watched_cells(watched: Watched) -> tuple[str, ...]:
    return (
        str(watched.audience),
        *(
            f"{figure:,.0f}"
            for figure in (
                watched.rate,
                watched.server_us,
                watched.postgres_us,
                watched.client_us,
                watched.events_per_second,
            )
        ),
        f"{watched.events_per_order:.1f}",
        f"{watched.event_us:.1f}" if watched.event_us else "",
    )


def _beside_cells(beside: Beside) -> tuple[str, ...]:
    return (
        beside.neighbour,
        f"{beside.p50_ms:.2f}",
        f"{beside.p99_ms:.2f}",
        *(f"{rate:,.0f}" for rate in (beside.rate, beside.neighbour_rate, beside.refused_rate)),
        f"{beside.refusal_us:,.0f}" if beside.refusal_us else "",
    )


def _mark(verdict: Verdict) -> str:
    return "ok" if verdict.met else "MISSED"


def _compared(verdict: Verdict) -> str:
    sign = ">=" if verdict.at_least else "<="
    return f"{verdict.measured:.3f}, wanted {sign} {verdict.bound:.3f}"
