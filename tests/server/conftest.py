"""Servers as real processes, each against the test's own database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.server.harness import Server, running


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    """One server on any free port."""
    with running(tmp_path / "log", "--no-migrate", database_url=database.url) as each:
        yield each


@pytest.fixture
def two_servers(database: Database, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two servers that share a database, as replicas do."""
    with (
        running(tmp_path / "log-1", "--no-migrate", database_url=database.url) as first,
        running(tmp_path / "log-2", "--no-migrate", database_url=database.url) as second,
    ):
        yield first, second
