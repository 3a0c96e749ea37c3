"""What occurred before in a file of any size, in bounded memory."""

import sqlite3
from contextlib import closing
from types import TracebackType
from typing import Final, Self

_CACHE_KIB: Final = 16 * 1024


class Seen:
    """Texts and the lines they were met on first, in a temporary file of SQLite's."""

    def __init__(self) -> None:
        # An empty name is a database on the disk that is gone when it is closed.
        self._connection = sqlite3.connect("", isolation_level=None)
        for statement in (
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            "PRAGMA journal_mode = OFF",
            "CREATE TABLE seen (what BLOB PRIMARY KEY, line INTEGER, times INTEGER) WITHOUT ROWID",
            "BEGIN",
        ):
            self._connection.execute(statement)

    def first_line(self, what: str, line: int) -> int | None:
        """The line it was met on before; None for the first time."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, 1)", (_key(what), line))
            if cursor.rowcount:
                return None
            found = cursor.execute("SELECT line FROM seen WHERE what = ?", (_key(what),)).fetchone()
            return int(found[0])

    def times(self, what: str, line: int) -> int:
        """How often it was met, this time included."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(
                "INSERT INTO seen VALUES (?, ?, 1) "
                "ON CONFLICT (what) DO UPDATE SET times = times + 1 RETURNING times",
                (_key(what), line),
            )
            return int(cursor.fetchone()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()


def _key(what: str) -> bytes:
    # JSON can spell what is no Unicode.
    return what.encode("utf-8", "surrogatepass")
