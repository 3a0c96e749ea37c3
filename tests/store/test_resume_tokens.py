"""Resume tokens: ours, of this database, to the last bit."""

import re
from dataclasses import replace

import pytest

from inventory_grpc.domain.errors import InvalidFields
from inventory_grpc.domain.reads import OrderQuery
from inventory_grpc.services.mutations import STATEMENTS
from inventory_grpc.store import page_tokens
from inventory_grpc.store.identity import Identity, LinkIdentity
from inventory_grpc.store.link import Link, LinkSettings
from inventory_grpc.store.resume_tokens import (
    INDEX_LAST,
    TOKEN_LENGTH_MAX,
    CommitToken,
    ResumeToken,
    StreamToken,
    seal,
    unseal,
)
from tests.conftest import Database

HERE = Identity("0192d0a8-0000-7000-8000-00000000000d", bytes(range(32)))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TOKENS: list[ResumeToken] = [
    StreamToken(0, 0),
    StreamToken(0),
    StreamToken(17, 3),
    StreamToken(2**63 - 1, INDEX_LAST),
    CommitToken("0192d0a8-0000-7000-8000-0000000000cc"),
]

of_any = pytest.mark.parametrize("token", TOKENS, ids=str)


@of_any
def test_a_token_opens_as_what_it_was_made_of(token: ResumeToken) -> None:
    assert unseal(HERE, seal(HERE, token), "min_token") == token


@of_any
def test_a_token_is_short_and_needs_no_quoting(token: ResumeToken) -> None:
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{1,{TOKEN_LENGTH_MAX}}}", seal(HERE, token))


@of_any
def test_a_token_with_any_one_bit_changed_is_refused(token: ResumeToken) -> None:
    text = seal(HERE, token)
    for index, character in enumerate(text):
        for bit in range(6):
            other = ALPHABET[ALPHABET.index(character) ^ (1 << bit)]
            _refused(HERE, text[:index] + other + text[index + 1 :])


@of_any
def test_a_token_cut_or_lengthened_is_refused(token: ResumeToken) -> None:
    text = seal(HERE, token)
    longer = [text + "A", text + "=", text + "==", " " + text, text + "\n", text + text]
    for changed in [text[:cut] for cut in range(len(text))] + longer:
        _refused(HERE, changed)


@pytest.mark.parametrize("nonsense", ["x", "é", "\x00", "%", "A" * 121, "-", "AAAA" * 15])
def test_nonsense_is_refused(nonsense: str) -> None:
    _refused(HERE, nonsense)


@of_any
def test_a_token_of_another_database_is_told_from_a_forged_one(token: ResumeToken) -> None:
    restored = replace(HERE, database_id="0192d0a8-0000-7000-8000-00000000000e")
    elsewhere = replace(restored, token_key=bytes(32))
    forged = replace(HERE, token_key=bytes(32))
    assert "another database" in _refused(restored, seal(HERE, token))
    assert "another database" in _refused(elsewhere, seal(HERE, token))
    assert "not made by this service" in _refused(forged, seal(HERE, token))


def test_a_page_token_is_no_resume_token() -> None:
    _refused(HERE, page_tokens.seal(HERE.token_key, OrderQuery(), ("x" * 27,)))


def test_the_violation_names_the_field() -> None:
    with pytest.raises(InvalidFields) as refused:
        unseal(HERE, "x", "resume_token")
    assert [each.field for each in refused.value.violations] == ["resume_token"]


def test_a_new_connection_asks_again_who_the_database_is(database: Database) -> None:
    link = Link(LinkSettings(database.url), STATEMENTS)
    identity = LinkIdentity(link)

    def read() -> Identity:
        link.begin(())
        try:
            return identity.read()
        finally:
            link.rollback()

    first = read()
    with database.connect("owner") as owner, owner.cursor() as cursor:
        cursor.execute("UPDATE service_identity SET database_id = gen_random_uuid()")
    owner.commit()
    assert read() == first, "the same connection leads to the same database"
    link.close()
    assert read().database_id != first.database_id
    link.close()
    owner.close()


def _refused(identity: Identity, text: str) -> str:
    with pytest.raises(InvalidFields) as refused:
        unseal(identity, text, "min_token")
    (violation,) = refused.value.violations
    return violation.description
