"""Bearer tokens: JSON Web Tokens (RFC 7519) of one issuer for one audience."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import jwt

from inventory_grpc.domain.errors import Unauthenticated
from inventory_grpc.identity.jwks import KeySet, PublicKey

LEEWAY_SECONDS: Final = 30
"""By how much clocks may differ."""

_REQUIRED: Final = ["exp", "iss", "aud", "sub"]
# A token is decoded before it is known whose it is: these are what odd ones make Python raise.
_ODD: Final = (ValueError, TypeError, OverflowError, RecursionError)

_PROBLEMS: Final = {
    jwt.ExpiredSignatureError: "the token has expired",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidAudienceError: "the token is for another audience",
    jwt.InvalidIssuerError: "the token is of another issuer",
    jwt.MissingRequiredClaimError: "the token lacks exp, iss, aud or sub",
}
_UNVERIFIED: Final = "the token does not verify"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must be."""

    issuer: str
    audience: str
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of one that verifies."""

    subject: str
    expires: float
    """Unix time."""


class TokenVerifier:
    """Verifies tokens against the keys of the moment."""

    def __init__(self, rules: TokenRules, on_unknown_key: Callable[[], None]) -> None:
        """``on_unknown_key``: there may be newer keys."""
        self._rules = rules
        self._on_unknown_key = on_unknown_key
        self.keys = KeySet([])

    def verify(self, token: str) -> Token:
        """Raises Unauthenticated, before the signature is checked always with the same text."""
        try:
            claims = self._claims(token)
            return Token(claims["sub"], float(claims["exp"]))
        except jwt.PyJWTError as error:
            raise Unauthenticated(_PROBLEMS.get(type(error), _UNVERIFIED)) from None
        except _ODD:
            raise Unauthenticated(_UNVERIFIED) from None

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        # Extensions that must be understood: none is.
        if algorithm not in self._rules.algorithms or "crit" in header:
            raise Unauthenticated(_UNVERIFIED)
        return jwt.decode(
            token,
            self._key(header.get("kid"), cast("str", algorithm)),
            algorithms=[algorithm],
            issuer=self._rules.issuer,
            audience=self._rules.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED},
        )

    def _key(self, kid: str | None, algorithm: str) -> PublicKey:
        key = self.keys.find(kid, algorithm)
        if key is None:
            self._on_unknown_key()
            raise Unauthenticated(_UNVERIFIED)
        return key
