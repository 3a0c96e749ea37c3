"""Real servers for the tests of this folder too."""

from tests.server.conftest import server

__all__ = ["server"]
