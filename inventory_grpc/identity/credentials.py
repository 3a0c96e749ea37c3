"""What a call proves its caller with."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, Protocol

from inventory_grpc.domain.errors import Unauthenticated

CREDENTIAL_LENGTH_MAX: Final = 8_192
"""Characters; nothing longer is hashed or decoded."""

_SCHEME: Final = "bearer"
# Of the parts of a certificate, gRPC names its URI SANs apart from names that look like URIs in a
# DNS SAN or in the common name, which anybody's certificate may have.
_CERTIFICATE: Final = "x509_pem_cert"
_URIS: Final = "peer_uri"


class Presented(Protocol):
    """A gRPC call, as far as it says who makes it."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """Pairs; a name may come more than once."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What the connection's handshake has proved."""


class Kind(Enum):
    """Of a credential in the metadata."""

    API_KEY = "x-api-key"
    TOKEN = "authorization"  # noqa: S105 - the name of a header


def in_metadata(call: Presented) -> tuple[Kind, str] | None:
    """The credential that was sent along; None without one.

    Raises Unauthenticated if there are several, or what there is cannot be one.
    """
    found = [
        (name, value)
        for name, value in call.invocation_metadata() or ()
        if name in ("authorization", "x-api-key")
    ]
    if not found:
        return None
    if len(found) > 1:
        raise Unauthenticated("more than one credential")
    name, value = found[0]
    kind = Kind(name)
    # Names without -bin have text; whoever gets something else past gRPC learns nothing by it.
    if not isinstance(value, str) or not value.isascii() or len(value) > CREDENTIAL_LENGTH_MAX:
        raise Unauthenticated(f"{name} is malformed")
    secret = _token(value) if kind is Kind.TOKEN else value.strip()
    if not secret:
        raise Unauthenticated(f"{name} is malformed")
    return kind, secret


def _token(value: str) -> str:
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else ""


def certificate_uri(call: Presented) -> bytes | None:
    """The URI SAN of the client's certificate; None if it has shown none.

    Raises Unauthenticated for a certificate without one, or with several: which of them the caller
    is, its issuer has not said (SPIFFE allows one only, too).
    """
    proved = call.auth_context()
    uris = tuple(proved.get(_URIS, ()))
    if len(uris) == 1:
        return uris[0]
    if uris:
        raise Unauthenticated("the certificate has several URI names")
    if _CERTIFICATE in proved:
        raise Unauthenticated("the certificate has no URI name")
    return None
