"""Certificates, keys and authorities are exchanged while a server serves; no call notices."""

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import grpc
import pytest
from cryptography import x509

from tests.conftest import Database
from tests.server.harness import Server, Status, poll_until, running
from tests.server.pki import Authority, Pair

_CALLERS = 3
_CALLS_BETWEEN = 50

Exchange = Callable[[Pair, Path], None]


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(authority: Authority, database: Database, tmp_path: Path) -> Iterator[Server]:
    """A server that wants certificates."""
    certificate, key = authority.server().written(tmp_path)
    (tmp_path / "clients.pem").write_bytes(authority.pem)
    settings = {
        "tls_certificate_file": os.fspath(certificate),
        "tls_key_file": os.fspath(key),
        "tls_client_ca_file": os.fspath(tmp_path / "clients.pem"),
    }
    log = tmp_path / "log"
    with running(log, "--no-migrate", database_url=database.url, **settings) as server:
        server.credentials = authority.trusted(authority.client("spiffe://shop.example/checkout"))
        yield server


def _write_over(pair: Pair, directory: Path) -> None:
    pair.written(directory)


def _key_first(pair: Pair, directory: Path) -> None:
    (directory / "server.key").write_bytes(pair.key)
    (directory / "server.pem").write_bytes(pair.certificate)


def _rename(pair: Pair, directory: Path) -> None:
    for new, old in zip(pair.written(directory, "next"), ("server.pem", "server.key"), strict=True):
        new.rename(directory / old)


def test_no_call_fails_while_certificate_and_key_are_exchanged(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    with _calls(server) as calls:
        for exchange in (_write_over, _key_first, _rename, _key_first, _write_over):
            calls.wait_for(_CALLS_BETWEEN)
            pair = authority.server()
            exchange(pair, tmp_path)
            assert _serial_shown(server) == pair.serial
        calls.wait_for(_CALLS_BETWEEN)
    assert calls.failed == []
    assert calls.done >= 6 * _CALLS_BETWEEN
    assert len(server.events("tls_certificate")) == 1 + 5


def test_while_the_pair_does_not_fit_together_the_last_one_serves(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    before, pair = _serial_shown(server), authority.server()
    with _calls(server) as calls:
        _put(tmp_path / "server.key", pair.key)
        calls.wait_for(10)
        _put(tmp_path / "server.pem", pair.certificate[:200])
        calls.wait_for(10)
        (tmp_path / "server.pem").unlink()
        calls.wait_for(10)
        assert _serial_shown(server) == before
        _put(tmp_path / "server.pem", pair.certificate)
        assert _serial_shown(server) == pair.serial
    assert calls.failed == []
    # Each is told once, however many connections come.
    told = [str(each["reason"]) for each in server.events("tls_certificate_kept")]
    assert [reason.partition(" for TLS: ")[2] for reason in told] == [
        f"it is not the key of {tmp_path}/server.pem",
        "it holds no PEM certificate",
        "No such file or directory",
    ]


def test_one_that_has_expired_takes_the_place_of_none(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    before = _serial_shown(server)
    authority.server(lasts=timedelta(seconds=-1)).written(tmp_path)
    assert _serial_shown(server) == before


def test_an_authority_is_exchanged_without_a_gap(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    ours, client_ca, other = server.credentials, tmp_path / "clients.pem", Authority("other")
    theirs = authority.trusted(other.client("spiffe://shop.example/checkout"))
    assert _code(server, theirs) == grpc.StatusCode.UNAVAILABLE
    with _calls(server) as calls:
        client_ca.write_bytes(authority.pem + other.pem)
        calls.wait_for(10)
        assert _code(server, theirs) == grpc.StatusCode.OK
        server.credentials = theirs
        # Those under way still show what they began with.
        calls.wait_for(10)
    assert calls.failed == []
    client_ca.write_bytes(other.pem)
    assert _code(server, theirs) == grpc.StatusCode.OK
    assert _code(server, ours) == grpc.StatusCode.UNAVAILABLE


def _put(file: Path, content: bytes) -> None:
    """All at once, so that nobody reads half of it."""
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.rename(file)


class _Calls:
    """Callers in the background, each call on a connection of its own."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = Event()
        self._threads = [Thread(target=self._call) for _ in range(_CALLERS)]
        self._done: list[int] = []
        self.failed: list[object] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def done(self) -> int:
        return len(self._done)

    def wait_for(self, more: int) -> None:
        """Until so many more have ended than now."""
        wanted = self.done + more
        poll_until(lambda: self.done >= wanted, 60)

    def _call(self) -> None:
        while not self._stop.is_set():
            try:
                with self._server.connect() as channel:
                    status = self._server.health(channel=channel)
                assert status == Status.SERVING
            except Exception as error:  # noqa: BLE001 - the test names whatever it was
                self.failed.append(error)
            self._done.append(1)


@contextmanager
def _calls(server: Server) -> Iterator[_Calls]:
    calls = _Calls(server)
    calls.start()
    try:
        yield calls
    finally:
        calls.stop()


def _code(server: Server, credentials: grpc.ChannelCredentials | None) -> grpc.StatusCode:
    """What a call on a new connection ends with."""
    assert credentials is not None
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(server.target, credentials, options=options) as channel:
        try:
            server.health(channel=channel)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


def _serial_shown(server: Server) -> int:
    """Of the certificate that a new connection is shown."""
    host, port = server.target.split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        closing(socket.create_connection((host, int(port)), timeout=10)) as plain,
        # The handshake ends here before the server misses a certificate of the client's.
        context.wrap_socket(plain) as tls,
    ):
        shown = tls.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number
