"""The keys of tokens are read again while the server serves; nobody waits for that."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.identity.issuer import AUDIENCE, ISSUER, SigningKey, claims, jwks
from tests.server.access_table import CALLERS, NOWHERE, Sources, bearer, ended
from tests.server.callers import UNAUTHENTICATED
from tests.server.harness import START_SECONDS_MAX, Server, poll_until, spawn
from tests.server.key_server import KeyServer, publishing

LIST = "/inventory.v1.ProductService/ListProducts"
KNOWN = ("UNAVAILABLE", "DATABASE_UNAVAILABLE")
"""Past the door: there is no database behind it."""

OLD, NEW = SigningKey("old"), SigningKey("new")


def _spawned(directory: Path, source: str, *flags: str) -> Server:
    sources = Sources(directory)
    sources.write()
    every = ("--no-migrate", "--access-file", str(sources.access), "--jwt-jwks", source)
    rules = ("--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE)
    return spawn(directory / "log", (*every, *rules, *flags), {"database_url": NOWHERE})


@contextmanager
def _serving(directory: Path, source: str, *flags: str) -> Iterator[Server]:
    server = _spawned(directory, source, *flags)
    try:
        poll_until(lambda: server.events("serving") != [], START_SECONDS_MAX)
        server.target = str(server.events("serving")[0]["listen"])
        yield server
    finally:
        server.close()


def _with(server: Server, key: SigningKey) -> tuple[str, str]:
    token = key.sign(claims("subject-reader"))
    return ended(server.channel, LIST, bearer(token), b"")


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with publishing(jwks(OLD)) as keys:
        yield keys


def test_keys_in_a_file_are_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(OLD))
    with _serving(tmp_path, str(path)) as server:
        assert (_with(server, OLD), _with(server, NEW)) == (KNOWN, UNAUTHENTICATED)
        path.write_text("{")
        poll_until(lambda: server.events("jwks_not_usable") != [])
        assert _with(server, OLD) == KNOWN
        path.write_bytes(jwks(NEW))
        poll_until(lambda: _with(server, NEW) == KNOWN)
        # It was known a moment ago.
        assert _with(server, OLD) == UNAUTHENTICATED
        path.write_bytes(b'{"keys": []}')
        poll_until(lambda: _with(server, NEW) == UNAUTHENTICATED)


def test_keys_at_a_url_are_fetched_again_and_again(tmp_path: Path, keys: KeyServer) -> None:
    with _serving(tmp_path, keys.url, "--jwt-jwks-refresh-seconds", "1") as server:
        assert _with(server, OLD) == KNOWN
        keys.status = 500
        poll_until(lambda: server.events("jwks_not_usable") != [])
        assert server.events("jwks_not_usable")[0]["reason"] == "HTTP status 500"
        assert _with(server, OLD) == KNOWN
        keys.body, keys.status = jwks(NEW), 200
        poll_until(lambda: _with(server, NEW) == KNOWN)
        assert _with(server, OLD) == UNAUTHENTICATED


def test_an_unknown_key_has_the_keys_fetched_though_not_on_every_call(
    tmp_path: Path, keys: KeyServer
) -> None:
    with _serving(tmp_path, keys.url) as server:
        keys.body = jwks(OLD, NEW)
        calls = 0

        def is_known() -> bool:
            nonlocal calls
            calls += 1
            return _with(server, NEW) == KNOWN

        # The next regular fetch is minutes away.
        poll_until(is_known, 30)
        assert calls > 10
        assert keys.fetched == 2
        assert _with(server, OLD) == KNOWN


def test_nobody_waits_while_keys_are_fetched(tmp_path: Path, keys: KeyServer) -> None:
    with _serving(tmp_path, keys.url, "--jwt-jwks-refresh-seconds", "1") as server:
        keys.may_answer.clear()
        before = keys.fetched
        poll_until(lambda: keys.fetched > before)
        assert _with(server, OLD) == KNOWN
        assert _with(server, NEW) == UNAUTHENTICATED


def test_a_server_starts_without_its_keys_and_has_them_when_they_are_there(
    tmp_path: Path, keys: KeyServer
) -> None:
    keys.status = 503
    with _serving(tmp_path, keys.url, "--jwt-jwks-refresh-seconds", "1") as server:
        assert _with(server, OLD) == UNAUTHENTICATED
        by_key = ended(server.channel, LIST, next(iter(CALLERS.values())).metadata, b"")
        assert by_key == KNOWN
        keys.status = 200
        poll_until(lambda: _with(server, OLD) == KNOWN)


def test_the_server_is_not_sent_elsewhere_for_its_keys(tmp_path: Path, keys: KeyServer) -> None:
    with publishing(jwks(NEW)) as elsewhere:
        keys.status, keys.location = 302, elsewhere.url
        with _serving(tmp_path, keys.url) as server:
            assert _with(server, NEW) == UNAUTHENTICATED
            assert server.events("jwks_not_usable")[0]["reason"] == "HTTP status 302"
        assert elsewhere.fetched == 0


def test_a_server_does_not_start_with_keys_it_does_not_understand(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text('{"key": 1}')
    server = _spawned(tmp_path, str(path))
    try:
        assert server.wait(START_SECONDS_MAX) == 1
    finally:
        server.close()
    assert f"{path}: not a JWKS" in server.log.read_text()
