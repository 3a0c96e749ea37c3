"""Says who makes a call, from what was read last; nothing here waits."""

from collections.abc import Callable

from inventory_grpc.domain.caller import Caller
from inventory_grpc.domain.errors import Unauthenticated
from inventory_grpc.identity.access import NO_ACCESS, Access
from inventory_grpc.identity.credentials import (
    Kind,
    Metadata,
    Presented,
    certificate_uri,
    in_metadata,
)
from inventory_grpc.identity.errors import NotListedError
from inventory_grpc.identity.jwks import KeySet
from inventory_grpc.identity.tokens import TokenVerifier
from inventory_grpc.identity.verified import VerifiedTokens

OnChange = Callable[[Access], None]


class Authenticator:
    """Of one server. Belongs to one event loop."""

    def __init__(self, verifier: TokenVerifier | None = None) -> None:
        """Knows nobody yet. Without a ``verifier`` no token is accepted."""
        self._access = NO_ACCESS
        self._verifier = verifier
        self._verified = VerifiedTokens()
        self._on_change: list[OnChange] = []

    @property
    def access(self) -> Access:
        """The access file of the moment."""
        return self._access

    def on_change(self, tell: OnChange) -> None:
        """Have `tell` called with every later version of the access file."""
        self._on_change.append(tell)

    def use_access(self, access: Access) -> None:
        """From now on; calls that are under way go on."""
        self._access = access
        self._verified.forget()
        for tell in self._on_change:
            tell(access)

    def use_keys(self, keys: KeySet) -> None:
        """From now on; a token verified with a key that is gone has to be verified again."""
        if self._verifier is not None:
            self._verifier.keys = keys
            self._verified.forget()

    def identify(self, call: Presented, metadata: Metadata | None) -> Caller:
        """The caller. What is sent along with the call counts before the certificate.

        Raises Unauthenticated, and NotListedError when a credential verifies that no caller has.
        """
        credential = in_metadata(metadata)
        if credential is None:
            return self._of_certificate(certificate_uri(call))
        kind, secret = credential
        return self._of_token(secret) if kind is Kind.TOKEN else self._of_key(secret)

    def _of_key(self, key: str) -> Caller:
        caller = self._access.api_keys.caller_of(key)
        if caller is None:
            raise Unauthenticated("the API key is not known")
        return caller

    def _of_certificate(self, uri: bytes | None) -> Caller:
        if uri is None:
            raise Unauthenticated("there is no credential")
        caller = self._access.certificate_uris.get(uri)
        if caller is None:
            # No caller's name has a colon: it cannot pass for one in the log, nor can a subject.
            raise NotListedError(f"uri:{uri.decode('ascii', 'replace')}")
        return caller

    def _of_token(self, token: str) -> Caller:
        if self._verifier is None:
            raise Unauthenticated("tokens are not accepted here")
        caller = self._verified.find(token)
        if caller is None:
            verified = self._verifier.verify(token)
            caller = self._access.jwt_subjects.get(verified.subject)
            if caller is None:
                raise NotListedError(f"sub:{verified.subject}")
            self._verified.keep(token, verified, caller)
        return caller
