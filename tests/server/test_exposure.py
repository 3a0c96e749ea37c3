"""A server that strangers could reach refuses to be open by mistake."""

import os
from pathlib import Path

import pytest

from inventory_grpc.server.errors import AddressUnusableError, ExposedError
from inventory_grpc.server.exposure import check_exposure
from inventory_grpc.settings import Settings
from tests.conftest import Database
from tests.server.harness import Status, running, spawn
from tests.server.pki import Authority

_ANYWHERE = "0.0.0.0:50051"
_TLS = {"tls_certificate_file": Path("/tls/server.pem"), "tls_key_file": Path("/tls/server.key")}


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:50051", "127.8.8.8:0", "localhost:50051", "[::1]:50051", "unix:/run/i"]
)
def test_what_only_this_machine_reaches_may_be_open(listen: str) -> None:
    check_exposure(_listening(listen))


@pytest.mark.parametrize("listen", [_ANYWHERE, "[::]:50051", "192.0.2.1:50051"])
def test_without_tls_no_other_address_is_listened_on(listen: str) -> None:
    for known in (dict[str, Path](), {"access_file": Path("/access.toml")}):
        with pytest.raises(ExposedError, match=r"there is no TLS; set --tls-certificate-file"):
            check_exposure(_listening(listen, **known))


def test_without_knowing_the_callers_neither() -> None:
    with pytest.raises(ExposedError, match=r"everybody may do everything; set --access-file"):
        check_exposure(_listening(_ANYWHERE, **_TLS))


@pytest.mark.parametrize("name", ["access_file", "tls_client_ca_file"])
def test_with_tls_and_known_callers_any_address_will_do(name: str) -> None:
    check_exposure(_listening(_ANYWHERE, **_TLS, **{name: Path("/known")}))


def test_a_name_without_an_address_is_no_local_one() -> None:
    with pytest.raises(AddressUnusableError):
        check_exposure(_listening("nowhere.invalid:50051"))


def test_the_refusal_is_one_line_and_comes_before_the_database_is_touched(tmp_path: Path) -> None:
    flags = ("--listen", "0.0.0.0:0")
    server = spawn(tmp_path / "log", flags, {"database_url": "postgresql://nobody@127.0.0.1:1/no"})
    try:
        assert server.wait() == 1
    finally:
        server.close()
    assert server.log.read_text().splitlines() == [
        "will not listen on 0.0.0.0:0, where others can reach it: there is no TLS; "
        "set --tls-certificate-file and --tls-key-file, or say --insecure"
    ]


def test_whoever_says_insecure_gets_it_with_a_warning(database: Database, tmp_path: Path) -> None:
    flags = ("--no-migrate", "--insecure", "--listen", "0.0.0.0:0")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        assert server.health() == Status.SERVING
        (warning,) = server.events("insecure")
    assert warning["reason"] == "there is no TLS"


def test_a_server_with_tls_and_known_clients_listens_anywhere(
    database: Database, tmp_path: Path
) -> None:
    authority = Authority()
    certificate, key = authority.server().written(tmp_path)
    client_ca = tmp_path / "clients.pem"
    client_ca.write_bytes(authority.pem)
    settings = {
        "tls_certificate_file": os.fspath(certificate),
        "tls_key_file": os.fspath(key),
        "tls_client_ca_file": os.fspath(client_ca),
        "database_url": database.url,
    }
    with running(tmp_path / "log", "--no-migrate", "--listen", "0.0.0.0:0", **settings) as server:
        server.credentials = authority.trusted(authority.client("spiffe://shop.example/checkout"))
        assert server.health() == Status.SERVING
        assert server.events("insecure") == []


def _listening(listen: str, **files: Path) -> Settings:
    return Settings.model_validate({"listen": listen, **files})
