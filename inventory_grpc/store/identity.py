"""Who this database is, as tokens know it: its id, and the key they are signed with."""

import time
from typing import Final

from sqlalchemy import Connection, text

from inventory_grpc.domain.record import record
from inventory_grpc.store.link import Call, Link
from inventory_grpc.store.statements import Statement

READ_IDENTITY: Final = Statement(
    "read_identity",
    "SELECT database_id::text, token_key FROM service_identity WHERE id = 1",
    {},
)

_READ: Final = text(READ_IDENTITY.sql)

KEPT_SECONDS: Final = 60.0
"""On one connection: behind a pooler it may lead to a restored backup by then."""


@record
class Identity:
    """Renewed when a backup is restored, because tokens of what was lost then mean nothing."""

    database_id: str
    token_key: bytes


def identity_of(conn: Connection) -> Identity:
    """The identity of the database behind one of the reads' connections."""
    database_id, token_key = conn.execute(_READ).one()
    return Identity(database_id, bytes(token_key))


class LinkIdentity:
    """The identity of the database that a link is connected to; costs a round trip when needed.

    It is read again on every new connection, so that a process which outlives a restored backup
    notices, and every minute.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: Identity | None = None
        self._connection = 0
        self._until = 0.0

    def read(self) -> Identity:
        """In the link's open transaction. Raises what the database raises."""
        if (
            self._known is None
            or self._connection != self._link.connections
            or time.monotonic() >= self._until
        ):
            ((database_id, token_key),) = self._link.read(Call(READ_IDENTITY))
            self._known = Identity(database_id, bytes(token_key))
            self._connection = self._link.connections
            self._until = time.monotonic() + KEPT_SECONDS
        return self._known
