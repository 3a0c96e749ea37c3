"""Statements of the hot reads: compiled once, planned once per connection.

Planning a join of three tables costs PostgreSQL five times what running it for one order does
(200 against 35 µs), and a pass through SQLAlchemy's execution costs more than our part of the rest
of the call. So these few statements are rendered when the module loads, prepared on a connection
when it first needs them, and run on its cursor. Behind a pooler they go unprepared.
"""

from typing import Any, Final, Literal, cast

from sqlalchemy import Connection, Select
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from inventory_grpc.store.engine import limited
from inventory_grpc.store.round_trips import round_trip

Row = tuple[Any, ...]

_BY_KEY: Final = "SET LOCAL enable_seqscan = off"
"""All of them find their rows by key. A plan lives until somebody analyzes its tables: made when
they were empty, it would scan whatever they hold by then."""


class Prepared:
    """One statement with named parameters, each cast to its type in the statement."""

    def __init__(self, name: str, statement: Select[Any]) -> None:
        self._name = name
        numbered = statement.compile(dialect=_dialect("numeric_dollar"))
        self._parameters = tuple(numbered.positiontup or ())
        places = ", ".join(f"%({parameter})s" for parameter in self._parameters)
        self._prepare = f"PREPARE {name} AS {numbered}"
        self._execute = f"EXECUTE {name} ({places})" if places else f"EXECUTE {name}"
        self._plain = str(statement.compile(dialect=_dialect("pyformat")))

    def rows(self, conn: Connection, /, **parameters: object) -> list[Row]:
        """Runs it; arrays go as ``text_array`` literals."""
        cursor = conn.connection.cursor()
        try:
            sql = f"{_BY_KEY}; {self._sql(conn, cursor)}"
            with round_trip((self._name,)):
                cursor.execute(limited(conn, sql), parameters)
            return cast("list[Row]", cursor.fetchall())
        finally:
            cursor.close()

    def _sql(self, conn: Connection, cursor: Any) -> str:
        known: set[str] | None = conn.info.get("prepared")
        if known is None:
            return self._plain
        if self._name not in known:
            # Parsing takes table locks, which a migration may hold for long.
            cursor.execute(limited(conn, self._prepare))
            known.add(self._name)
        return self._execute


def _dialect(paramstyle: Literal["numeric_dollar", "pyformat"]) -> PGDialect_psycopg2:
    return PGDialect_psycopg2(paramstyle=paramstyle)  # type: ignore[no-untyped-call]
