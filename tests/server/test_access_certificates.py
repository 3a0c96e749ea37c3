"""Every method by client certificates: their only URI says who calls.

The server here has no database: whatever got past the door would be told that it is away.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import grpc
import pytest

from inventory_grpc.domain.caller import Role
from inventory_grpc.rpc.rights import needed_for
from tests.conftest import Database
from tests.identity.test_rights import METHODS
from tests.server.access_table import (
    CALLERS,
    CLIENTS,
    SERVERS,
    Sources,
    all_end,
    bearer,
    below,
    ended,
    without_database,
)
from tests.server.callers import PERMISSION_DENIED, UNAUTHENTICATED
from tests.server.harness import Server, running
from tests.server.pki import Authority, Pair


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.mktemp("access"))


@pytest.fixture(scope="module")
def secured(sources: Sources) -> Iterator[Server]:
    with without_database(sources, "log", *sources.tls) as server:
        yield server


def _shown(server: Server, certificate: Pair) -> Server:
    """The same server, to a caller with this certificate."""
    return Server(server.process, server.log, "", server.target, SERVERS.trusted(certificate))


_ADMIN: Final = CALLERS[Role.ADMIN].uris[0]
CERTIFICATES: Final = {
    "without a URI": (CLIENTS.client(), UNAUTHENTICATED),
    "with several URIs": (CLIENTS.client(_ADMIN, "spiffe://shop.example/x"), UNAUTHENTICATED),
    "with the URI as common name": (CLIENTS.client(common_name=_ADMIN), UNAUTHENTICATED),
    "with the URI as DNS name": (CLIENTS.client(dns=[_ADMIN]), UNAUTHENTICATED),
    "of nobody here": (CLIENTS.client("spiffe://shop.example/stranger"), PERMISSION_DENIED),
    "that looks like another": (CLIENTS.client(_ADMIN.upper()), PERMISSION_DENIED),
    "that goes on after another": (CLIENTS.client(_ADMIN + "/more"), PERMISSION_DENIED),
}


@pytest.mark.parametrize("which", CERTIFICATES)
def test_a_certificate_is_known_by_its_only_uri(secured: Server, which: str) -> None:
    certificate, refusal = CERTIFICATES[which]
    with _shown(secured, certificate).connect() as channel:
        assert all_end(channel, lambda _: ()) == {refusal: list(METHODS)}


REFUSED_CERTIFICATES: Final = {
    "forged": Authority("clients").client(_ADMIN),
    "of the servers' authority": SERVERS.client(_ADMIN),
    "expired": CLIENTS.client(_ADMIN, lasts=-timedelta(days=1)),
}


@pytest.mark.parametrize("which", REFUSED_CERTIFICATES)
def test_a_certificate_that_does_not_verify_gets_no_connection(secured: Server, which: str) -> None:
    with _shown(secured, REFUSED_CERTIFICATES[which]).connect() as channel:
        ends = all_end(channel, lambda role: CALLERS[role].metadata)
    assert ends == {("UNAVAILABLE", ""): list(METHODS)}


def test_without_a_certificate_there_is_no_connection(secured: Server) -> None:
    server = Server(secured.process, secured.log, "", secured.target, SERVERS.trusted())
    with server.connect() as channel:
        ends = all_end(channel, lambda role: CALLERS[role].metadata)
    assert ends == {("UNAVAILABLE", ""): list(METHODS)}


@contextmanager
def _by_role(server: Server) -> Iterator[dict[Role, grpc.Channel]]:
    """Connections with the certificate of a caller of each role."""
    channels = {
        role: _shown(server, CLIENTS.client(*caller.uris)).connect()
        for role, caller in CALLERS.items()
    }
    try:
        yield channels
    finally:
        for channel in channels.values():
            channel.close()


def _by_certificate(
    channels: dict[Role, grpc.Channel], role_of: Callable[[Role], Role | None]
) -> dict[tuple[str, str], int]:
    """How often calls end how, each by a certificate of a role that follows from the least one."""
    ends: dict[tuple[str, str], int] = {}
    for method in METHODS:
        role = role_of(needed_for(method) or Role.ADMIN)
        if role is not None:
            end = ended(channels[role], method, (), b"")
            ends[end] = ends.get(end, 0) + 1
    return ends


def test_a_certificate_gives_the_role_of_its_caller(secured: Server) -> None:
    with _by_role(secured) as channels:
        denied = _by_certificate(channels, below)
        let_in = _by_certificate(channels, lambda role: role)
    assert set(denied) == {PERMISSION_DENIED}
    assert set(let_in) == {
        ("INVALID_ARGUMENT", "INVALID_FIELD"),
        ("UNAVAILABLE", "DATABASE_UNAVAILABLE"),
    }
    assert sum(let_in.values()) == len(METHODS)


def test_what_is_sent_along_counts_before_the_certificate(secured: Server) -> None:
    method = "/inventory.v1.LocationService/DeleteLocation"
    reader, admin = CALLERS[Role.READER], CALLERS[Role.ADMIN]
    with _shown(secured, CLIENTS.client(*admin.uris)).connect() as channel:
        assert ended(channel, method, (), b"")[0] == "INVALID_ARGUMENT"
        assert ended(channel, method, reader.metadata, b"") == PERMISSION_DENIED
        assert ended(channel, method, (("x-api-key", "guess"),), b"") == UNAUTHENTICATED
        assert ended(channel, method, bearer("guess"), b"") == UNAUTHENTICATED
    with _shown(secured, CLIENTS.client(*reader.uris)).connect() as channel:
        assert ended(channel, method, (), b"") == PERMISSION_DENIED
        assert ended(channel, method, admin.metadata, b"")[0] == "INVALID_ARGUMENT"


def test_who_has_the_role_is_answered(database: Database, sources: Sources) -> None:
    sources.write()
    log, flags = sources.directory / "live.log", (*sources.flags, *sources.tls)
    with running(log, *flags, database_url=database.url) as server, _by_role(server) as channels:
        ends = _by_certificate(channels, lambda role: role)
    assert {code for code, _ in ends} == {"OK", "INVALID_ARGUMENT"}
