"""A server for the tests of a module, and the command line that calls it."""

from collections.abc import Iterator

import pytest

from inventory_grpc.client import InventoryClient
from tests.cli.calling import Cli
from tests.conftest import Database, Postgres, _made
from tests.server.harness import Server, running


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


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[InventoryClient]:
    """To arrange things with."""
    with InventoryClient(server.target) as each:
        yield each


@pytest.fixture
def cli(server: Server) -> Cli:
    """The command line, with that server as its target."""
    return Cli(server.target)


@pytest.fixture
def sku(request: pytest.FixtureRequest) -> str:
    """A product of the test's own, by the test's name."""
    name: str = request.node.name
    return name.upper().replace("[", "-").replace("]", "").replace("_", "-")[-40:].strip("-")
