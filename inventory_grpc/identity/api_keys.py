"""API keys: random strings, of which only the SHA-256 is kept."""

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from inventory_grpc.domain.caller import Caller
from inventory_grpc.identity.digest import own_digest

_PREFIX: Final = "inv_"
"""So that whoever finds one in a log or a repository knows what it is."""

_BYTES: Final = 32
_BUCKET_BYTES: Final = 2


class ApiKeys:
    """Which caller a key belongs to."""

    def __init__(self, callers: Mapping[bytes, Caller]) -> None:
        """By the SHA-256 of a key, 32 bytes."""
        # By the digest's first bytes, so that thousands of keys cost what few do. That a key falls
        # into a bucket tells nothing: nobody can choose where the digest of a guess falls.
        self._buckets: dict[bytes, list[tuple[bytes, Caller]]] = {}
        for digest, caller in callers.items():
            self._buckets.setdefault(digest[:_BUCKET_BYTES], []).append((digest, caller))
        self._met: dict[bytes, Caller] = {}
        """Whose keys were presented before, by their own digests; never more than there are."""

    def caller_of(self, key: str) -> Caller | None:
        """Whose it is; how long that takes does not say how much of a wrong one is right."""
        own = own_digest(key)
        caller = self._met.get(own)
        if caller is None:
            caller = self._verified(key)
            if caller is not None:
                self._met[own] = caller
        return caller

    def _verified(self, key: str) -> Caller | None:
        digest = sha256(key.encode()).digest()
        found = None
        for known, caller in self._buckets.get(digest[:_BUCKET_BYTES], ()):
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def new_key() -> str:
    """A key of 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(key: str) -> str:
    """What the access file has of a key: its SHA-256 in hexadecimal."""
    return sha256(key.encode()).hexdigest()
