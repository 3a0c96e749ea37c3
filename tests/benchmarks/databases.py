"""A PostgreSQL of the run's own, with its default settings: what commits waits for the disk."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from sqlalchemy.engine import make_url

from inventory_grpc.embedded import EmbeddedPostgres

INVENTORY: Final = "inventory"
TEXTBOOK: Final = "textbook"


@contextmanager
def postgres(directory: Path) -> Iterator[EmbeddedPostgres]:
    """A server until the end of the block."""
    # PostgreSQL runs as another user when we are root, and has to get through to its files.
    directory.chmod(0o711)
    with EmbeddedPostgres(directory) as server:
        yield server


def clone_for_textbook(server: EmbeddedPostgres) -> None:
    """The same tables, indexes and seeded rows once more; nobody may be connected to the first.

    Both start with the planner's statistics, which autovacuum would bring in the middle.
    """
    _run(server, INVENTORY, "VACUUM ANALYZE")
    _run(server, "postgres", f"CREATE DATABASE {TEXTBOOK} TEMPLATE {INVENTORY}")
    _run(server, TEXTBOOK, "ANALYZE")
    _run(server, "postgres", "CHECKPOINT")


def _run(server: EmbeddedPostgres, database: str, statement: str) -> None:
    url = make_url(server.url(database, "superuser")).set(drivername="postgresql")
    with closing(psycopg2.connect(url.render_as_string(hide_password=False))) as conn:
        conn.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with conn.cursor() as cursor:
            cursor.execute(statement)
