"""A command at a terminal, as a person has it: a pseudo terminal of 80 columns."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.server.harness import environment

COLUMNS = 80
_SECONDS_MAX = 30
_CONTROL = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>]|\x07")


@dataclass
class Terminal:
    """What the program wrote, and where to type."""

    pid: int
    fd: int
    raw: bytes = b""
    status: int | None = None
    _read: int = field(default=0)

    @property
    def text(self) -> str:
        """Everything so far, without colours and cursor movements."""
        return _CONTROL.sub(b"", self.raw).decode().replace("\r\n", "\n").replace("\r", "\n")

    def type(self, keys: str) -> None:
        """As if typed; \\n is the return key."""
        os.write(self.fd, keys.replace("\n", "\r").encode())

    def until(self, text: str) -> None:
        """Wait until it says so, after what was waited for before."""
        deadline = time.monotonic() + _SECONDS_MAX
        while (found := self.text.find(text, self._read)) < 0:
            assert time.monotonic() < deadline, f"{text!r} never came:\n{self.text}"
            assert self._more(deadline), f"it ended without {text!r}:\n{self.text}"
        self._read = found + len(text)

    def end(self) -> int:
        """Wait until it ended; its exit status."""
        deadline = time.monotonic() + _SECONDS_MAX
        while self._more(deadline):
            pass
        if time.monotonic() > deadline:
            os.kill(self.pid, signal.SIGKILL)
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        assert self.status >= 0, f"it did not end by itself:\n{self.text}"
        return self.status

    def _more(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.fd], [], [], max(0.0, deadline - time.monotonic()))
        try:
            more = os.read(self.fd, 65_536) if ready else b""
        except OSError:
            # The other end is closed: so Linux says that it ended.
            return False
        # Prompts ask where the cursor is, and wait for the answer.
        if b"\x1b[6n" in more:
            os.write(self.fd, b"\x1b[1;1R")
        self.raw += more
        return bool(more)


@contextmanager
def at_terminal(*words: str, **variables: str) -> Iterator[Terminal]:
    """`inventory-grpc` with these words, until the end of the block."""
    env = {**environment(), "TERM": "xterm-256color", **variables}
    for name in {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"} - variables.keys():
        env.pop(name, None)
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "inventory_grpc", *words], env)  # noqa: S606
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    terminal = Terminal(pid, fd)
    try:
        yield terminal
    finally:
        os.close(fd)
        if terminal.status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
