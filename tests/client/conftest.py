"""Servers as real processes, and clients without any."""

from collections.abc import Iterator

import pytest

from tests.client.fakes import Fake, faked

pytest_plugins = ("tests.server.conftest",)


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A client whose server is the test."""
    with faked() as each:
        yield each
