"""Somebody who signs tokens and publishes keys, and all the ways to get it wrong."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

ISSUER: Final = "https://login.shop.example"
AUDIENCE: Final = "inventory"

_LIFETIME_SECONDS: Final = 86_400
"""Longer than any run of the tests: some tokens are signed when their module is imported."""

_CURVES: Final = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@dataclass(frozen=True)
class SigningKey:
    """A key pair for one algorithm."""

    kid: str = "k1"
    algorithm: str = "ES256"
    bits: int = 2048
    """Of an RSA key."""

    @cached_property
    def private(self) -> Any:
        if self.algorithm in _CURVES:
            return ec.generate_private_key(_CURVES[self.algorithm])
        if self.algorithm == "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        return rsa.generate_private_key(public_exponent=65537, key_size=self.bits)

    @cached_property
    def jwk(self) -> dict[str, Any]:
        """The public half, as it is published."""
        algorithm = get_default_algorithms()[self.algorithm]
        parsed: dict[str, Any] = json.loads(algorithm.to_jwk(self.private.public_key()))
        parsed.pop("key_ops", None)
        return {**parsed, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    @property
    def pem(self) -> bytes:
        public: bytes = self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        return public

    def sign(self, claims: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> str:
        every = {"kid": self.kid, **(headers or {})}
        kept = {name: value for name, value in every.items() if value is not None}
        return jwt.encode(dict(claims), self.private, self.algorithm, kept)


def claims(subject: str = "checkout", **others: Any) -> dict[str, Any]:
    """Of a token that is accepted; None leaves one out."""
    now = int(time.time())
    every = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject,
        "iat": now, "exp": now + _LIFETIME_SECONDS, **others,
    }  # fmt: skip
    return {name: value for name, value in every.items() if value is not None}


def jwks(*keys: SigningKey | dict[str, Any]) -> bytes:
    """The set of these keys."""
    published = [key.jwk if isinstance(key, SigningKey) else key for key in keys]
    return json.dumps({"keys": published}).encode()


def unsigned(payload: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """A token without a signature."""
    return f"{_part(header)}.{_part(payload)}."


def signed_with_secret(payload: Mapping[str, Any], secret: bytes, header: Mapping[str, Any]) -> str:
    """As who takes a public key for a shared secret would accept it: HS256."""
    text = f"{_part({**header, 'alg': 'HS256'})}.{_part(payload)}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


def _part(value: Mapping[str, Any]) -> str:
    return encoded(json.dumps(value).encode())


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Forgeries:
    """Tokens that must never be accepted, by what is wrong with them."""

    key: SigningKey
    subject: str = "checkout"
    stranger: SigningKey = field(default_factory=SigningKey)

    def all(self) -> dict[str, str]:
        sign, now = self.key.sign, int(time.time())
        good, kid = claims(self.subject), {"kid": self.key.kid}
        impostor = SigningKey(self.key.kid, self.key.algorithm)
        tampered = sign(good).split(".")
        tampered[1] = sign(claims("boss")).split(".")[1]
        return {
            "forged": impostor.sign(good),
            "tampered": ".".join(tampered),
            "expired": sign(claims(self.subject, exp=now - 31)),
            "wrong audience": sign(claims(self.subject, aud="billing")),
            "alg=none": unsigned(good, {"alg": "none", **kid}),
            "alg=NONE": unsigned(good, {"alg": "NONE", **kid}),
            "no alg": unsigned(good, kid),
            "HS256 with the public key": signed_with_secret(good, self.key.pem, kid),
            "another issuer": sign(claims(self.subject, iss="https://evil.example")),
            "issuer as a prefix": sign(claims(self.subject, iss=ISSUER + ".evil.example")),
            "no audience": sign(claims(self.subject, aud=None)),
            "no exp": sign(claims(self.subject, exp=None)),
            "no issuer": sign(claims(self.subject, iss=None)),
            "no subject": sign(claims(self.subject, sub=None)),
            "not yet": sign(claims(self.subject, nbf=now + 120)),
            "issued in the future": sign(claims(self.subject, iat=now + 120)),
            "unknown kid": self.stranger.sign(good, {"kid": "k0"}),
            "key in its header": impostor.sign(good, {"jwk": impostor.jwk}),
            "must be understood": sign(good, {"crit": ["exp"]}),
            # The library understands this one, which no token of a caller needs.
            "an extension": self._signed(good, {**kid, "b64": True, "crit": ["b64"]}),
            "no signature": ".".join([*sign(good).split(".")[:2], ""]),
        }

    def _signed(self, payload: Mapping[str, Any], header: Mapping[str, Any]) -> str:
        """With a header that the library would not write."""
        name = self.key.algorithm
        text = f"{_part({**header, 'alg': name})}.{_part(payload)}"
        signature = get_default_algorithms()[name].sign(text.encode(), self.key.private)
        return f"{text}.{encoded(signature)}"
