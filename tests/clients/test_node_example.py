"""The Node example of the docs runs as it stands there, also when the server comes late."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.clients.npm import check_lock, installed
from tests.conftest import Database
from tests.server.harness import running
from tests.tidy.sources import ROOT

_SOURCE: Final = ROOT / "docs" / "examples" / "node"
_SAID: Final = """\
created: version 1
ordered: ORDER_STATUS_PENDING 13 EUR
refused: 8 requested, 7 available
converted: HOLD_STATUS_CONVERTED ORDER_STATUS_PENDING
seen: ORDER_STATUS_PENDING web-1042
seen: ORDER_STATUS_PENDING (from the hold)
seen: ORDER_STATUS_CANCELLED web-1042
left: 8 of 10
"""

# Installing comes on top, once.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def example() -> Path:
    return installed(_SOURCE)


@pytest.fixture
def address() -> Iterator[str]:
    """One that nobody listens on, and that stays free until a server takes it."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{reserved.getsockname()[1]}"


def test_the_example_outlasts_a_server_that_is_not_there_yet(
    database: Database, tmp_path: Path, example: Path, address: str
) -> None:
    with subprocess.Popen(
        ["node", "order.js", address],
        cwd=example,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert program.stderr is not None
            assert "createProduct: UNAVAILABLE, again in" in program.stderr.readline()
            flags = ("--no-migrate", "--listen", address)
            with running(tmp_path / "log", *flags, database_url=database.url):
                said, complaints = program.communicate(timeout=60)
        finally:
            program.kill()
    assert (program.returncode, said) == (0, _SAID), complaints


def test_the_lock_file_of_the_example_names_no_registry() -> None:
    check_lock(_SOURCE)
