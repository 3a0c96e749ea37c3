"""The processes under measurement and the one that loads them, each a child of this one."""

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.load.paced import Paced
from tests.benchmarks.load.protocol import Prepare, Run, Seed, Tally, Watch

_START_SECONDS_MAX: Final = 30
_STOP_SECONDS_MAX: Final = 30
_ANSWER_SECONDS_MAX: Final = 90
"""Beyond the time a run was given."""


class BenchmarkFailed(Exception):
    """Something did not run, so there is nothing to report."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that takes calls."""

    pid: int
    address: str


@contextmanager
def server(module: str, *arguments: str, log: Path, **settings: str) -> Iterator[Server]:
    """A server process on any free port, from ready until the end of the block."""
    with _process(log, settings, "-m", module, *arguments) as process:
        line = _read_line(process, _START_SECONDS_MAX)
        address = re.search(r"127\.0\.0\.1:\d+", line)
        if address is None:
            raise BenchmarkFailed(f"{module} did not get ready:\n{log.read_text()}")
        yield Server(process.pid, address[0])


class Load:
    """The load generator, as seen from here."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def seed(self, order: Seed) -> None:
        """Raises BenchmarkFailed."""
        self._ask(asdict(order), _ANSWER_SECONDS_MAX)

    def watch(self, order: Watch) -> None:
        """Have so many watchers. Raises BenchmarkFailed."""
        self._ask(asdict(order), _ANSWER_SECONDS_MAX)

    def paced(self, order: Paced) -> Tally:
        """Of one caller; none of its calls need have succeeded. Raises BenchmarkFailed."""
        return Tally(**self._ask(asdict(order), order.seconds + _ANSWER_SECONDS_MAX))

    def prepare(self, run: Run) -> None:
        """Make what its calls use up. Raises BenchmarkFailed, also when a call did not succeed."""
        tally = self._tally(asdict(Prepare(run)), run)
        if tally.failures:
            raise BenchmarkFailed(f"{run.workload} could not be prepared: {tally.failures}")

    def run(self, run: Run) -> Tally:
        """Raises BenchmarkFailed, also when no call succeeded."""
        tally = self._tally(asdict(run), run)
        if not tally.calls:
            raise BenchmarkFailed(f"no call of {run.workload} succeeded: {tally}")
        return tally

    def _tally(self, message: Mapping[str, object], run: Run) -> Tally:
        return Tally(**self._ask(message, run.seconds + _ANSWER_SECONDS_MAX))

    def _ask(self, message: Mapping[str, object], seconds_max: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(message)}\n")
        self._process.stdin.flush()
        line = _read_line(self._process, seconds_max)
        if not line:
            raise BenchmarkFailed(f"the load generator gave up:\n{self._log.read_text()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def load_generator(log: Path) -> Iterator[Load]:
    """A load generator until the end of the block."""
    with _process(log, {}, "-m", "tests.benchmarks.load") as process:
        yield Load(process, log)


@contextmanager
def _process(
    log: Path, settings: Mapping[str, str], *arguments: str
) -> Iterator["subprocess.Popen[str]"]:
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=_environment(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, but with the settings given and no others."""
    inherited = {name: value for name, value in os.environ.items() if "INVENTORY_" not in name}
    return inherited | {f"INVENTORY_{name.upper()}": value for name, value in settings.items()}


def _read_line(process: "subprocess.Popen[str]", seconds_max: float) -> str:
    """The next line it prints; empty when it ends or says nothing for so long."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds_max)
    return process.stdout.readline() if ready else ""


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
