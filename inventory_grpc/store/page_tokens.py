"""Page tokens: where a list goes on, signed so that nobody else can make or move one.

A token is base64url(position + MAC); the MAC also covers the question it was asked for, so a token
does not open another list. The key lives in the database: replicas and restarts agree. Positions
are not secret: they are the sort key of a row that the caller has seen.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from inventory_grpc.domain.errors import PageTokenInvalid
from inventory_grpc.domain.reads import (
    HoldQuery,
    LocationQuery,
    MovementQuery,
    OrderEventQuery,
    OrderQuery,
    ProductQuery,
    StockLevelQuery,
)

Query = (
    HoldQuery
    | LocationQuery
    | MovementQuery
    | OrderEventQuery
    | OrderQuery
    | ProductQuery
    | StockLevelQuery
)
Position = Sequence[str]
"""The sort key of the last row shown, as text."""

TOKEN_LENGTH_MAX: Final = 2_048
"""Characters; the longest real one holds a name of 255 characters."""

_MAC_BYTES: Final = 16


def seal(key: bytes, query: Query, position: Position) -> str:
    """The token for the rows behind ``position`` in the list that answers ``query``."""
    payload = json.dumps(position, separators=(",", ":"), ensure_ascii=False).encode()
    return _encode(payload + _mac(key, query, payload))


def unseal(key: bytes, query: Query, token: str) -> Position:
    """The position in a token of ours for the same ``query``; raises PageTokenInvalid."""
    sealed = _decode(token)
    payload, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, query, payload)):
        raise PageTokenInvalid
    position: list[str] = json.loads(payload)
    return position


def _mac(key: bytes, query: Query, payload: bytes) -> bytes:
    # What is at its default is left out, so that a later release may add fields to a question
    # without refusing the tokens of this one. The MAC's length is fixed: no ambiguity at its seam.
    asked = [
        (field.name, getattr(query, field.name))
        for field in fields(query)
        if getattr(query, field.name) != field.default
    ]
    bound = hashlib.sha256(f"{type(query).__name__}{asked!r}".encode()).digest()
    return hmac.digest(key, bound + payload, "sha256")[:_MAC_BYTES]


def _encode(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _decode(token: str) -> bytes:
    if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
        raise PageTokenInvalid
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise PageTokenInvalid from None
    # base64 ignores the spare bits of its last character: another spelling is not our token.
    if _encode(sealed) != token:
        raise PageTokenInvalid
    return sealed
