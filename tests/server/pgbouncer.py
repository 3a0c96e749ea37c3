"""A real PgBouncer in transaction mode, in front of the PostgreSQL of the tests."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg2
import pytest
from psycopg2.extensions import connection, parse_dsn
from sqlalchemy.engine import URL, make_url

from inventory_grpc.embedded import account as accounts
from tests.conftest import Database
from tests.server.harness import poll_until

SESSIONS: Final = 4
"""How many sessions of PostgreSQL all clients share."""

# Only names the socket: there is no listen_addr, and so no TCP port to collide on.
_PORT: Final = 6432


@dataclass(frozen=True)
class PgBouncer:
    """It runs; ``url`` leads to the database through it, as the role of the service."""

    url: str

    def connect(self) -> connection:
        """A connection through it; the caller closes it."""
        return psycopg2.connect(_dsn(make_url(self.url)))

    def shown(self, what: str) -> list[dict[str, Any]]:
        """The rows of a SHOW of its console, such as ``CLIENTS``."""
        console = make_url(self.url).set(database="pgbouncer")
        with closing(psycopg2.connect(_dsn(console))) as conn:
            conn.autocommit = True
            with conn.cursor() as cursor:
                cursor.execute(f"SHOW {what}")
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor]


def program() -> str:
    """Its path. Skips where it is not installed."""
    # Debian's is where only root looks.
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("pgbouncer is not installed")
    return found


@contextmanager
def pooled(database: Database, directory: Path) -> Iterator[PgBouncer]:
    """From ready until the end of the block; ``directory`` is one that others may pass through."""
    home, account = directory / "pgbouncer", accounts.unprivileged()
    accounts.make_private_directory(home, account)
    config = _configured(home, parse_dsn(database.dsn))
    for each in home.iterdir():
        accounts.give(each, account)
    # It refuses to run as root, and the socket of the embedded PostgreSQL is open to its user only.
    user: dict[str, Any] = {}
    if account is not None:
        user = {"user": account.uid, "group": account.gid, "extra_groups": ()}
    process = subprocess.Popen([program(), "--quiet", str(config)], cwd="/", **user)
    try:
        url = make_url(database.url).set(host=None, port=None)
        url = url.set(query={"host": str(home), "port": str(_PORT)})
        pooler = PgBouncer(url.render_as_string(hide_password=False))
        poll_until(lambda: _answers(process, pooler, home / "log"))
        yield pooler
    finally:
        process.kill()
        process.wait()


def _configured(home: Path, direct: dict[str, str]) -> Path:
    """Writes what it needs; the path of its configuration."""
    users, config = home / "users.txt", home / "pgbouncer.ini"
    users.write_text(f'"{direct["user"]}" "{direct["password"]}"\n')
    config.write_text(
        f"""\
[databases]
* = host={direct["host"]} port={direct.get("port", "5432")}
[pgbouncer]
pool_mode = transaction
default_pool_size = {SESSIONS}
max_db_connections = {SESSIONS}
max_client_conn = 200
unix_socket_dir = {home}
listen_port = {_PORT}
auth_type = scram-sha-256
auth_file = {users}
stats_users = {direct["user"]}
logfile = {home / "log"}
"""
    )
    return config


def _answers(process: subprocess.Popen[bytes], pooler: PgBouncer, log: Path) -> bool:
    assert process.poll() is None, f"it ended: {log.read_text() if log.exists() else ''}"
    try:
        return bool(pooler.shown("VERSION"))
    except psycopg2.OperationalError:
        return False


def _dsn(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
