"""How far the database behind a connection has come, and whether that includes a token's place.

Every statement has its own snapshot, none older than that of the one before: what was there stays
there. So a read may follow on the same connection, and a place read first misses nothing of it.
"""

import time
from typing import Final

from sqlalchemy import Connection, literal_column, select

from inventory_grpc.store.changes import commit_known
from inventory_grpc.store.identity import KEPT_SECONDS, Identity, identity_of
from inventory_grpc.store.prepared import Prepared
from inventory_grpc.store.resume_tokens import CommitToken, StreamToken, seal, unseal
from inventory_grpc.store.tables import service_identity, stream_head

_HERE: Final = Prepared(
    "stream_place",
    select(stream_head.c.position, service_identity.c.database_id, service_identity.c.token_key)
    .select_from(stream_head.join(service_identity, stream_head.c.id == service_identity.c.id))
    .where(stream_head.c.id == literal_column("1")),
)

_IDENTITY: Final = "identity"
"""In what SQLAlchemy keeps about a connection, as long as that lives."""


def token_of_now(conn: Connection) -> str:
    """Where the stream stands: of all that is read after this, nothing lies before it and is
    missing."""
    position, identity = _here(conn)
    return seal(identity, StreamToken(position))


def token_of(conn: Connection, position: int) -> str:
    """The same for a place that was read with the rest, on this connection."""
    known: tuple[Identity, float] | None = conn.info.get(_IDENTITY)
    if known is None or known[1] < time.monotonic():
        known = identity_of(conn), time.monotonic() + KEPT_SECONDS
        conn.info[_IDENTITY] = known
    return seal(known[0], StreamToken(position))


def includes(conn: Connection, token: str, field: str) -> bool:
    """Whether what is read after this includes what the token stands for.

    Raises InvalidFields, naming ``field``, for a token that this database did not make.
    """
    here, identity = _here(conn)
    match unseal(identity, token, field):
        case StreamToken(position):
            return position <= here
        case CommitToken(commit_id):
            return commit_known(conn, commit_id)


def _here(conn: Connection) -> tuple[int, Identity]:
    ((position, database_id, key),) = _HERE.rows(conn)
    return position, Identity(database_id, bytes(key))
