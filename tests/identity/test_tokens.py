"""Which tokens prove who calls, and that no others do."""

import json
import random
import secrets
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from inventory_grpc.domain.errors import Unauthenticated
from inventory_grpc.identity.jwks import parse_jwks
from inventory_grpc.identity.tokens import TokenRules, TokenVerifier
from inventory_grpc.settings_access import JWT_ALGORITHMS
from tests.identity.issuer import (
    AUDIENCE,
    ISSUER,
    Forgeries,
    SigningKey,
    claims,
    encoded,
    jwks,
    signed_with_secret,
    unsigned,
)

RSA = SigningKey("rsa", "RS256")
EC = SigningKey("ec", "ES256")


def _verifier(
    *keys: SigningKey | dict[str, Any],
    algorithms: tuple[str, ...] = JWT_ALGORITHMS,
    on_unknown_key: Callable[[], None] = lambda: None,
) -> TokenVerifier:
    rules = TokenRules(ISSUER, AUDIENCE, frozenset(algorithms))
    verifier = TokenVerifier(rules, on_unknown_key)
    verifier.keys = parse_jwks(jwks(*keys))
    return verifier


def _accepts(verifier: TokenVerifier, token: str) -> bool:
    try:
        return verifier.verify(token).subject == "checkout"
    except Unauthenticated:
        return False


@pytest.mark.parametrize("algorithm", JWT_ALGORITHMS)
def test_every_asymmetric_signature_is_verified(algorithm: str) -> None:
    key = SigningKey("k", algorithm)
    verifier = _verifier(key)
    assert _accepts(verifier, key.sign(claims()))
    assert not _accepts(verifier, SigningKey("k", algorithm).sign(claims()))


@pytest.mark.parametrize("key", [RSA, EC], ids=["RSA", "EC"])
@pytest.mark.parametrize("what", Forgeries(EC).all())
def test_no_forgery_is_accepted(key: SigningKey, what: str) -> None:
    assert not _accepts(_verifier(RSA, EC), Forgeries(key).all()[what])


def test_clocks_may_differ_by_half_a_minute() -> None:
    now = int(time.time())
    verifier = _verifier(EC)
    assert _accepts(verifier, EC.sign(claims(exp=now - 20)))
    assert _accepts(verifier, EC.sign(claims(nbf=now + 20, iat=now + 20)))
    assert not _accepts(verifier, EC.sign(claims(exp=now - 40)))


def test_a_token_may_be_for_several_audiences() -> None:
    verifier = _verifier(EC)
    assert _accepts(verifier, EC.sign(claims(aud=["billing", AUDIENCE])))
    assert not _accepts(verifier, EC.sign(claims(aud=["billing", AUDIENCE + "2"])))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"exp": 1}, "the token has expired"),
        ({"nbf": 2**33}, "the token is not valid yet"),
        ({"aud": "billing"}, "the token is for another audience"),
        ({"iss": "https://evil.example"}, "the token is of another issuer"),
        ({"sub": None}, "the token lacks exp, iss, aud or sub"),
    ],
)
def test_who_has_a_genuine_token_is_told_what_is_wrong_with_it(
    changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(Unauthenticated) as refused:
        _verifier(EC).verify(EC.sign(claims(**changed)))
    assert refused.value.problem == told
    with pytest.raises(Unauthenticated) as refused:
        _verifier(EC).verify(SigningKey("ec", "ES256").sign(claims(**changed)))
    assert refused.value.problem == "the token does not verify"


def test_only_a_key_that_is_not_known_asks_for_newer_keys() -> None:
    asked: list[str] = []
    verifier = _verifier(EC, on_unknown_key=lambda: asked.append("newer"))
    assert not _accepts(verifier, SigningKey("ec", "ES256").sign(claims()))
    assert not _accepts(verifier, unsigned(claims(), {"alg": "none", "kid": "k0"}))
    assert asked == []
    assert not _accepts(verifier, SigningKey("k0", "ES256").sign(claims()))
    assert asked == ["newer"]


def test_a_shared_secret_in_the_set_verifies_nothing() -> None:
    secret = secrets.token_bytes(32)
    oct_key = {"kty": "oct", "kid": "shared", "k": encoded(secret), "alg": "HS256"}
    verifier = _verifier(oct_key, EC)
    assert (len(verifier.keys), verifier.keys.ignored) == (1, 1)
    assert not _accepts(verifier, signed_with_secret(claims(), secret, {"kid": "shared"}))
    widened = _verifier(oct_key, EC, algorithms=("HS256", "none", "ES256"))
    # Not even where it were allowed: the type of the key decides.
    assert not _accepts(widened, signed_with_secret(claims(), secret, {"kid": "shared"}))
    assert not _accepts(widened, unsigned(claims(), {"alg": "none"}))


def test_a_key_verifies_what_its_type_and_its_alg_say() -> None:
    jwk = {name: value for name, value in RSA.jwk.items() if name != "alg"}
    other = SigningKey("rsa", "PS256")
    vars(other)["private"] = RSA.private
    assert not _accepts(_verifier(RSA), other.sign(claims()))
    assert _accepts(_verifier(jwk), other.sign(claims()))
    assert _accepts(_verifier(jwk), RSA.sign(claims()))
    assert not _accepts(_verifier(jwk, algorithms=("PS256",)), RSA.sign(claims()))


def test_without_a_kid_only_one_key_may_fit() -> None:
    token = EC.sign(claims(), {"kid": None})
    assert _accepts(_verifier(EC, RSA), token)
    assert not _accepts(_verifier(EC, SigningKey("more", "ES256")), token)
    assert _accepts(_verifier(EC, SigningKey("more", "ES256")), EC.sign(claims()))
    # Two keys of one id: which is meant is not guessed, unless their types tell.
    assert not _accepts(_verifier(EC, SigningKey("ec", "ES256")), EC.sign(claims()))
    assert _accepts(_verifier(EC, SigningKey("ec", "ES384")), EC.sign(claims()))


@pytest.mark.parametrize(
    "changed",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "ES384"},
        {"alg": "HS256"},
        {"alg": ["ES256"]},
        {"crv": "P-000"},
        {"crv": "secp256k1"},
        {"x": "AA"},
        {"x": 7},
        {"kty": "XY"},
        {"kty": None},
    ],
)
def test_a_key_that_is_not_for_this_is_left_out(changed: dict[str, object]) -> None:
    keys = parse_jwks(jwks({**EC.jwk, **changed}, RSA))
    assert (len(keys), keys.ignored) == (1, 1)


def test_a_short_rsa_key_is_left_out() -> None:
    assert len(parse_jwks(jwks(SigningKey("short", "RS256", bits=1024)))) == 0


def test_a_private_key_in_the_set_is_used_as_its_public_half() -> None:
    numbers = EC.private.private_numbers()
    private = {**EC.jwk, "d": encoded(numbers.private_value.to_bytes(32, "big"))}
    assert _accepts(_verifier(private), EC.sign(claims()))


_ODD_PARTS = [
    b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"{}", b"[" * 3000, b'{"alg":null}',
    b'{"alg":["ES256"]}', b'{"alg":{"a":1}}', b'{"alg":"ES256","kid":7}',
    b'{"alg":"ES256","kid":["ec"]}', b'{"alg":"ES256","b64":false,"crit":["b64"]}',
]  # fmt: skip


@pytest.mark.parametrize("part", _ODD_PARTS)
def test_odd_headers_are_refusals(part: bytes) -> None:
    good = EC.sign(claims()).split(".")
    assert not _accepts(_verifier(EC, RSA), ".".join([encoded(part), *good[1:]]))


@pytest.mark.parametrize(
    "odd",
    [
        {"exp": "soon"}, {"exp": 1e400}, {"exp": float("nan")}, {"exp": [1]}, {"exp": {}},
        {"exp": True}, {"exp": 10**400}, {"nbf": 1e400}, {"nbf": "x"}, {"iat": 1e400}, {"iat": []},
        {"aud": 7}, {"aud": [7]}, {"aud": {}}, {"iss": 7}, {"iss": [ISSUER]}, {"sub": 7},
        {"sub": ["checkout"]},
    ],
)  # fmt: skip
def test_odd_claims_of_a_genuine_token_are_refusals(odd: dict[str, Any]) -> None:
    assert not _accepts(_verifier(EC), _signed_anyhow(EC, claims(**odd)))


@pytest.mark.parametrize("payload", [b"[]", b"7", b"[" * 3000, b"\xff", b"{"])
def test_odd_payloads_of_a_genuine_token_are_refusals(payload: bytes) -> None:
    assert not _accepts(_verifier(EC), _signed_raw(EC, payload))


def test_damaged_tokens_are_refusals_and_never_errors() -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - no secret
    verifier, good = _verifier(EC, RSA), EC.sign(claims())
    for _ in range(2_000):
        damaged = list(good)
        for _change in range(chance.randint(1, 4)):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.randint(0, 2)] = chance.choice("aZ_-.=+/ {\x00~")
        token = "".join(damaged)
        # The last character of a signature has bits that mean nothing.
        assert not _accepts(verifier, token) or token[:-1] == good[:-1]


def _signed_anyhow(key: SigningKey, payload: dict[str, Any]) -> str:
    """Signed without the library's own look at the claims."""
    return _signed_raw(key, json.dumps(payload).encode())


def _signed_raw(key: SigningKey, payload: bytes) -> str:
    return jwt.PyJWS().encode(payload, key.private, key.algorithm, {"kid": key.kid})
