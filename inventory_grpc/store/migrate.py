"""Brings the schema up to date, and says whether this code may serve on it.

Any number of servers may start at once on an empty or an older database: each revision is one
transaction, behind the lock of the one row of ``schema_revision``; whoever loses the race reads the
row again and goes on. Nothing is kept in the session, so it works through a pooler in transaction
mode too.

Revisions have ordered names (0001_commits, …). ``min_code_revision`` is the oldest code, named by
its head, that works on a schema: a server meets a later schema during a rolling upgrade and goes on
serving as long as that is not younger than its own head.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

import inventory_grpc
from inventory_grpc.store.grants import SERVICE_ROLE, grant
from inventory_grpc.store.tables import schema_revision

T = TypeVar("T")

BASE = ""
"""The revision of an empty database."""

_ATTEMPTS = 5
# Somebody else's migration, a lock that DDL did not get in time, a conflict; and two first starts
# at once, which CREATE TABLE IF NOT EXISTS alone does not survive (duplicate in a catalog).
_RETRIED = frozenset({"40001", "40P01", "55P03", "23505", "42P07", "42710"})

# alembic's ``op`` is one global of the process.
_op_in_use = threading.Lock()


@dataclass(frozen=True, slots=True)
class Servable:
    """Whether this code may serve on that database, and if not, why, in one sentence."""

    ok: bool
    database_revision: str
    reason: str


def upgrade(url: str, service_role: str | None = None) -> str:
    """Applies every revision the database lacks, as the owner of the schema; its new revision.

    Grants the service's rights to ``service_role`` (None: ``inventory_service``), if that role
    exists. A database that is ahead of this code is left as it is; one that lacks nothing may be
    asked by the service's role too. Raises DBAPIError.
    """
    engine = _engine(url)
    try:
        with engine.connect() as conn:
            revision = current(conn)
            if revision >= head() and not _may_migrate(conn):
                return revision
        _retrying(lambda: _bootstrap(engine))
        for script in _scripts():
            _retrying(lambda script=script: _apply(engine, script))  # type: ignore[misc]
        return _retrying(lambda: _grant(engine, service_role or SERVICE_ROLE))
    finally:
        engine.dispose()


def downgrade(url: str, revision: str) -> None:
    """Takes revisions back until the database is at ``revision`` (BASE: nothing left)."""
    engine = _engine(url)
    try:
        for script in reversed(_scripts()):
            if script.revision > revision:
                _retrying(lambda script=script: _revert(engine, script))  # type: ignore[misc]
    finally:
        engine.dispose()


def head() -> str:
    """The revision this code was written for."""
    return _scripts()[-1].revision


def current(conn: Connection) -> str:
    """The database's revision; BASE when it has none."""
    return _recorded(conn)[0]


def servable(conn: Connection) -> Servable:
    """Compares the database's revision with ours; reads only."""
    revision, min_code_revision = _recorded(conn)
    if revision < head():
        reason = f"the database is at revision {revision or 'none'}, older than {head()}: migrate"
    elif revision > head() and min_code_revision > head():
        reason = f"the database is at revision {revision}, which needs a newer server"
    else:
        return Servable(ok=True, database_revision=revision, reason="")
    return Servable(ok=False, database_revision=revision, reason=reason)


def _recorded(conn: Connection) -> tuple[str, str]:
    readable = text("SELECT has_table_privilege(to_regclass('schema_revision'), 'SELECT')")
    if not conn.execute(readable).scalar():
        return BASE, BASE
    columns = schema_revision.c
    row = conn.execute(select(columns.revision, columns.min_code_revision)).first()
    return (row.revision, row.min_code_revision) if row else (BASE, BASE)


def _may_migrate(conn: Connection) -> bool:
    writable = text("SELECT has_table_privilege('schema_revision', 'UPDATE')")
    return bool(conn.execute(writable).scalar())


def _engine(url: str) -> Engine:
    # Named per transaction, never SET: a pooler would hand the setting to somebody else.
    return create_engine(
        url,
        poolclass=NullPool,
        isolation_level="READ COMMITTED",
        use_native_hstore=False,
        # A network that swallows packets would otherwise hold the start for a quarter of an hour.
        connect_args={
            "connect_timeout": 10,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )


@cache
def _scripts() -> tuple[Script, ...]:
    """All revisions, oldest first; raises unless they form one line."""
    directory = ScriptDirectory(str(_migrations()))
    directory.get_current_head()
    return tuple(reversed(list(directory.walk_revisions())))


def _migrations() -> Path:
    package = Path(inventory_grpc.__file__).parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def _bootstrap(engine: Engine) -> None:
    with engine.begin() as conn:
        if conn.execute(text("SELECT to_regclass('schema_revision')")).scalar() is None:
            conn.execute(
                text("""
                CREATE TABLE IF NOT EXISTS schema_revision (
                    id smallint NOT NULL,
                    revision text COLLATE "C" NOT NULL,
                    min_code_revision text COLLATE "C" NOT NULL,
                    CONSTRAINT schema_revision_pkey PRIMARY KEY (id),
                    CONSTRAINT schema_revision_id_check CHECK (id = 1)
                )""")
            )
        first = "INSERT INTO schema_revision VALUES (1, '', '') ON CONFLICT DO NOTHING"
        conn.execute(text(first))


def _apply(engine: Engine, script: Script) -> None:
    with engine.begin() as conn:
        if _locked_revision(conn) < script.revision:
            _run(conn, script.module.upgrade)
            _record(conn, script)


def _revert(engine: Engine, script: Script) -> None:
    with engine.begin() as conn:
        if _locked_revision(conn) == script.revision:
            _run(conn, script.module.downgrade)
            older = [each for each in _scripts() if each.revision < script.revision]
            _record(conn, older[-1] if older else None)


def _grant(engine: Engine, role: str) -> str:
    with engine.begin() as conn:
        revision = _locked_revision(conn)
        # A later release knows tables we don't, and may have dropped some of ours.
        if revision == head():
            grant(conn, role)
        return revision


def _locked_revision(conn: Connection) -> str:
    """Waits for whoever migrates now; the revision it left."""
    conn.execute(text("SET LOCAL lock_timeout = '60s'"))
    conn.execute(text("SET LOCAL statement_timeout = '10min'"))
    revision: str = conn.execute(select(schema_revision.c.revision).with_for_update()).scalar_one()
    return revision


def _run(conn: Connection, change: Callable[[], None]) -> None:
    # DDL that waits for a table's lock makes everybody queue behind it: rather give up and retry.
    conn.execute(text("SET LOCAL lock_timeout = '2s'"))
    with _op_in_use, Operations.context(MigrationContext.configure(conn)):
        change()


def _record(conn: Connection, script: Script | None) -> None:
    conn.execute(
        update(schema_revision).values(
            revision=script.revision if script else BASE,
            min_code_revision=script.module.min_code_revision if script else BASE,
        )
    )


def _retrying(step: Callable[[], T]) -> T:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return step()
        except DBAPIError as error:
            sqlstate = getattr(error.orig, "pgcode", None)
            if sqlstate not in _RETRIED or attempt == _ATTEMPTS:
                raise
        time.sleep(random.uniform(0.05, 0.2) * 2**attempt)  # noqa: S311 - jitter, no secret
    raise AssertionError("unreachable")
