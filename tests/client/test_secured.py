"""A client proves who it is, to a server that proves who it is."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_grpc.client import (
    ApiKey,
    AsyncInventoryClient,
    InventoryClient,
    PermissionDenied,
    Policy,
    Tls,
    Token,
    Unauthenticated,
    Unavailable,
)
from tests.conftest import Database
from tests.server.harness import Server, running
from tests.server.pki import Authority

_READER = "the key of somebody who only looks"
_OPERATOR = "spiffe://shop.example/operator"
_ONCE = Policy(attempts_max=1)
_ACCESS = """
[callers.window]
role = "reader"
api_keys_sha256 = ["{key}"]
[callers.operator]
role = "admin"
certificate_uris = ["{uri}"]
"""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def server(
    shared_database: Database, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """It asks everybody for a certificate of the authority's."""
    place = tmp_path_factory.mktemp("secured")
    certificate, key = authority.server().written(place)
    (place / "ca.pem").write_bytes(authority.pem)
    known = hashlib.sha256(_READER.encode()).hexdigest()
    (place / "access.toml").write_text(_ACCESS.format(key=known, uri=_OPERATOR))
    settings = {
        "tls_certificate_file": str(certificate),
        "tls_key_file": str(key),
        "tls_client_ca_file": str(place / "ca.pem"),
        "access_file": str(place / "access.toml"),
    }
    url = shared_database.url
    with running(place / "log", "--no-migrate", database_url=url, **settings) as each:
        yield each


def _tls(authority: Authority, *uris: str) -> Tls:
    shown = authority.client(*uris)
    return Tls(ca=authority.pem, certificate=shown.certificate, key=shown.key)


def test_a_certificate_says_who_calls(server: Server, authority: Authority) -> None:
    with InventoryClient(server.target, tls=_tls(authority, _OPERATOR)) as client:
        product = client.create_product("MUG", "Mug", initial_stock=1).product
        [movement] = client.list_stock_movements(product=product)
    assert movement.actor == "operator"


def test_a_key_says_who_calls_and_what_he_may(server: Server, authority: Authority) -> None:
    tls = _tls(authority)
    with InventoryClient(server.target, tls=tls, credentials=ApiKey(_READER)) as client:
        assert list(client.list_products(sku_prefix="NOTHING")) == []
        with pytest.raises(PermissionDenied) as raised:
            client.create_product("CUP", "Cup")
    assert raised.value.needed


def test_what_proves_nothing_is_refused(server: Server, authority: Authority) -> None:
    tls = _tls(authority)
    for credentials in (None, ApiKey("wrong"), Token("no.such.token")):
        with (
            InventoryClient(server.target, tls=tls, credentials=credentials) as client,
            pytest.raises(Unauthenticated),
        ):
            client.get_product("MUG")


async def test_asyncio_may_wait_for_its_secret(server: Server, authority: Authority) -> None:
    async def secret() -> str:
        return _READER

    tls = _tls(authority)
    async with AsyncInventoryClient(server.target, tls=tls, credentials=ApiKey(secret)) as client:
        assert [each async for each in client.list_products(sku_prefix="NOTHING")] == []


def test_secrets_and_certificates_are_read_from_files(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.client(_OPERATOR).written(tmp_path, "client")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    tls = Tls(ca=tmp_path / "ca.pem", certificate=str(certificate), key=key)
    with InventoryClient(server.target, tls=tls) as client:
        assert list(client.list_products(sku_prefix="NOTHING")) == []


def test_a_server_of_another_authority_is_not_believed(server: Server) -> None:
    tls = Tls(ca=Authority("another").pem)
    with (
        InventoryClient(server.target, tls=tls, policy=_ONCE) as client,
        pytest.raises(Unavailable) as raised,
    ):
        client.get_product("MUG")
    assert raised.value.reason == ""
