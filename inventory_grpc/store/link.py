"""The committer's own connection: autocommit psycopg2, several statements in one string.

psycopg2's ``rollback()`` is a no-op while autocommit is on and BEGIN came inside a string, so every
way out of a transaction sends a literal COMMIT or ROLLBACK, and a connection that is not idle
afterwards is closed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection, cursor
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url

from inventory_grpc.store.round_trips import round_trip
from inventory_grpc.store.statements import Statement, Value

# What one round trip gives back: columns as the statement lists them.
Row = tuple[Any, ...]

CONNECT_SECONDS_MAX: Final = 3
_KEEPALIVE: Final = {
    "connect_timeout": CONNECT_SECONDS_MAX,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# Every statement here finds its rows by key. What the planner takes for many rows (an array it
# cannot see into) it would hash over whole tables: 5 ms of every batch at 10,000 products.
_PLANNER: Final = (
    "enable_seqscan = off",
    "enable_bitmapscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "enable_material = off",
    # What the settings above forbid counts as so dear that it would be compiled first.
    "jit = off",
)


class CommitUnknownError(Exception):
    """COMMIT came back with a warning: whether the transaction committed is not known."""


class Call(NamedTuple):
    """A statement and its arguments."""

    statement: Statement
    arguments: Sequence[Value] = ()


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How to connect and how long to wait; times in milliseconds."""

    url: str
    pooled: bool = False
    """Behind a transaction pooler: nothing is prepared, nothing is set for the session."""
    lock_timeout_ms: int = 500
    statement_timeout_ms: int = 5000
    isolation: str = "READ COMMITTED"


class Link:
    """One connection, used by one thread at a time; connects when first needed."""

    def __init__(self, settings: LinkSettings, statements: Iterable[Statement]) -> None:
        self._settings = settings
        self._statements = tuple(statements)
        self._connection: connection | None = None
        self._cursor: cursor | None = None
        self.lock_timeout_ms = settings.lock_timeout_ms
        """Of the transactions to come; may be changed between two."""
        self.connections = 0
        """How many it has made so far."""

    def begin(self, calls: Sequence[Call]) -> list[Row]:
        """Open a transaction and run ``calls`` in one round trip; the last one's rows."""
        self._connect()
        return self._run(self._prefix(), calls, "")

    def read(self, call: Call) -> list[Row]:
        """Run one statement in the open transaction."""
        return self._run("", (call,), "")

    def commit(self, calls: Sequence[Call]) -> None:
        """Run ``calls`` and COMMIT in one round trip.

        Raises CommitUnknownError if PostgreSQL warned instead of simply committing.
        """
        self._run("", calls, "COMMIT")
        live = self._in_transaction()[0]
        warned = any(notice.startswith("WARNING") for notice in live.notices)
        if warned or live.info.transaction_status != TRANSACTION_STATUS_IDLE:
            notices = list(live.notices)
            self.close()
            raise CommitUnknownError(notices)

    def rollback(self) -> None:
        """Leave the transaction, whatever state it is in; closes a connection that cannot."""
        if self._connection is None or self._connection.closed:
            self.close()
            return
        try:
            self._run("", (), "ROLLBACK")
            idle = self._connection.info.transaction_status == TRANSACTION_STATUS_IDLE
            self._connection.notices.clear()
        except psycopg2.Error:
            idle = False
        if not idle:
            self.close()

    def close(self) -> None:
        """Give the connection up; the next use makes a new one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._cursor = None

    def _prefix(self) -> str:
        settings = self._settings
        text = f"BEGIN ISOLATION LEVEL {settings.isolation};"
        if settings.pooled or self.lock_timeout_ms != settings.lock_timeout_ms:
            text += f"SET LOCAL lock_timeout = {self.lock_timeout_ms};"
        if settings.pooled:
            text += ";".join(f"SET LOCAL {setting}" for setting in _PLANNER) + ";"
            text += f"SET LOCAL statement_timeout = {settings.statement_timeout_ms};"
        return text

    def _run(self, prefix: str, calls: Sequence[Call], suffix: str) -> list[Row]:
        _, cur = self._in_transaction()
        parts: list[str] = []
        arguments: list[Value] = []
        for statement, values in calls:
            text, order = (
                statement.inline(values) if self._settings.pooled else (statement.execute, values)
            )
            parts.append(text)
            arguments.extend(order)
        # Without arguments psycopg2 leaves % alone; every text here is written for arguments.
        text = prefix + ";".join([*parts, suffix] if suffix else parts)
        with round_trip(_names(prefix, calls, suffix)):
            cur.execute(text, tuple(arguments))
        return [] if suffix or cur.description is None else cur.fetchall()

    def _connect(self) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._settings, self._statements)
            self._cursor = self._connection.cursor()
            self.connections += 1

    def _in_transaction(self) -> tuple[connection, cursor]:
        """Never a new connection: in the middle of a transaction that would write without it."""
        if self._connection is None or self._cursor is None or self._connection.closed:
            raise psycopg2.InterfaceError("the connection was lost inside a transaction")
        return self._connection, self._cursor


def _names(prefix: str, calls: Sequence[Call], suffix: str) -> Iterator[str]:
    if prefix:
        yield "BEGIN"
    for statement, _ in calls:
        yield statement.name
    if suffix:
        yield suffix


def connect(settings: LinkSettings, statements: Iterable[Statement] = ()) -> connection:
    """An autocommit connection with bounded waits, and with ``statements`` prepared if direct."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    _, parameters = dialect.create_connect_args(make_url(settings.url))  # type: ignore[no-untyped-call]
    live: connection = psycopg2.connect(
        **{**_KEEPALIVE, "application_name": "inventory_grpc", **parameters}
    )
    live.autocommit = True
    if not settings.pooled:
        with live.cursor() as cur:
            cur.execute(
                # Custom plans turn to sequential scans from 128 keys on.
                "SET plan_cache_mode = force_generic_plan;"
                + ";".join(f"SET {setting}" for setting in _PLANNER)
                + ";"
                + f"SET lock_timeout = {settings.lock_timeout_ms};"
                f"SET statement_timeout = {settings.statement_timeout_ms};"
                + ";".join(statement.prepare for statement in statements)
            )
    live.notices.clear()
    return live
