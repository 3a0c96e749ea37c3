"""`inventory-grpc shell`."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inventory_grpc.client import InventoryClient
from tests.cli.calling import Cli
from tests.cli.terminal import Terminal, at_terminal
from tests.server.harness import Server, environment

_PROMPT = "inventory>"


@pytest.fixture(scope="module", autouse=True)
def mug(client: InventoryClient) -> str:
    client.create_product("MUG-OF-THE-SHELL", "Mug", initial_stock=10)
    return "MUG-OF-THE-SHELL"


@contextmanager
def _shell(server: Server, state: Path) -> Iterator[Terminal]:
    with at_terminal("shell", "--target", server.target, XDG_STATE_HOME=str(state)) as terminal:
        terminal.until(_PROMPT)
        yield terminal


def test_commands_are_completed_and_so_is_what_was_shown(
    server: Server, tmp_path: Path, mug: str
) -> None:
    with _shell(server, tmp_path) as terminal:
        # Only what is new on the screen is written to it.
        terminal.type("prod\t")
        terminal.until("uct")
        terminal.type(" li\t")
        terminal.until("st")
        terminal.type("\n")
        terminal.until(mug)
        terminal.until(_PROMPT)
        terminal.type("stock lev")
        terminal.type("el MUG-OF\t")
        terminal.until("-THE-SHELL")
        terminal.type("\n")
        terminal.until("on_hand")
        terminal.until(_PROMPT)
        terminal.type("exit\n")
        assert terminal.end() == 0


def test_what_was_typed_is_there_again_and_nobody_else_can_read_it(
    server: Server, tmp_path: Path, mug: str
) -> None:
    with _shell(server, tmp_path) as terminal:
        terminal.type(f"product get {mug}\n")
        terminal.until("product_id")
        terminal.until(_PROMPT)
        terminal.type("\x04")
        assert terminal.end() == 0
    history = tmp_path / "inventory_grpc" / "history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert stat.S_IMODE(history.parent.stat().st_mode) == 0o700
    assert f"product get {mug}" in history.read_text()
    with _shell(server, tmp_path) as terminal:
        terminal.type("\x1b[A")
        terminal.until(f"product get {mug}")
        terminal.type("\n")
        terminal.until("product_id")
        terminal.until(_PROMPT)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_what_goes_wrong_does_not_end_it(server: Server, tmp_path: Path) -> None:
    with _shell(server, tmp_path) as terminal:
        for line, answer in (
            ("product get NO-SUCH", "PRODUCT_NOT_FOUND"),
            ("nonsense", "No such command"),
            ('product get "open', "cannot read the line"),
            ("serve", "outside the shell"),
            ("order create MUG", "give SKU=QUANTITY"),
            ("help", "Commands:"),
        ):
            terminal.type(line + "\n")
            terminal.until(answer)
            terminal.until(_PROMPT)
        terminal.type("not finished\x03")
        terminal.until(_PROMPT)
        terminal.type("quit\n")
        assert terminal.end() == 0


def test_a_script_runs_to_its_end_and_says_what_failed(cli: Cli, mug: str) -> None:
    script = f"# a comment\nproduct get NO-SUCH\n\ninventory-grpc stock level {mug}\n"
    said = cli.run("shell", stdin=script)
    assert said.status == 3
    assert "PRODUCT_NOT_FOUND" in said.err
    assert "on_hand" in said.out
    assert cli.run("shell", stdin=f"product get {mug}\nexit\nnonsense\n").status == 0


def test_commands_of_a_shell_call_its_server(server: Server, mug: str) -> None:
    command = [sys.executable, "-m", "inventory_grpc", "shell", "--target", server.target]
    done = subprocess.run(
        command,
        input=f"product get {mug} --output json\nlocation list\n",
        check=True,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert mug in done.stdout
    assert "default" in done.stdout
