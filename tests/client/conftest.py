"""Servers as real processes, and clients without any."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_grpc.client import InventoryClient
from tests.client.fakes import Fake, faked
from tests.conftest import Database, Postgres, _made
from tests.server.harness import Server, running


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A client whose server is the test."""
    with faked() as each:
        yield each


@pytest.fixture(scope="module")
def shared_database(postgres: Postgres, template: str) -> Iterator[Database]:
    """One database for the tests of a module, each with products of its own."""
    with _made(postgres, f"TEMPLATE {template}") as database:
        yield database


@pytest.fixture(scope="module")
def server(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module."""
    log = tmp_path_factory.mktemp("server") / "log"
    with running(log, "--no-migrate", database_url=shared_database.url) as each:
        yield each


@pytest.fixture
def client(server: Server) -> Iterator[InventoryClient]:
    """A client of that server."""
    with InventoryClient(server.target) as each:
        yield each


@pytest.fixture
def sku(request: pytest.FixtureRequest) -> str:
    """A product of the test's own, by the test's name."""
    name: str = request.node.name
    return name.upper().replace("[", "-").replace("]", "")[-60:]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where servers of the test's own write."""
    return tmp_path / "log"
