"""Exit statuses, and what is said with them."""

import json
import subprocess
import sys

import pytest
import typer.main

from inventory_grpc.cli import COMMANDS, app
from inventory_grpc.client import InventoryClient
from inventory_grpc.commands.failures import HINTS
from tests.cli.calling import Cli
from tests.server.harness import environment
from tests.tidy.test_every_reason_is_raised import REASONS

_NOBODY = "127.0.0.1:1"


def test_0_is_done(cli: Cli) -> None:
    assert cli.run("location", "list").status == 0


def test_1_is_refused_with_all_that_is_wrong_and_what_to_do(cli: Cli) -> None:
    said = cli.run("product", "create", "bad sku", "")
    assert (said.status, said.out) == (1, "")
    assert "product.sku" in said.err
    assert "product.name" in said.err
    assert "what to do" in said.err


def test_1_is_a_shortage_shown_as_a_table(cli: Cli, client: InventoryClient, sku: str) -> None:
    client.create_product(sku, "Mug", initial_stock=3)
    said = cli.run("order", "create", f"{sku}=5")
    assert said.status == 1
    header, row = (line.split() for line in said.err.splitlines()[1:3])
    shown = dict(zip(header, row, strict=False))
    assert (header[1], row[1]) == ("SKU", sku)
    assert {"5", "3"} <= set(row), shown


def test_2_is_wrong_usage(cli: Cli) -> None:
    assert cli.run("product", "get").status == 2
    assert cli.run("product", "list", "--min-price", "cheap").status == 2
    assert cli.run("product", "list", "--no-such-flag").status == 2


def test_2_is_a_server_that_is_not_there() -> None:
    said = Cli(_NOBODY).run("product", "list")
    assert said.status == 2
    assert "is it running" in said.err


def test_what_may_have_been_done_can_be_repeated_safely() -> None:
    said = Cli(_NOBODY).run("order", "create", "MUG=1")
    assert said.status == 2
    assert "--request-id 0" in said.err


def test_2_is_a_credential_that_cannot_be_used(cli: Cli) -> None:
    said = cli.run("product", "list", "--api-key-file", "/no/such/file")
    assert (said.status, "/no/such/file" in said.err) == (2, True)
    far = Cli("inventory.invalid:1").run("product", "list", "--tls-ca", "/no/such/file")
    assert (far.status, "Traceback" in far.err) == (2, False)


def test_3_is_not_found(cli: Cli) -> None:
    for words in (
        ("product", "get", "NO-SUCH"),
        ("location", "get", "no-such"),
        ("order", "get", "01890000-0000-7000-8000-000000000000"),
        ("hold", "get", "01890000-0000-7000-8000-000000000000"),
    ):
        assert cli.run(*words).status == 3


def test_programs_get_errors_as_data(cli: Cli) -> None:
    said = cli.run("product", "get", "NO-SUCH", "--output", "json")
    assert (said.status, said.out) == (3, "")
    error = json.loads(said.err)["error"]
    assert (error["reason"], error["metadata"]) == ("PRODUCT_NOT_FOUND", {"missing": "sku:NO-SUCH"})


def test_hints_are_for_reasons_that_there_are() -> None:
    assert HINTS.keys() <= set(REASONS)


def test_the_help_names_the_statuses() -> None:
    said = Cli("").run("--help").out
    for status in ("0 done", "1 refused", "2 wrong", "3 not found", "4 `doctor`"):
        assert status in " ".join(said.split())


def test_every_command_of_the_help_is_there_and_has_help_of_its_own() -> None:
    group = typer.main.get_command(app)
    for name in COMMANDS:
        command = group.commands[name]  # type: ignore[attr-defined]
        assert command.name == name
        assert Cli("").run(name, "--help").status == 0
        assert COMMANDS[name].endswith(".")


_SLOW = ("grpc", "google.protobuf", "pydantic", "sqlalchemy", "rich", "yaml", "prompt_toolkit")


def test_the_help_comes_at_once_because_it_needs_next_to_nothing() -> None:
    code = (
        "import sys\n"
        "from inventory_grpc.cli import app\n"
        "try:\n    app(['--help'])\n"
        "except SystemExit:\n    pass\n"
        f"sys.stderr.write(' '.join(each for each in {_SLOW!r} if each in sys.modules))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    assert "product" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    variables = {"_INVENTORY_GRPC_COMPLETE": f"source_{shell}"}
    program = [sys.executable, "-c", "import sys; sys.argv[0] = 'inventory-grpc'\n"
               "from inventory_grpc.cli import main; main()"]  # fmt: skip
    env = {**environment(), **variables}
    source = subprocess.run(program, check=False, capture_output=True, text=True, env=env)
    assert "inventory-grpc" in source.stdout
    env |= {
        "_INVENTORY_GRPC_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "inventory-grpc prod",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "inventory-grpc prod",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": "prod",
    }
    done = subprocess.run(program, check=False, capture_output=True, text=True, env=env)
    assert "product" in done.stdout
    assert "shell" not in done.stdout
