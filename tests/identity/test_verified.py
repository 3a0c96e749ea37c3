"""What was verified is remembered for a moment, and never for longer than it counts."""

import pytest

from inventory_grpc.domain.caller import Caller, Role
from inventory_grpc.domain.errors import Unauthenticated
from inventory_grpc.identity.access import Access, parse_access
from inventory_grpc.identity.authenticator import Authenticator
from inventory_grpc.identity.errors import NotListedError
from inventory_grpc.identity.jwks import parse_jwks
from inventory_grpc.identity.tokens import Token, TokenRules, TokenVerifier
from inventory_grpc.identity.verified import KEPT_SECONDS_MAX, VerifiedTokens
from tests.identity.issuer import AUDIENCE, ISSUER, SigningKey, claims, jwks

CHECKOUT = Caller("checkout", Role.WRITER)


class _Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_known_for_a_minute_at_most() -> None:
    clock = _Clock()
    known = VerifiedTokens(clock=clock)
    known.keep("a", Token("checkout", clock.now + 3_600), CHECKOUT)
    clock.now += KEPT_SECONDS_MAX - 1
    assert known.find("a") is CHECKOUT
    clock.now += 1
    assert known.find("a") is None
    assert len(known) == 0


def test_a_token_is_known_until_it_expires_and_not_within_the_leeway() -> None:
    clock = _Clock()
    known = VerifiedTokens(clock=clock)
    known.keep("a", Token("checkout", clock.now + 5), CHECKOUT)
    known.keep("late", Token("checkout", clock.now - 5), CHECKOUT)
    assert (known.find("a"), known.find("late")) == (CHECKOUT, None)
    clock.now += 5
    assert known.find("a") is None


def test_the_oldest_makes_room() -> None:
    known = VerifiedTokens(tokens_max=3)
    for token in "abcde":
        known.keep(token, Token("checkout", 2**40), CHECKOUT)
    assert [known.find(token) is not None for token in "abcde"] == [False, False, True, True, True]


def test_tokens_themselves_are_not_kept() -> None:
    known = VerifiedTokens()
    known.keep("secret", Token("checkout", 2**40), CHECKOUT)
    assert "secret" not in repr(vars(known))


class _Call:
    """As a call with a bearer token looks to who identifies it."""

    def __init__(self, token: str) -> None:
        self._token = token

    @property
    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return (("authorization", f"Bearer {self._token}"),)

    def auth_context(self) -> dict[str, tuple[bytes, ...]]:
        return {}


class _Connected:
    """As a call on a connection with a client certificate looks."""

    def __init__(self, uri: bytes) -> None:
        self._uri = uri

    def auth_context(self) -> dict[str, tuple[bytes, ...]]:
        return {"peer_uri": (self._uri,)}


def _authenticator(key: SigningKey) -> Authenticator:
    rules = TokenRules(ISSUER, AUDIENCE, frozenset({"ES256"}))
    authenticator = Authenticator(TokenVerifier(rules, lambda: None))
    authenticator.use_keys(parse_jwks(jwks(key)))
    authenticator.use_access(_access("checkout"))
    return authenticator


def _access(subject: str) -> Access:
    text = f'[callers.shop]\nrole = "writer"\njwt_subjects = ["{subject}"]\n'
    return parse_access(text.encode())


def test_a_known_token_is_forgotten_when_the_keys_change() -> None:
    key = SigningKey()
    authenticator, call = _authenticator(key), _Call(key.sign(claims()))
    assert authenticator.identify(call, call.metadata) is authenticator.identify(
        call, call.metadata
    )
    authenticator.use_keys(parse_jwks(jwks(SigningKey())))
    with pytest.raises(Unauthenticated):
        authenticator.identify(call, call.metadata)


def test_a_known_token_is_forgotten_when_the_access_file_changes() -> None:
    key = SigningKey()
    authenticator, call = _authenticator(key), _Call(key.sign(claims()))
    heard: list[Access] = []
    authenticator.on_change(heard.append)
    assert authenticator.identify(call, call.metadata).name == "shop"
    later = _access("somebody-else")
    authenticator.use_access(later)
    with pytest.raises(NotListedError):
        authenticator.identify(call, call.metadata)
    assert heard == [later]


@pytest.mark.parametrize(
    ("subject", "shown"),
    [("shop", "sub:shop"), ("a\nb\u202ec d\x7f", "sub:a?b?c?d?"), ("x" * 500, "sub:" + "x" * 124)],
)
def test_a_subject_that_is_nobody_here_passes_for_no_caller_and_forges_no_line(
    subject: str, shown: str
) -> None:
    key = SigningKey()
    call = _Call(key.sign(claims(subject)))
    with pytest.raises(NotListedError) as stranger:
        _authenticator(key).identify(call, call.metadata)
    assert stranger.value.name == shown


@pytest.mark.parametrize(
    ("uri", "shown"),
    [(b"shop", "uri:shop"), (b"spiffe://a/\xff\n", "uri:spiffe://a/??")],
)
def test_a_certificate_that_is_nobody_s_here_passes_for_no_caller_either(
    uri: bytes, shown: str
) -> None:
    with pytest.raises(NotListedError) as stranger:
        _authenticator(SigningKey()).identify(_Connected(uri), ())
    assert stranger.value.name == shown
