"""The database: is it there, is it ours, and does its configuration hurt?"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, text

from inventory_grpc.commands.checkup.finding import Finding, Verdict, fail, ok, warn
from inventory_grpc.settings import Settings
from inventory_grpc.store.migrate import head, servable
from inventory_grpc.store.tables import metadata

_AREA: Final = "database"
_MAJORS: Final = range(14, 19)
_SKEW_SECONDS_MAX: Final = 1.0
_OPEN_SECONDS_MAX: Final = 300
_XIDS_MAX: Final = 1_500_000_000
_OWN_CONNECTIONS: Final = 6
"""Of one process beside its committers, their side queues and its reads."""

_IDLE: Final = "idle_in_transaction_session_timeout"
_STATEMENT: Final = "statement_timeout"

_PARAMETERS: Final[dict[str, tuple[str, Verdict, str]]] = {
    "fsync": ("on", "warn", "a power cut loses everything: ALTER SYSTEM SET fsync = on"),
    "full_page_writes": (
        "on", "warn", "a power cut tears pages: ALTER SYSTEM SET full_page_writes = on",
    ),
    "synchronous_commit": (
        "on remote_apply remote_write local", "warn",
        "a crash loses orders that were answered: ALTER SYSTEM SET synchronous_commit = on",
    ),
    "autovacuum": (
        "on", "fail", "tables grow and reads get slower for good: ALTER SYSTEM SET autovacuum = on",
    ),
    "track_counts": ("on", "fail", "autovacuum needs it: ALTER SYSTEM SET track_counts = on"),
    "server_encoding": ("UTF8", "fail", "make the database anew with ENCODING 'UTF8'"),
    "transaction_read_only": (
        "off", "fail", "it is a standby, or set to read only: name the primary",
    ),
}  # fmt: skip
"""What is well, how bad anything else is, and what to do."""


def looked_at(conn: Connection, settings: Settings) -> Iterator[Finding]:
    """Everything, by a role that may read what the service may."""
    for look in (_version, _parameters, _connections, _limits, _clock, _age, _old, _schema):
        yield from look(conn, settings)
    if servable(conn).ok:
        yield from _rights(conn)


Look = Callable[[Connection, Settings], Iterator[Finding]]


def _version(conn: Connection, _settings: Settings) -> Iterator[Finding]:
    started = time.monotonic()
    number = int(conn.execute(text("SHOW server_version_num")).scalar_one())
    took_ms = (time.monotonic() - started) * 1000
    major = number // 10_000
    told = f"PostgreSQL {major}.{number % 10_000}, {took_ms:.1f} ms away"
    if major < _MAJORS[0]:
        yield fail(_AREA, told, f"this release needs {_MAJORS[0]} to {_MAJORS[-1]}: upgrade it")
    elif major > _MAJORS[-1]:
        yield warn(_AREA, told, f"this release was tried with {_MAJORS[0]} to {_MAJORS[-1]}")
    else:
        yield ok(_AREA, told)


def _parameters(conn: Connection, _settings: Settings) -> Iterator[Finding]:
    wrong = 0
    for name, (well, verdict, advice) in _PARAMETERS.items():
        value = str(conn.execute(text(f"SHOW {name}")).scalar_one())
        if value not in well.split():
            wrong += 1
            yield Finding(_AREA, verdict, f"{name} is {value}", advice)
    if not wrong:
        yield ok(_AREA, f"{', '.join(_PARAMETERS)} are as they should be")


def _connections(conn: Connection, settings: Settings) -> Iterator[Finding]:
    own = settings.workers * (2 * settings.committers + settings.read_pool_size + _OWN_CONNECTIONS)
    sizes = conn.execute(
        text(
            "SELECT current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int AS most,"
            " (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS own_most"
        )
    ).one()
    most = sizes.most if sizes.own_most < 0 else min(sizes.most, sizes.own_most)
    told = f"this server may open {own} connections of {most} there are"
    advice = "fewer --workers, --committers or --read-pool-size, or a larger max_connections"
    if own > most:
        yield fail(_AREA, told, advice)
    elif own > most * 0.8:
        yield warn(_AREA, f"{told}: that leaves none for another one", advice)
    else:
        yield ok(_AREA, told)


def _limits(conn: Connection, settings: Settings) -> Iterator[Finding]:
    """What the role or the database ends by itself, and what it does not."""
    values: dict[str, str] = {
        row.name: row.reset_val
        for row in conn.execute(
            text("SELECT name, reset_val FROM pg_settings WHERE name = ANY (:names)"),
            {"names": [_IDLE, _STATEMENT, "wal_level"]},
        )
    }
    role = conn.execute(text("SELECT quote_ident(current_user)")).scalar_one()
    if values[_IDLE] == "0":
        yield warn(
            _AREA,
            f"{_IDLE} is 0: a server that vanishes keeps rows locked for hours",
            f"ALTER ROLE {role} SET {_IDLE} = '60s'",
        )
    else:
        yield ok(_AREA, f"{_IDLE} is {values[_IDLE]} ms")
    if 0 < int(values[_STATEMENT]) < settings.statement_timeout_ms:
        yield warn(
            _AREA,
            f"{_STATEMENT} is {values[_STATEMENT]} ms: what sets no limit of its own is cut off",
            f"ALTER ROLE {role} SET {_STATEMENT} = 0: the server limits its statements itself",
        )
    if settings.read_database_url is not None and values["wal_level"] == "minimal":
        yield fail(_AREA, "wal_level is minimal: no replica can follow", "set it to replica")


def _clock(conn: Connection, _settings: Settings) -> Iterator[Finding]:
    before = datetime.now(UTC)
    theirs: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = datetime.now(UTC)
    off = (theirs - before - (after - before) / 2).total_seconds()
    told = f"its clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} this machine's"
    if abs(off) > _SKEW_SECONDS_MAX:
        yield warn(_AREA, told, "run NTP on both: holds end and logs are written by these clocks")
    else:
        yield ok(_AREA, told)


def _age(conn: Connection, _settings: Settings) -> Iterator[Finding]:
    """How far PostgreSQL is from having to stop for want of transaction ids."""
    age = conn.execute(
        text("SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()")
    ).scalar_one()
    if age > _XIDS_MAX:
        yield fail(_AREA, f"{age} transactions were never frozen", "VACUUM (FREEZE) it soon")


def _old(conn: Connection, _settings: Settings) -> Iterator[Finding]:
    """Transactions left open keep rows locked and dead rows alive."""
    found = conn.execute(
        text(
            "SELECT pid, state, application_name, extract(epoch FROM now() - xact_start) AS seconds"
            " FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " AND xact_start < now() - make_interval(secs => :seconds) ORDER BY xact_start LIMIT 5"
        ),
        {"seconds": _OPEN_SECONDS_MAX},
    )
    for row in found:
        yield warn(
            _AREA,
            f"a transaction of {row.application_name or 'somebody'} (pid {row.pid}, {row.state}) "
            f"is open since {row.seconds:.0f} s",
            f"end it there, or SELECT pg_terminate_backend({row.pid})",
        )


def _schema(conn: Connection, _settings: Settings) -> Iterator[Finding]:
    found = servable(conn)
    if not found.ok:
        yield fail("schema", found.reason, "run `inventory-grpc migrate`, or another release")
    elif found.database_revision != head():
        yield warn(
            "schema",
            f"it is at revision {found.database_revision}, newer than {head()} of this release",
            "finish the upgrade",
        )
    else:
        yield ok("schema", f"it is at revision {head()}, as this release")


def _rights(conn: Connection) -> Iterator[Finding]:
    rights = "SELECT has_table_privilege(:table, :right)"
    missing = [
        table
        for table in metadata.tables
        if not conn.execute(text(rights), {"table": table, "right": "SELECT"}).scalar()
    ]
    if missing:
        role = conn.execute(text("SELECT current_user")).scalar_one()
        what = f"role {role} may not read {', '.join(missing)}"
        yield fail("rights", what, "run `inventory-grpc migrate` as the owner of the schema")
    change = {"table": "stock_movements", "right": "UPDATE, DELETE, TRUNCATE"}
    if conn.execute(text(rights), change).scalar():
        yield warn(
            "rights",
            "the role of the service may change the ledger",
            "serve as a role of its own: --database-url, with the owner in "
            "--migration-database-url",
        )
    elif not missing:
        yield ok("rights", "the role of the service can only add to the ledger")
