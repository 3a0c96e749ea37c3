"""The line to paste is a command that works in a shell as it is."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from inventory_grpc.server import ready
from inventory_grpc.server.address import Address
from tests.conftest import Database
from tests.server.harness import read_line, running

_ADDRESS = Address("127.0.0.1", 50051)


def test_the_pasted_line_places_an_order(database: Database, tmp_path: Path) -> None:
    urls = {"database_url": database.url, "migration_database_url": database.owner_url}
    with running(tmp_path / "log", "--demo", **urls) as server:
        pasted = subprocess.run(
            ["sh", "-c", server.line], check=True, capture_output=True, text=True, timeout=30
        )
        assert "ORDER_STATUS_PENDING" in pasted.stdout
        assert read_line(server.process, 0.1) == "", "standard output has this one line only"
    with database.connect() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders")
        assert cursor.fetchone() == (1,)
    conn.close()


def test_grpcurl_on_the_path_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _tools(monkeypatch, tmp_path, on_path=["grpcurl", "buf"], beside=["grpcurl", "buf"])
    assert ready.command_line(_ADDRESS, demo_sku="MUG") == (
        """grpcurl -plaintext -d '{"lines":[{"product":{"sku":"MUG"},"quantity":1}]}' """
        "127.0.0.1:50051 inventory.v1.OrderService/CreateOrder"
    )


def test_grpcurl_beside_the_interpreter_comes_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _tools(monkeypatch, tmp_path, on_path=["buf"], beside=["grpcurl", "buf"])
    line = ready.command_line(_ADDRESS, demo_sku="MUG")
    assert shlex.split(line)[0] == "env dir/bin/grpcurl"


def test_buf_stands_in_for_grpcurl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _tools(monkeypatch, tmp_path, on_path=[], beside=["buf"])
    line = ready.command_line(Address("0.0.0.0", 50051), demo_sku="MUG")  # noqa: S104
    assert shlex.split(line) == [
        "env dir/bin/buf",
        *("curl", "--protocol", "grpc", "--http2-prior-knowledge"),
        *("-d", '{"lines":[{"product":{"sku":"MUG"},"quantity":1}]}'),
        "http://127.0.0.1:50051/inventory.v1.OrderService/CreateOrder",
    ]


def test_without_a_tool_the_line_names_grpcurl(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _tools(monkeypatch, tmp_path, on_path=[], beside=[])
    line = ready.command_line(Address("", 0, "/run/inventory"), demo_sku=None)
    assert shlex.split(line) == [
        *("grpcurl", "-plaintext", "-unix", "-d", "{}", "/run/inventory"),
        "inventory.v1.ProductService/ListProducts",
    ]


def _tools(
    monkeypatch: pytest.MonkeyPatch, directory: Path, *, on_path: list[str], beside: list[str]
) -> None:
    """A machine with these tools; the interpreter lies in a directory whose name needs quotes."""
    path, env = directory / "path", directory / "env dir" / "bin"
    for place, names in ((path, on_path), (env, beside)):
        place.mkdir(parents=True)
        for name in names:
            (place / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", os.fspath(path))
    monkeypatch.setattr("sys.executable", os.fspath(env / "python"))
    monkeypatch.chdir(directory)
