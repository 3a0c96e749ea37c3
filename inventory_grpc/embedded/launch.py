"""Command lines that start a PostgreSQL program through the launcher script."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_grpc.embedded.account import Account
from inventory_grpc.embedded.binaries import Binaries
from inventory_grpc.embedded.errors import ProgramFailedError

_SCRIPT: Final = Path(__file__).with_name("_launch.py")


@dataclass(frozen=True, slots=True)
class Launcher:
    """Runs PostgreSQL programs as the right user, tied to the life of this process."""

    binaries: Binaries
    account: Account | None

    def run(self, program: str, *arguments: str, stdin: str = "") -> None:
        """Run a program to its end; raises `ProgramFailedError` with its output."""
        done = subprocess.run(  # noqa: S603
            self._command(program, arguments, death=signal.SIGKILL),
            check=False,
            cwd="/",
            env=_environment(),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise ProgramFailedError(program, done.stdout)

    def spawn_postmaster(
        self, data: Path, log: Path, arguments: Sequence[str]
    ) -> subprocess.Popen[bytes]:
        """Start `postgres` in the background; its pid is that of the returned process.

        The parent-death signal belongs to the calling *thread*: it has to live
        as long as the postmaster shall.
        """
        options = ("-D", str(data), *arguments)
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, a checkpoint is written.
        return subprocess.Popen(  # noqa: S603
            self._command("postgres", options, death=signal.SIGINT, log=str(log)),
            cwd="/",
            env=_environment(),
            stdin=subprocess.DEVNULL,
            # Ctrl-C in a terminal must reach the server first, which then stops the database.
            start_new_session=True,
        )

    def _command(
        self, program: str, arguments: Sequence[str], *, death: signal.Signals, log: str = ""
    ) -> list[str]:
        account = self.account or Account(-1, -1)
        numbers = (os.getpid(), account.uid, account.gid, int(death))
        interpreter = (sys.executable, "-I", "-S", str(_SCRIPT))
        return [*interpreter, *map(str, numbers), log, self.binaries.program(program), *arguments]


def _environment() -> dict[str, str]:
    # Nothing of the caller's PG* variables or locale may change what the cluster is.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", **kept}
