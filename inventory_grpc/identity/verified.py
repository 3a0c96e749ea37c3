"""Tokens that were verified a moment ago, so that a signature is not checked on every call."""

import time
from collections.abc import Callable
from typing import Final

from inventory_grpc.domain.caller import Caller
from inventory_grpc.identity.digest import own_digest
from inventory_grpc.identity.tokens import Token

KEPT_SECONDS_MAX: Final = 60.0
TOKENS_MAX: Final = 10_000


class VerifiedTokens:
    """At most so many, each until it expires and for a minute at most.

    Holds digests, so that nobody finds tokens in the memory of the process.
    """

    def __init__(
        self, tokens_max: int = TOKENS_MAX, clock: Callable[[], float] = time.time
    ) -> None:
        self._tokens_max = tokens_max
        self._clock = clock
        self._known: dict[bytes, tuple[Caller, float]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, token: str) -> Caller | None:
        """Whose it is, if that is known."""
        digest = own_digest(token)
        known = self._known.get(digest)
        if known is None:
            return None
        caller, until = known
        if self._clock() < until:
            return caller
        del self._known[digest]
        return None

    def keep(self, token: str, verified: Token, caller: Caller) -> None:
        """Remember it; the one kept for longest makes room."""
        now = self._clock()
        until = min(verified.expires, now + KEPT_SECONDS_MAX)
        if until <= now:
            return
        if len(self._known) >= self._tokens_max:
            del self._known[next(iter(self._known))]
        self._known[own_digest(token)] = (caller, until)

    def forget(self) -> None:
        """All: what they were verified against has changed."""
        self._known.clear()
