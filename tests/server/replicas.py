"""A primary with a real streaming replica."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg2
from sqlalchemy.engine import make_url

from inventory_grpc.embedded import EmbeddedPostgres, binaries
from inventory_grpc.embedded import account as accounts
from inventory_grpc.embedded.launch import Launcher
from inventory_grpc.store.migrate import upgrade

_FAST: Final = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Pair:
    """Two servers; the replica may be started and stopped."""

    primary: EmbeddedPostgres
    replica: EmbeddedPostgres

    def pause(self) -> None:
        """What is committed from now on is not on the replica, until ``resume``."""
        self._on_replica("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self._on_replica("SELECT pg_wal_replay_resume()")

    def _on_replica(self, statement: str) -> None:
        with closing(psycopg2.connect(_dsn(self.replica))) as conn, conn.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def replicated(directory: Path) -> Iterator[Pair]:
    """A migrated primary and its replica, which is not started yet."""
    with EmbeddedPostgres(directory / "primary", _FAST) as primary:
        upgrade(primary.url(role="owner"))
        _copy(primary, directory / "replica")
        yield Pair(primary, EmbeddedPostgres(directory / "replica", _FAST))


def _copy(primary: EmbeddedPostgres, directory: Path) -> None:
    account = accounts.unprivileged()
    launcher = Launcher(binaries.find(None, account), account)
    home = accounts.place(directory, account) / "cluster"
    accounts.make_directory(home, account)
    accounts.make_private_directory(home / "data", account)
    launcher.run(
        "pg_basebackup",
        *("--pgdata", str(home / "data"), "--dbname", _dsn(primary)),
        *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
    )
    # The roles' passwords; they are copied with the roles.
    shutil.copy(primary.data.parent / "credentials.json", home)


def _dsn(server: EmbeddedPostgres) -> str:
    url = make_url(server.url(role="superuser")).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
