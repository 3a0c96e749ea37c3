"""What a call may come with: one credential, well-formed, or none."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from inventory_grpc.domain.errors import Unauthenticated
from inventory_grpc.identity.credentials import (
    CREDENTIAL_LENGTH_MAX,
    Kind,
    certificate_uri,
    in_metadata,
)

Pairs = tuple[tuple[str, str | bytes], ...]


@dataclass
class Presenting:
    """What gRPC would hand over of a connection."""

    proved: dict[str, Iterable[bytes]] = field(default_factory=dict)

    def auth_context(self) -> dict[str, Iterable[bytes]]:
        return self.proved


@pytest.mark.parametrize("metadata", [(), None, (("user-agent", "x"), ("authorization-bin", b"x"))])
def test_there_may_be_none(metadata: Pairs | None) -> None:
    assert in_metadata(metadata) is None


@pytest.mark.parametrize(
    ("pair", "credential"),
    [
        (("x-api-key", "k"), (Kind.API_KEY, "k")),
        (("x-api-key", " k "), (Kind.API_KEY, "k")),
        (("authorization", "Bearer t"), (Kind.TOKEN, "t")),
        (("authorization", "bearer   t "), (Kind.TOKEN, "t")),
        (("authorization", "BEARER t"), (Kind.TOKEN, "t")),
    ],
)
def test_there_may_be_one(pair: tuple[str, str], credential: tuple[Kind, str]) -> None:
    assert in_metadata((("user-agent", "x"), pair)) == credential


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "Bearer", "Bearer ", "Bearer  ", "t", "Basic dDp0", "Bearert", b"Bearer t",
        "Bearer é", "Bearer \u0100", "Bearer " + "t" * CREDENTIAL_LENGTH_MAX,
    ],
)  # fmt: skip
def test_a_token_is_a_bearer_token(value: str | bytes) -> None:
    with pytest.raises(Unauthenticated, match="authorization is malformed"):
        in_metadata((("authorization", value),))


@pytest.mark.parametrize("value", ["", " ", b"k", "é", "\ud800", "k" * (CREDENTIAL_LENGTH_MAX + 1)])
def test_a_key_is_short_text(value: str | bytes) -> None:
    with pytest.raises(Unauthenticated, match="x-api-key is malformed"):
        in_metadata((("x-api-key", value),))


_TOKEN, _KEY = ("authorization", "Bearer t"), ("x-api-key", "k")


@pytest.mark.parametrize(
    "metadata", [(_TOKEN, _TOKEN), (_KEY, _KEY), (_KEY, _TOKEN), (_KEY, ("authorization", ""))]
)
def test_there_is_at_most_one(metadata: Pairs) -> None:
    with pytest.raises(Unauthenticated, match="more than one credential"):
        in_metadata(metadata)


def test_no_refusal_quotes_a_credential() -> None:
    for pair in (("authorization", "Basic hunter2"), ("x-api-key", "hunter2é")):
        with pytest.raises(Unauthenticated) as refused:
            in_metadata((pair,))
        assert "hunter2" not in refused.value.message


def test_a_certificate_is_known_by_the_part_that_has_its_uris() -> None:
    pem, name = (b"-----BEGIN",), (b"spiffe://a/b",)
    shown = {"x509_pem_cert": pem, "x509_common_name": name, "peer_uri": name}
    assert certificate_uri(Presenting(proved={})) is None
    assert certificate_uri(Presenting(proved=dict(shown))) == b"spiffe://a/b"
    for odd in ((), (*name, b"spiffe://a/c"), (*name, *name)):
        with pytest.raises(Unauthenticated, match="URI"):
            certificate_uri(Presenting(proved={**shown, "peer_uri": odd}))
