"""One client that means harm: the others' calls succeed, and memory stays where it was."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.abuse.abuser import HEADER_BYTES, half_open
from tests.conftest import Postgres, _made
from tests.server.harness import Server, Status, poll_until, running
from tests.server.pki import Authority
from tests.server.watching import create, order

_GROWTH_BYTES_MAX = 50 * 1024 * 1024
_HANDSHAKE_SECONDS = 2
_CALLS_MIN = 50


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("abuse")


@pytest.fixture(scope="module")
def server(postgres: Postgres, template: str, directory: Path) -> Iterator[Server]:
    settings = {"handshake_seconds_max": str(_HANDSHAKE_SECONDS)}
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(directory / "log", "--no-migrate", database_url=database.url, **settings) as server,
    ):
        create(server, quantity=1_000_000)
        yield server


@pytest.fixture
def honest(server: Server) -> "_Honest":
    """Somebody who has called for a while, so that what every server needs is there."""
    honest = _Honest(server)
    honest.call(_CALLS_MIN)
    honest.begin()
    return honest


@pytest.mark.parametrize(
    ("kind", "count"),
    [("resets", 20_000), ("pings", 20_000), ("headers", 100), ("headers_acked", 100)],
)
def test_a_flood_harms_nobody(server: Server, honest: "_Honest", kind: str, count: int) -> None:
    assert HEADER_BYTES == 60_000
    told = len(server.events("connection_frozen"))
    with _abuser(server, kind, count) as abuser:
        honest.call_until_ended(abuser)
        assert abuser.returncode == 0, abuser.stderr and abuser.stderr.read()
    honest.call(_CALLS_MIN)
    assert honest.growth_bytes < _GROWTH_BYTES_MAX
    assert server.health() == Status.SERVING
    is_held_up = len(server.events("connection_frozen")) > told
    # The others are dealt with by gRPC.
    assert is_held_up == (kind.startswith("headers") and sys.platform == "linux")


@pytest.mark.skipif(sys.platform != "linux", reason="there are no filters of packets")
def test_who_always_connects_anew_has_to_wait_for_it(server: Server, honest: "_Honest") -> None:
    # One call is forgiven, whoever makes it.
    with _abuser(server, "headers", 1, "again"):
        poll_until(lambda: not _lets_in(server))
        honest.call(_CALLS_MIN)
    assert server.events("address_barred")
    assert honest.growth_bytes < _GROWTH_BYTES_MAX
    poll_until(lambda: _lets_in(server))


def _lets_in(server: Server) -> bool:
    host, port = server.target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=0.2).close()
    except TimeoutError:
        return False
    return True


def test_a_flood_of_pings_is_cut_off(server: Server) -> None:
    with _abuser(server, "pings", 20_000) as abuser:
        connections, _ = abuser.communicate(timeout=60)
    assert int(connections) > 1


def test_who_connects_and_says_nothing_is_hung_up_on(server: Server, honest: "_Honest") -> None:
    with _abuser(server, "half_open", 500) as abuser:
        honest.call_until_ended(abuser)
        hung_up, _ = abuser.communicate(timeout=60)
    assert int(hung_up) == 500
    assert honest.growth_bytes < _GROWTH_BYTES_MAX
    assert server.health() == Status.SERVING


@pytest.mark.parametrize("first", [b"PRI * HTTP/2.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_who_begins_and_does_not_go_on_is_hung_up_on(server: Server, first: bytes) -> None:
    assert half_open(server.target, 5, first) == 5


def test_who_begins_no_handshake_is_hung_up_on(
    postgres: Postgres, template: str, tmp_path: Path
) -> None:
    certificate, key = Authority().server().written(tmp_path)
    settings = {
        "tls_certificate_file": str(certificate),
        "tls_key_file": str(key),
        "handshake_seconds_max": str(_HANDSHAKE_SECONDS),
    }
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(tmp_path / "log", "--no-migrate", database_url=database.url, **settings) as server,
    ):
        assert half_open(server.target, 100) == 100
        # The beginning of a handshake: a record of 512 bytes is announced.
        assert half_open(server.target, 5, b"\x16\x03\x01\x02\x00\x01") == 5


class _Honest:
    """A caller, and what the server's memory does meanwhile."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._process = psutil.Process(server.process.pid)
        self._before = self._peak = 0

    def begin(self) -> None:
        self._before = self._peak = self._process.memory_info().rss

    def call(self, count: int) -> None:
        """Raises RpcError when a call fails."""
        for _ in range(count):
            order(self._server)
            self._peak = max(self._peak, self._process.memory_info().rss)

    def call_until_ended(self, process: "subprocess.Popen[str]") -> None:
        while process.poll() is None:
            self.call(1)

    @property
    def growth_bytes(self) -> int:
        return self._peak - self._before


@contextmanager
def _abuser(
    server: Server, kind: str, count: int, *again: str
) -> Iterator["subprocess.Popen[str]"]:
    words = (server.target, kind, str(count), *again)
    command = [sys.executable, "-m", "tests.abuse.abuser", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()
