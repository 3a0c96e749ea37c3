"""A copy of the project, and a server of the copies' own: each of their runs gives the roles new
passwords, which would lock out the other tests of this session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_grpc.embedded import EmbeddedPostgres
from tests.sabotage.harness import Copy


@pytest.fixture(scope="session")
def server_of_copies() -> Iterator[str]:
    """Its URL, as superuser."""
    with tempfile.TemporaryDirectory(prefix="inventory-test-") as name:
        directory = Path(name)
        # Passable, for a server that runs as another user.
        directory.chmod(0o711)
        with EmbeddedPostgres(directory, {"fsync": "off"}) as pg:
            yield pg.url("postgres", "superuser")


@pytest.fixture
def copy(tmp_path: Path, server_of_copies: str) -> Copy:
    """The project, to be broken at will."""
    return Copy.of_project(tmp_path, server_of_copies)
