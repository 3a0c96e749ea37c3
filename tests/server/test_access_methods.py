"""Every method by every API key and token: who may not is refused, and no database hears of it.

The server here has no database: whatever got past the door would be told that it is away.
"""

import secrets
from collections.abc import Iterator
from typing import Final

import pytest

from inventory_grpc.domain.caller import Role
from tests.conftest import Database
from tests.identity.issuer import Forgeries, claims
from tests.identity.test_rights import METHODS
from tests.server.access_table import (
    CALLERS,
    KEY,
    RETIRED,
    Present,
    Sources,
    all_end,
    bearer,
    below,
    token_of,
    without_database,
)
from tests.server.callers import PERMISSION_DENIED, UNAUTHENTICATED, Metadata
from tests.server.harness import Server, running


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.mktemp("access"))


@pytest.fixture(scope="module")
def plain(sources: Sources) -> Iterator[Server]:
    with without_database(sources, "log") as server:
        yield server


def _key(key: str) -> Present:
    return lambda _: (("x-api-key", key),)


def _key_of_role_below(needed: Role) -> Metadata | None:
    role = below(needed)
    return None if role is None else CALLERS[role].metadata


def _token_of_role_below(needed: Role) -> Metadata | None:
    role = below(needed)
    return None if role is None else token_of(role)


def _forged(what: str) -> Present:
    """Of an administrator, so that nothing but the forgery is wrong."""
    return lambda _: bearer(Forgeries(KEY, CALLERS[Role.ADMIN].subjects[0]).all()[what])


UNKNOWN: Final[dict[str, Present]] = {
    "none": lambda _: (),
    "API key: forged": _key("inv_" + secrets.token_urlsafe()),
    "API key: taken out of the file": _key(RETIRED),
    "API key: its digest": lambda role: (("x-api-key", CALLERS[role].lines()[2][-66:-2]),),
    "API key: as a token": lambda role: bearer(CALLERS[role].key),
    "API key and token": lambda role: (*CALLERS[role].metadata, *token_of(role)),
    "JWT: no token": lambda _: bearer("nonsense"),
    "JWT: as an API key": lambda role: (("x-api-key", str(token_of(role)[0][1])[7:]),),
    **{f"JWT: {what}": _forged(what) for what in Forgeries(KEY).all()},
}
FORBIDDEN: Final[dict[str, Present]] = {
    "API key: wrong role": _key_of_role_below,
    "JWT: wrong role": _token_of_role_below,
    "JWT: of a subject that is nobody here": lambda _: bearer(KEY.sign(claims("stranger"))),
}
KNOWN: Final[dict[str, Present]] = {
    "API key": lambda role: CALLERS[role].metadata,
    "JWT": token_of,
}


@pytest.mark.parametrize("raw", [b"", b"\xff"], ids=["message", "malformed"])
@pytest.mark.parametrize("credential", UNKNOWN)
def test_who_is_not_known_is_refused(plain: Server, credential: str, raw: bytes) -> None:
    ends = all_end(plain.channel, UNKNOWN[credential], raw)
    assert ends == {UNAUTHENTICATED: list(METHODS)}


@pytest.mark.parametrize("raw", [b"", b"\xff"], ids=["message", "malformed"])
@pytest.mark.parametrize("credential", FORBIDDEN)
def test_who_lacks_the_role_is_denied(plain: Server, credential: str, raw: bytes) -> None:
    ends = all_end(plain.channel, FORBIDDEN[credential], raw)
    assert set(ends) == {PERMISSION_DENIED}


@pytest.mark.parametrize("credential", KNOWN)
def test_who_has_the_role_gets_as_far_as_the_database(plain: Server, credential: str) -> None:
    ends = all_end(plain.channel, KNOWN[credential])
    assert set(ends) == {
        ("INVALID_ARGUMENT", "INVALID_FIELD"),
        ("UNAVAILABLE", "DATABASE_UNAVAILABLE"),
    }
    assert sum(map(len, ends.values())) == len(METHODS)


def test_who_has_the_role_is_answered(database: Database, sources: Sources) -> None:
    sources.write()
    log = sources.directory / "live.log"
    with running(log, *sources.flags, database_url=database.url) as server:
        for present in KNOWN.values():
            ends = all_end(server.channel, present)
            assert {code for code, _ in ends} == {"OK", "INVALID_ARGUMENT"}
