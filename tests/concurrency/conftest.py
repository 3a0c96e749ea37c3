"""Real servers for the tests of this folder too."""

from tests.server.conftest import server, two_servers

__all__ = ["server", "two_servers"]
