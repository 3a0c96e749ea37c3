"""A program that installs the base package only can do what the package's docstring shows."""

import inspect
import re
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

import inventory_grpc.client
from inventory_grpc.client import InventoryClient
from tests.conftest import Database
from tests.server.harness import Server, running

_README = Path(__file__).parents[2] / "README.md"
_BASE = ("grpcio", "protobuf", "googleapis-common-protos")


@pytest.fixture
def base_install(tmp_path: Path) -> Path:
    """A directory with the package, the libraries of its base install, and what they need."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "inventory_grpc").symlink_to(Path(inventory_grpc.client.__file__).parents[1])
    for each in _closure(_BASE):
        for name in {file.parts[0] for file in each.files or () if ".." not in file.parts}:
            link = place / name
            if not link.exists():
                link.symlink_to(Path(str(each.locate_file(name))))
    return place


def test_the_fifteen_lines_of_the_package_place_an_order(
    server: Server, base_install: Path
) -> None:
    doc = inspect.getdoc(inventory_grpc.client)
    assert doc is not None
    code = "\n".join(line[4:] for line in doc.splitlines() if line.startswith("    "))
    assert len([line for line in code.splitlines() if line]) <= 16
    done = _alone(base_install, code.replace("127.0.0.1:50051", server.target))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[0-9a-f-]{36} 19\.8000 EUR\n", done.stdout)


def test_the_libraries_of_the_server_are_not_there(base_install: Path) -> None:
    for library in ("sqlalchemy", "psycopg2", "typer", "grpc_health", "pydantic"):
        assert _alone(base_install, f"import {library}").returncode != 0


def _alone(place: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run it with nothing to import but the standard library and the place."""
    command = _command(place, code)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def _begun(place: Path, code: str) -> "subprocess.Popen[str]":
    """The same, still running."""
    return subprocess.Popen(
        _command(place, code), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _command(place: Path, code: str) -> list[str]:
    path = f"import sys; sys.path.append({str(place)!r})\n"
    return [sys.executable, "-I", "-S", "-u", "-W", "error", "-c", path + code]


def _closure(names: tuple[str, ...]) -> list[Distribution]:
    """The distributions and all that they require without extras."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            needed = [each for each in found[name].requires or () if "extra ==" not in each]
            waiting += [re.split(r"[<>=!~\[; ]", each)[0] for each in needed]
    return list(found.values())


def test_the_lines_of_the_readme_go_on_when_the_server_is_killed_and_started_again(
    database: Database, base_install: Path, tmp_path: Path
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", _README.read_text("utf-8"), re.DOTALL)
    assert len(code.splitlines()) <= 16
    settings = {"database_url": database.url}
    with running(tmp_path / "log-1", "--no-migrate", **settings) as first:
        consumer = _begun(base_install, code.replace("127.0.0.1:50051", first.target))
        assert consumer.stdout is not None
        printed = [consumer.stdout.readline() for _ in range(40)]
        first.kill()
        again = ("--no-migrate", "--listen", first.target)
        with (
            running(tmp_path / "log-2", *again, **settings) as second,
            InventoryClient(second.target) as client,
        ):
            rest, problems = consumer.communicate(timeout=90)
            placed = list(client.list_orders(product="BOWL"))
            level = client.get_stock_level("BOWL").stock_level
    assert (consumer.returncode, problems) == (0, "")
    *order_ids, last = [*printed, *rest.splitlines(keepends=True)]
    assert last == "0 of BOWL left\n"
    assert {f"{each.order_id}\n" for each in placed} == set(order_ids)
    assert len(order_ids) == len(placed) == 201
    assert (level.on_hand, level.allocated) == (250, 250)
