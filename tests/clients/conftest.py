"""The server that the clients of other people talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.server.harness import Server, running


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    """One server on any free port, with nothing in its database.

    Its streams of changes last for about a second: tools read them to their end.
    """
    flags = ("--no-migrate", "--watch-seconds-max", "1")
    with running(tmp_path / "log", *flags, database_url=database.url) as each:
        yield each
