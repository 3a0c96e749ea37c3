"""Keeps one postmaster running, from a thread that lives as long as it shall."""

import logging
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_grpc.embedded.errors import EmbeddedPostgresError, StartFailedError
from inventory_grpc.embedded.launch import Launcher
from inventory_grpc.embedded.lock import postmaster_lines

_log = logging.getLogger(__name__)

# Crash recovery replays the log written since the last checkpoint before "ready".
_START_SECONDS_MAX: Final = 300.0
_READY_POLL_SECONDS: Final = 0.005

# The sessions of a killed postmaster hold its shared memory until they notice.
_SHARED_MEMORY_BUSY: Final = "pre-existing shared memory block"
_SHARED_MEMORY_RETRIES: Final = 300
_SHARED_MEMORY_PAUSE_SECONDS: Final = 0.1

_RESTARTS_MAX: Final = 5
_RESTARTS_WITHIN_SECONDS: Final = 60.0

# Fast, immediate, kill: how long each is given before the next.
_STOP_STEPS: Final = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

_LOG_LINES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Command:
    """What is started: the cluster's data directory, the log file, the options."""

    launcher: Launcher
    data: Path
    log: Path
    options: Sequence[str]

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start `postgres`; it dies with the calling thread."""
        return self.launcher.spawn_postmaster(self.data, self.log, self.options)


class Keeper:
    """Starts a postmaster, starts it again when it dies, stops it when told to.

    Its own thread does the starting, because the parent-death signal is tied
    to the thread that started the child, and callers' threads come and go.
    """

    def __init__(self, command: Command) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: EmbeddedPostgresError | None = None
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._restarts: deque[float] = deque(maxlen=_RESTARTS_MAX)
        self._thread = threading.Thread(target=self._run, name="embedded-postgres", daemon=True)

    def start(self) -> None:
        """Return when PostgreSQL accepts connections; raises `StartFailedError`."""
        self._thread.start()
        self.ready_pid()

    def ready_pid(self) -> int:
        """The pid of the postmaster that accepts connections; waits while it restarts.

        Raises `EmbeddedPostgresError` once the keeper has given up or stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._process is not None or self._failure is not None)
            if self._process is not None:
                return self._process.pid
            assert self._failure is not None
            raise self._failure

    def stop(self) -> None:
        """Shut PostgreSQL down (fast first, then harder) and end the thread."""
        self._stopping.set()
        for stop_signal, seconds in _STOP_STEPS:
            with self._changed:
                process = self._process
            if process is not None:
                process.send_signal(stop_signal)
            self._thread.join(seconds)
            if not self._thread.is_alive():
                return
        raise EmbeddedPostgresError("PostgreSQL could not be stopped")

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                process = self._start()
                self._announce(process, None)
                status = process.wait()
                self._announce(None, None)
                if not self._stopping.is_set():
                    self._count_restart(process.pid, status)
            self._announce(None, EmbeddedPostgresError("the embedded PostgreSQL was stopped"))
        except EmbeddedPostgresError as error:
            self._give_up(error)
        except OSError as error:
            self._give_up(EmbeddedPostgresError(str(error)))

    def _give_up(self, failure: EmbeddedPostgresError) -> None:
        _log.error("the embedded PostgreSQL is gone: %s", failure)
        self._announce(None, failure)

    def _announce(
        self, process: subprocess.Popen[bytes] | None, failure: EmbeddedPostgresError | None
    ) -> None:
        with self._changed:
            self._process = process
            self._failure = failure
            self._changed.notify_all()

    def _count_restart(self, pid: int, status: int) -> None:
        _log.error("PostgreSQL (pid %d) ended with status %d; starting it again", pid, status)
        now = time.monotonic()
        if len(self._restarts) == _RESTARTS_MAX and now - self._restarts[0] < (
            _RESTARTS_WITHIN_SECONDS
        ):
            raise StartFailedError(self._command.data, "it ended too often")
        self._restarts.append(now)

    def _start(self) -> subprocess.Popen[bytes]:
        log = ""
        for _ in range(_SHARED_MEMORY_RETRIES):
            log_start = _size(self._command.log)
            process = self._command.spawn()
            if self._becomes_ready(process):
                return process
            log = _read_from(self._command.log, log_start)
            if _SHARED_MEMORY_BUSY not in log or self._stopping.is_set():
                break
            self._stopping.wait(_SHARED_MEMORY_PAUSE_SECONDS)
        raise StartFailedError(self._command.data, _tail(log))

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether the child, and not an earlier postmaster, says it accepts connections."""
        deadline = time.monotonic() + _START_SECONDS_MAX
        while process.poll() is None:
            lines = postmaster_lines(self._command.data)
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7] == "ready":
                return True
            # PostgreSQL tells by writing a file: there is no event to wait for.
            if self._stopping.wait(_READY_POLL_SECONDS) or time.monotonic() > deadline:
                process.send_signal(signal.SIGQUIT)
                process.wait()
        return False


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _read_from(log: Path, offset: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _tail(log: str) -> str:
    return "\n".join(log.splitlines()[-_LOG_LINES_SHOWN:])
