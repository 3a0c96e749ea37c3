"""The keys that tokens are verified with: a JSON Web Key Set (RFC 7517)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from inventory_grpc.identity.errors import SourceError

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

_RSA_BITS_MIN: Final = 2048
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_PRIVATE = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and what may be verified with it."""

    kid: str | None
    algorithms: frozenset[str]
    public: PublicKey


class KeySet:
    """The usable keys of a set."""

    def __init__(self, keys: Sequence[Key], ignored: int = 0) -> None:
        self._keys = keys
        self.ignored = ignored
        """How many others it had: shared secrets, keys for encryption, short or unknown ones."""

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The one key of that id that fits the algorithm; without an id, the only one that fits.

        None also when there are several: a token is not tried with one key after the other.
        """
        fitting = [
            key.public
            for key in self._keys
            if algorithm in key.algorithms and (kid is None or key.kid == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None


def parse_jwks(raw: bytes) -> KeySet:
    """The keys that can be used; those that cannot are left out. Raises SourceError."""
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        raise SourceError("not JSON") from None
    keys = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(keys, list):
        raise SourceError("not a JWKS: an object with a list of keys")
    usable = [key for each in keys if (key := _key(each)) is not None]
    return KeySet(usable, len(keys) - len(usable))


def _key(jwk: object) -> Key | None:
    if not isinstance(jwk, dict) or not _is_for_signatures(jwk):
        return None
    try:
        public = jwt.PyJWK(jwk).key
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
        return None
    if isinstance(public, _PRIVATE):
        public = public.public_key()
    algorithms = _algorithms(public)
    if "alg" in jwk:
        algorithms &= {jwk["alg"]}
    kid = jwk.get("kid")
    return Key(kid if isinstance(kid, str) else None, algorithms, public) if algorithms else None


def _is_for_signatures(jwk: Mapping[str, object]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kty") != "oct"
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and isinstance(jwk.get("alg", ""), str)
    )


def _algorithms(key: object) -> frozenset[str]:
    """By the type of the key alone: what a token's header says cannot widen it."""
    if isinstance(key, RSAPublicKey):
        return _RSA if key.key_size >= _RSA_BITS_MIN else frozenset()
    if isinstance(key, EllipticCurvePublicKey):
        return frozenset({_CURVES[key.curve.name]} if key.curve.name in _CURVES else ())
    return frozenset({"EdDSA"} if isinstance(key, Ed25519PublicKey | Ed448PublicKey) else ())
