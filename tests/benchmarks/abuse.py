"""What a caller notices of a client that means harm, all the while it does its worst.

The caller places orders at a pace of its own. The abuser is `tests.abuse.abuser`, one process. It
would be on a machine of its own, so here it gets what the others leave of the processors: what it
takes away by computing is none of the server's doing. For comparison it does the same to another
server, with which the processors are shared, too.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks import databases
from tests.benchmarks.load.paced import Paced
from tests.benchmarks.load.protocol import Seed, Tally
from tests.benchmarks.measure import Say, inventory
from tests.benchmarks.processes import Load, Server, load_generator

_HONEST_PER_SECOND: Final = 100
_PRODUCTS: Final = 100
_SECONDS: Final = 8.0
"""800 calls: the p99 is the eighth from the end."""
_ROUNDS: Final = 3
_LAST_IN_LINE: Final = 19
"""The niceness of who gets what is left."""
_SAMPLE_SECONDS: Final = 0.02
_MIB: Final = 1024 * 1024
_P99_TIMES_MAX: Final = 3.0
_GROWTH_MIB_MAX: Final = 50.0


@dataclass(frozen=True, slots=True)
class Attack:
    """Again and again."""

    name: str
    kind: str
    count: int
    is_elsewhere: bool = False

    def elsewhere(self) -> "Attack":
        """The same, done to somebody else."""
        return replace(self, name=f"{self.name}, at another server", is_elsewhere=True)


_NOBODY: Final = Attack("nobody", "", 0)
_RESETS: Final = Attack("calls reset as soon as they are made", "resets", 20_000)
_PINGS: Final = Attack("pings", "pings", 20_000)
_HEADERS: Final = Attack("headers of 60 kB", "headers", 100)
_HALF_OPEN: Final = Attack("500 connections that say nothing", "half_open", 500)
_ATTACKS: Final = (
    _NOBODY,
    _RESETS,
    _RESETS.elsewhere(),
    _PINGS,
    _PINGS.elsewhere(),
    _HEADERS,
    _HEADERS.elsewhere(),
    Attack("the same, a connection each", "headers", 1),
    Attack("the same, the limit acknowledged", "headers_acked", 100),
    Attack("headers of 2 MB, sent as 43 kB", "headers_swollen", 100),
    _HALF_OPEN,
    _HALF_OPEN.elsewhere(),
)


@dataclass(frozen=True, slots=True)
class _Sample:
    honest: Tally
    attacks: int
    """Of the abuser, as far as whole runs of it were done."""
    growth_mib: float
    """Of the server that the honest caller calls, at its worst."""


def main_abuse(console: Console, progress: Console) -> int:
    """Measure and show; 1 when a call of the honest caller failed."""
    load_average = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="inventory-bench-") as name,
        progress.status("starting and seeding") as status,
        _section(Path(name)) as section,
    ):
        samples = _measured(section, status.update)
    console.print(_table(samples, load_average))
    failures = [each.honest.failures for taken in samples.values() for each in taken]
    for failed in filter(None, failures):
        console.print(f"  [bold red]FAILED[/] {failed}")
    return 1 if any(failures) else 0


def _measured(section: "_Section", say: Say) -> dict[Attack, list[_Sample]]:
    samples: dict[Attack, list[_Sample]] = {attack: [] for attack in _ATTACKS}
    for attack in _ATTACKS:
        say(f"warming up: {attack.name}")
        section.sample(attack)
    for number in range(_ROUNDS):
        for attack in _ATTACKS[:: -1 if number % 2 else 1]:
            say(f"round {number + 1} of {_ROUNDS}: {attack.name}")
            samples[attack].append(section.sample(attack))
    return samples


@contextmanager
def _section(directory: Path) -> Iterator["_Section"]:
    with ExitStack() as stack:
        postgres = stack.enter_context(databases.postgres(directory))
        server, other = (
            stack.enter_context(inventory(postgres, directory, access_log="all")) for _ in range(2)
        )
        load = stack.enter_context(load_generator(directory / "honest.log"))
        load.seed(Seed(server.address, _PRODUCTS, 0))
        yield _Section(server, other, load)


@dataclass(frozen=True, slots=True)
class _Section:
    server: Server
    other: Server
    load: Load

    def sample(self, attack: Attack) -> _Sample:
        """Both at once."""
        with ExitStack() as stack:
            memory = stack.enter_context(_memory(self.server))
            harm = None
            if attack.kind:
                target = self.other if attack.is_elsewhere else self.server
                harm = stack.enter_context(_abuser(target, attack))
            honest = self.load.paced(Paced(self.server.address, "", _HONEST_PER_SECOND, _SECONDS))
            done = 0 if harm is None else _ended(harm)
        return _Sample(honest, done * attack.count, memory.growth_mib)


@contextmanager
def _abuser(target: Server, attack: Attack) -> Iterator["subprocess.Popen[str]"]:
    words = (target.address, attack.kind, str(attack.count), "again")
    command = [sys.executable, "-m", "tests.abuse.abuser", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        psutil.Process(process.pid).nice(_LAST_IN_LINE)
        try:
            yield process
        finally:
            process.kill()


def _ended(process: "subprocess.Popen[str]") -> int:
    """How often it did all it was told."""
    process.kill()
    told, _ = process.communicate()
    return len(told.splitlines())


class _Memory:
    """What a process holds, looked at often."""

    def __init__(self, server: Server) -> None:
        self._process = psutil.Process(server.pid)
        self._before = self._peak = self._process.memory_info().rss
        self._stop = threading.Event()

    def follow(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def stop(self) -> None:
        self._stop.set()

    @property
    def growth_mib(self) -> float:
        return (self._peak - self._before) / _MIB


@contextmanager
def _memory(server: Server) -> Iterator[_Memory]:
    memory = _Memory(server)
    thread = threading.Thread(target=memory.follow)
    thread.start()
    try:
        yield memory
    finally:
        memory.stop()
        thread.join()


def _table(samples: dict[Attack, list[_Sample]], load_average: float) -> Table:
    title = (
        f"{os.cpu_count()} processors, load average {load_average:.1f} before; "
        f"{_ROUNDS} rounds of {_SECONDS:.0f} s, medians, {time.strftime('%Y-%m-%d')}"
    )
    caption = (
        f"Wanted: a p99 of at most {_P99_TIMES_MAX:.0f} times that beside nobody, and at most "
        f"{_GROWTH_MIB_MAX:.0f} MiB. At another server: what sharing the processors costs alone."
    )
    headings = ("a caller of CreateOrder beside", "p50 ms", "p99 ms", "times", "MiB", "a second")
    table = Table(title=title, caption=caption)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    undisturbed = median(each.honest.p99_ms for each in samples[_NOBODY])
    for attack, taken in samples.items():
        table.add_row(attack.name, *_cells(taken, undisturbed))
    return table


def _cells(taken: Sequence[_Sample], undisturbed: float) -> tuple[str, ...]:
    p99 = median(each.honest.p99_ms for each in taken)
    return (
        f"{median(each.honest.p50_ms for each in taken):.2f}",
        f"{p99:.2f}",
        f"{p99 / undisturbed:.2f}",
        f"{max(each.growth_mib for each in taken):.1f}",
        f"{median(each.attacks / each.honest.seconds for each in taken):,.0f}",
    )
