"""What a call proves its caller with."""

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Final, Protocol

from inventory_grpc.domain.errors import Unauthenticated

CREDENTIAL_LENGTH_MAX: Final = 8_192
"""Characters; nothing longer is hashed or decoded."""

_AUTHORIZATION: Final = "authorization"
_NAMES: Final = frozenset({_AUTHORIZATION, "x-api-key"})
_SCHEME: Final = "bearer"
# Of the parts of a certificate, gRPC names its URI SANs apart from names that look like URIs in a
# DNS SAN or in the common name, which anybody's certificate may have.
_CERTIFICATE: Final = "x509_pem_cert"
_URIS: Final = "peer_uri"


Metadata = Iterable[tuple[str, str | bytes]]
"""What was sent along with a call; a name may come more than once."""


class Presented(Protocol):
    """A gRPC call, as far as its connection says who makes it."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What the connection's handshake has proved."""


class Kind(Enum):
    """Of a credential in the metadata."""

    API_KEY = auto()
    TOKEN = auto()


def in_metadata(metadata: Metadata | None) -> tuple[Kind, str] | None:
    """The credential that was sent along; None without one.

    Raises Unauthenticated if there are several, or what there is cannot be one.
    """
    # A plain loop and no look-up of the kind by its name: this is done for every call.
    found = None
    for pair in metadata or ():
        if pair[0] in _NAMES:
            if found is not None:
                raise Unauthenticated("more than one credential")
            found = pair
    if found is None:
        return None
    name, value = found
    # Names without -bin have text; whoever gets something else past gRPC learns nothing by it.
    if not isinstance(value, str) or not value.isascii() or len(value) > CREDENTIAL_LENGTH_MAX:
        raise Unauthenticated(f"{name} is malformed")
    is_token = name == _AUTHORIZATION
    secret = _token(value) if is_token else value.strip()
    if not secret:
        raise Unauthenticated(f"{name} is malformed")
    return (Kind.TOKEN if is_token else Kind.API_KEY), secret


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
