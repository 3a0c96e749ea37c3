"""The commands, and the line to paste, reach a server that speaks TLS and knows its callers."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_grpc.server import ready
from inventory_grpc.server.address import Address
from inventory_grpc.settings import Settings
from tests.conftest import Database, Postgres, _made
from tests.server.harness import Server, environment, read_line, running
from tests.server.pki import Authority

_KEY = "the-key-of-somebody"
_CHECKED = "checked 0 products"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def directory(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything in files."""
    directory = tmp_path_factory.mktemp("tls")
    authority.server().written(directory, "server")
    authority.client("spiffe://shop.example/operator").written(directory, "client")
    (directory / "ca.pem").write_bytes(authority.pem)
    (directory / "key").write_text(f"{_KEY}\n")
    known = hashlib.sha256(_KEY.encode()).hexdigest()
    (directory / "access.toml").write_text(
        f'[callers.somebody]\nrole = "admin"\napi_keys_sha256 = ["{known}"]\n'
    )
    return directory


@pytest.fixture(scope="module")
def settings(directory: Path) -> dict[str, str]:
    """Of a server that wants a key and no certificate."""
    return {
        "tls_certificate_file": os.fspath(directory / "server.pem"),
        "tls_key_file": os.fspath(directory / "server.key"),
        "access_file": os.fspath(directory / "access.toml"),
    }


@pytest.fixture(scope="module")
def server(
    postgres: Postgres, template: str, directory: Path, settings: dict[str, str]
) -> Iterator[Server]:
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(directory / "log", "--no-migrate", database_url=database.url, **settings) as server,
    ):
        yield server


def test_a_probe_beside_the_server_needs_its_settings_alone(
    server: Server, settings: dict[str, str]
) -> None:
    assert _run("health", listen=server.target, **settings) == (0, "SERVING\n", "")


def test_a_probe_trusts_no_other_certificate(
    server: Server, settings: dict[str, str], tmp_path: Path
) -> None:
    certificate, key = Authority("another").server().written(tmp_path)
    others = {"tls_certificate_file": os.fspath(certificate), "tls_key_file": os.fspath(key)}
    status, out, _ = _run("health", listen=server.target, **{**settings, **others})
    assert (status, out) == (1, "UNAVAILABLE\n")


def test_a_probe_from_elsewhere_is_told_whom_to_trust(server: Server, directory: Path) -> None:
    authority = ("--tls-ca", os.fspath(directory / "ca.pem"))
    assert _run("health", "--listen", server.target, *authority)[:2] == (0, "SERVING\n")
    assert _run("health", "--listen", server.target)[:2] == (1, "UNAVAILABLE\n")
    named = ("--tls-server-name", "inventory.example")
    assert _run("health", "--listen", server.target, *authority, *named)[0] == 1
    missing = _run("health", "--listen", server.target, "--tls-ca", "/nowhere")
    assert missing == (1, "", "cannot read /nowhere: No such file or directory\n")


def test_a_check_calls_with_a_key(server: Server, directory: Path) -> None:
    flags = ("--target", server.target, "--tls-ca", os.fspath(directory / "ca.pem"))
    key = ("--api-key-file", os.fspath(directory / "key"))
    status, out, err = _run("check", *flags, *key)
    assert (status, err) == (0, "")
    assert out.startswith(_CHECKED)
    status, _, err = _run("check", *flags)
    assert (status, "UNAUTHENTICATED" in err) == (2, True)


def test_the_flags_of_callers_are_variables_too(server: Server, directory: Path) -> None:
    status, out, _ = _run(
        *("check", "--target", server.target),
        client_tls_ca=os.fspath(directory / "ca.pem"),
        client_api_key_file=os.fspath(directory / "key"),
    )
    assert (status, out.startswith(_CHECKED)) == (0, True)


def test_one_credential_at_a_time(server: Server, directory: Path) -> None:
    key = os.fspath(directory / "key")
    both = ("--api-key-file", key, "--token-file", key)
    status, _, err = _run("check", "--target", server.target, *both)
    assert (status, "exclude each other" in err) == (2, True)


def test_what_is_no_credential_is_not_sent(server: Server, directory: Path) -> None:
    access = os.fspath(directory / "access.toml")
    status, _, err = _run("check", "--target", server.target, "--token-file", access)
    assert (status, err.endswith("does not hold one credential\n")) == (2, True)


def test_watch_follows_with_a_key(server: Server, directory: Path) -> None:
    flags = ("--target", server.target, "--tls-ca", os.fspath(directory / "ca.pem"))
    refused = _run("watch", *flags, "--resume-token", "forged")
    assert (refused[0], "UNAUTHENTICATED" in refused[2]) == (1, True)
    key = ("--api-key-file", os.fspath(directory / "key"))
    let_in = _run("watch", *flags, *key, "--resume-token", "forged")
    assert (let_in[0], "INVALID_ARGUMENT: resume_token" in let_in[2]) == (1, True)


def test_where_certificates_are_wanted_commands_show_theirs(
    database: Database, directory: Path, settings: dict[str, str], tmp_path: Path
) -> None:
    own = {name: file for name, file in settings.items() if name != "access_file"}
    own["tls_client_ca_file"] = os.fspath(directory / "ca.pem")
    log = tmp_path / "log"
    with running(log, "--no-migrate", database_url=database.url, **own) as server:
        # Beside the server: its own certificate, which is good for a client, too.
        assert _run("health", listen=server.target, **own)[1] == "SERVING\n"
        trusting = ("--target", server.target, "--tls-ca", os.fspath(directory / "ca.pem"))
        assert _run("check", *trusting)[0] == 2
        pair = (
            *("--tls-certificate", os.fspath(directory / "client.pem")),
            *("--tls-key", os.fspath(directory / "client.key")),
        )
        assert _run("check", *trusting, *pair)[0] == 0
        assert "need each other" in _run("check", *trusting, *pair[:2])[2]


@pytest.mark.parametrize("tool", ["grpcurl", "buf"])
def test_the_pasted_line_needs_the_key_filled_in_and_nothing_else(
    server: Server,
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tool: str,
) -> None:
    (tmp_path / tool).symlink_to(Path(sys.executable).parent / tool)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.setattr("sys.executable", os.fspath(tmp_path / "python"))
    entrance = ready.entrance(Settings.model_validate(settings))
    line = ready.command_line(Address.parse(server.target), demo_sku=None, entrance=entrance)
    assert line.startswith(f"{tool} ")
    assert "x-api-key: KEY" in line
    pasted = _pasted(line.replace("x-api-key: KEY", f"x-api-key: {_KEY}"))
    assert pasted.returncode == 0, pasted.stderr
    assert "Unauthenticated" in _pasted(line).stderr.title()


def test_a_server_prints_such_a_line(server: Server) -> None:
    assert "-cacert" in server.line
    assert read_line(server.process, 0.1) == "", "standard output has this one line only"


def test_the_line_for_a_server_that_wants_certificates_has_a_place_for_one() -> None:
    entrance = ready.Entrance(Path("/tls/server.pem"), "inventory.example", shows_certificate=True)
    line = ready.command_line(Address("", 50051), demo_sku=None, entrance=entrance)
    assert " -cacert /tls/server.pem -authority inventory.example " in line
    assert " -cert CLIENT.pem -key CLIENT.key " in line


def _pasted(line: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", "-c", line], check=False, capture_output=True, text=True, timeout=30
    )


def _run(command: str, *flags: str, **settings: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "inventory_grpc", command, *flags],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # What gRPC itself says of a failed handshake is not ours.
    lines = [line for line in ended.stderr.splitlines(keepends=True) if "cc:" not in line]
    return ended.returncode, ended.stdout, "".join(lines)
