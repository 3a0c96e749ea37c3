"""`inventory-grpc shell`: the same commands, one after the other, on one connection."""

import shlex
import sys
from typing import Any, Final

import typer
from typer.exceptions import TyperException

from inventory_grpc.commands.app import command, new_app
from inventory_grpc.commands.failures import NOT_DONE
from inventory_grpc.commands.session import Shared
from inventory_grpc.commands.target import Target, reached
from inventory_grpc.dial import Dial

app = new_app()

_LEAVING: Final = frozenset({"exit", "quit"})
_ELSEWHERE: Final = frozenset({"serve", "shell"})
"""Commands that make no sense in here."""


@command(app)
def shell(ctx: typer.Context, *, target: Target = None, dial: Dial) -> None:
    """Run commands interactively: with completion (Tab) and history (arrows, Ctrl-R).

    Leave with `exit` or Ctrl-D. What is refused does not end it. Reads a script from standard
    input that is no terminal; it then exits with the status of the last command that failed.
    """
    shared = Shared(*reached(target, dial))
    inside = Shell(ctx.find_root().command, shared)
    try:
        inside.talk() if sys.stdin.isatty() else inside.read()
    finally:
        shared.close()
    raise typer.Exit(inside.failed)


class Shell:
    """Runs lines as if each were a command line of its own."""

    def __init__(self, root: Any, shared: Shared) -> None:
        self._root = root
        self._shared = shared
        self.failed = 0
        """Status of the last command of a script that failed."""

    def talk(self) -> None:
        """With somebody at a terminal."""
        from inventory_grpc.commands.prompting import prompt  # noqa: PLC0415

        ask = prompt(self._root, self._shared, _LEAVING, _ELSEWHERE)
        while True:
            try:
                line = ask()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if line.strip() in _LEAVING:
                return
            self.run(line)

    def read(self) -> None:
        """A script."""
        for line in sys.stdin:
            if line.strip() in _LEAVING:
                return
            self.failed = self.run(line) or self.failed

    def run(self, line: str) -> int:
        """One line, with the status that it would have exited with. Never raises."""
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            return _said(f"cannot read the line: {error}")
        if words[:1] == ["inventory-grpc"]:
            words = words[1:]
        if not words:
            return 0
        if words[0] in _ELSEWHERE:
            return _said(f"{words[0]} is for outside the shell")
        status = self._called(["--help"] if words == ["help"] else words)
        sys.stdout.flush()
        return status

    def _called(self, words: list[str]) -> int:
        try:
            status = self._root.main(
                words, prog_name="inventory-grpc", standalone_mode=False, obj=self._shared
            )
        except TyperException as wrong:
            # Its type is not public; that it can show itself is.
            told: Any = wrong
            told.show()
            return int(told.exit_code)
        except (typer.Abort, KeyboardInterrupt):
            return _said("aborted")
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else _said(str(ended.code))
        except Exception as bug:  # noqa: BLE001 - whatever it is, the next command may work
            return _said(f"{type(bug).__name__}: {bug}")
        return status if isinstance(status, int) else 0


def _said(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return NOT_DONE
