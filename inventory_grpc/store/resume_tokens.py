"""Resume tokens: places in the change stream, signed so that nobody else can make or move one.

A token is base64url(kind + place + database_id + MAC). A read and the stream give the place of a
position; a mutation gives that of its commit, which has no position yet when it is answered. The
key and the id of the database are its own (``store/identity.py``): replicas and restarts agree, and
a token from before a restored backup is told from one of now.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from typing import Final
from uuid import UUID

from inventory_grpc.domain.errors import InvalidFields, Violation
from inventory_grpc.domain.record import record
from inventory_grpc.store.identity import Identity

TOKEN_LENGTH_MAX: Final = 120
"""Characters; real ones have 66 or 60."""
INDEX_LAST: Final = 2**31 - 1
"""As an index: all of the position."""

_STREAM: Final = struct.Struct(">cqi")
_COMMIT: Final = struct.Struct(">c16s")
_ID_BYTES: Final = 16
_MAC_BYTES: Final = 16
# Page tokens are signed with the same key; theirs begin with the hash of a question.
_PURPOSE: Final = hashlib.sha256(b"resume token").digest()


@record
class StreamToken:
    """Everything up to and including this event of this position."""

    position: int
    index: int = INDEX_LAST


@record
class CommitToken:
    """Everything up to and including what this commit changed."""

    commit_id: str


ResumeToken = StreamToken | CommitToken


def seal(identity: Identity, token: ResumeToken) -> str:
    """The token as clients see it: 60 or 66 characters of A-Z a-z 0-9 - _."""
    payload = _payload(token) + UUID(identity.database_id).bytes
    return _encode(payload + _mac(identity, payload))


def unseal(identity: Identity, text: str, field: str) -> ResumeToken:
    """What a token of this database stands for; ``field`` is where the request has it.

    Raises InvalidFields for one that nobody here made, or that another database made.
    """
    sealed = _decode(text)
    payload, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
    known_length = len(payload) - _ID_BYTES in (_STREAM.size, _COMMIT.size)
    if known_length and payload[-_ID_BYTES:] != UUID(identity.database_id).bytes:
        raise _invalid(field, "was made by another database, or before this one was restored")
    if not (known_length and hmac.compare_digest(mac, _mac(identity, payload))):
        raise _invalid(field, "was not made by this service")
    return _token(payload[:-_ID_BYTES])


def _payload(token: ResumeToken) -> bytes:
    match token:
        case StreamToken(position, index):
            return _STREAM.pack(b"s", position, index)
        case CommitToken(commit_id):
            return _COMMIT.pack(b"c", UUID(commit_id).bytes)


def _token(place: bytes) -> ResumeToken:
    if len(place) == _STREAM.size:
        _, position, index = _STREAM.unpack(place)
        return StreamToken(position, index)
    return CommitToken(str(UUID(bytes=_COMMIT.unpack(place)[1])))


def _mac(identity: Identity, payload: bytes) -> bytes:
    return hmac.digest(identity.token_key, _PURPOSE + payload, "sha256")[:_MAC_BYTES]


def _invalid(field: str, description: str) -> InvalidFields:
    return InvalidFields([Violation(field, description)])


def _encode(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """Empty for what is no base64url in its one spelling."""
    if len(text) > TOKEN_LENGTH_MAX or not text.isascii():
        return b""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return b""
    # base64 ignores the spare bits of its last character: another spelling is not our token.
    return sealed if _encode(sealed) == text else b""
