"""Over TLS: who gets in, who does not, and what makes a server refuse to start."""

import os
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from tests.conftest import Database
from tests.server.harness import Server, Status, running, spawn
from tests.server.pki import Authority, Pair


@pytest.fixture
def tls_server(authority: Authority, database: Database, tmp_path: Path) -> Iterator[Server]:
    """A server that asks nobody for a certificate."""
    settings = tls_settings(authority.server(), tmp_path)
    log = tmp_path / "log"
    with running(log, "--no-migrate", database_url=database.url, **settings) as server:
        server.credentials = authority.trusted()
        yield server


@pytest.fixture
def authority() -> Authority:
    return Authority()


def tls_settings(pair: Pair, directory: Path) -> dict[str, str]:
    certificate, key = pair.written(directory)
    return {"tls_certificate_file": os.fspath(certificate), "tls_key_file": os.fspath(key)}


def test_calls_work_over_tls(tls_server: Server) -> None:
    assert tls_server.health() == Status.SERVING


def test_a_plaintext_caller_is_refused(tls_server: Server) -> None:
    tls_server.credentials = None
    with pytest.raises(grpc.RpcError) as refused:
        tls_server.health()
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    lines = tls_server.log.read_text().splitlines()
    assert [line for line in lines if not line.startswith("{")] == [], "strangers write no lines"


def test_a_caller_who_trusts_another_authority_refuses_the_server(tls_server: Server) -> None:
    tls_server.credentials = Authority("another").trusted()
    with pytest.raises(grpc.RpcError) as refused:
        tls_server.health()
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(
    tls_server: Server, version: ssl.TLSVersion, *, spoken: bool
) -> None:
    host, port = tls_server.target.split(":")
    # A client that would put up with anything.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        if spoken:
            with context.wrap_socket(plain) as tls:
                assert tls.selected_alpn_protocol() == "h2"
            return
        with pytest.raises(ssl.SSLError) as refused:
            context.wrap_socket(plain)
        # The server said so or hung up; the client itself would have gone on. Of hanging up there
        # are two kinds, and versions of Python do not agree which of them it was.
        hung_up = isinstance(refused.value, ssl.SSLZeroReturnError | ssl.SSLEOFError)
        assert hung_up or refused.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_with_an_authority_for_clients_only_its_clients_get_in(
    authority: Authority, database: Database, tmp_path: Path
) -> None:
    stranger = Authority("another")
    client_ca = tmp_path / "clients.pem"
    client_ca.write_bytes(authority.pem)
    settings = tls_settings(authority.server(), tmp_path)
    settings["tls_client_ca_file"] = os.fspath(client_ca)
    log = tmp_path / "log"
    with running(log, "--no-migrate", database_url=database.url, **settings) as server:
        server.credentials = authority.trusted(authority.client("spiffe://shop.example/checkout"))
        assert server.health() == Status.SERVING
        for shown in (None, stranger.client("spiffe://shop.example/checkout")):
            server.credentials = authority.trusted(shown)
            with pytest.raises(grpc.RpcError) as refused:
                server.health(channel=server.connect())
            assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_files_that_do_not_fit_together_are_named(authority: Authority, tmp_path: Path) -> None:
    settings = tls_settings(authority.server(), tmp_path)
    key, other = settings["tls_key_file"], authority.server().written(tmp_path, "other")
    missing, garbage = tmp_path / "missing", tmp_path / "garbage"
    garbage.write_text("-----BEGIN CERTIFICATE-----\n")
    certificate = settings["tls_certificate_file"]
    for changed, why in (
        ({"tls_key_file": os.fspath(other[1])}, f"{other[1]} for TLS: it is not the key of"),
        ({"tls_key_file": certificate}, f"{certificate} for TLS: it holds no PEM private key"),
        ({"tls_certificate_file": key}, f"{key} for TLS: it holds no PEM certificate"),
        ({"tls_certificate_file": os.fspath(missing)}, f"{missing} for TLS: No such file"),
        ({"tls_client_ca_file": os.fspath(garbage)}, f"{garbage} for TLS: it holds no PEM cert"),
    ):
        assert why in _refusal({**settings, **changed}, tmp_path)


def _refusal(settings: dict[str, str], tmp_path: Path) -> str:
    """The one line in which a server that cannot start says why."""
    log = tmp_path / "refusal"
    log.unlink(missing_ok=True)
    # The database would be looked for later.
    server = spawn(log, (), {**settings, "database_url": "postgresql://nobody@127.0.0.1:1/none"})
    try:
        assert server.wait() == 1
    finally:
        server.close()
    (line,) = log.read_text().splitlines()
    return line


def test_an_expired_certificate_is_served_with_a_warning(
    authority: Authority, database: Database, tmp_path: Path
) -> None:
    settings = tls_settings(authority.server(lasts=timedelta(seconds=-1)), tmp_path)
    with running(tmp_path / "log", "--no-migrate", database_url=database.url, **settings) as server:
        (warning,) = server.events("tls_certificate_invalid")
    assert "it expired at" in str(warning["reason"])
