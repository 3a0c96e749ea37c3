"""Connections for what the server does by itself: watching the database, pruning.

Nothing here is on the path of a call. Every wait is bounded, in libpq and in PostgreSQL, because
a network that swallows packets would otherwise hold a thread for a quarter of an hour.
"""

from typing import Final

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from inventory_grpc.store.migrate import Servable, servable

_CONNECT_ARGS: Final[dict[str, str | int]] = {
    "application_name": "inventory_grpc background",
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def background_engine(url: str) -> Engine:
    """An engine with at most one connection; connects when first used."""
    return create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        isolation_level="READ COMMITTED",
        use_native_hstore=False,
        hide_parameters=True,
        connect_args=_CONNECT_ARGS,
    )


def bound(conn: Connection, *, statement_ms: int, lock_ms: int) -> None:
    """Limit the statements and lock waits of the open transaction; poolers allow no more."""
    conn.execute(text(f"SET LOCAL statement_timeout = {int(statement_ms)}"))
    conn.execute(text(f"SET LOCAL lock_timeout = {int(lock_ms)}"))


def probe(engine: Engine, *, to_write: bool = True) -> Servable:
    """Whether calls can succeed on the database now: it answers, writes (unless it is there to be
    read only), and has our schema."""
    try:
        return _asked(engine, to_write=to_write)
    except DBAPIError as error:
        if not error.connection_invalidated:
            return _away(error)
    try:
        # The database may have restarted between two probes, and only the old connection is gone.
        return _asked(engine, to_write=to_write)
    except DBAPIError as error:
        return _away(error)


def _asked(engine: Engine, *, to_write: bool) -> Servable:
    with engine.begin() as conn:
        bound(conn, statement_ms=2_000, lock_ms=1_000)
        if to_write and conn.execute(text("SHOW transaction_read_only")).scalar() == "on":
            return Servable(ok=False, database_revision="", reason="the database is read-only")
        return servable(conn)


def _away(error: DBAPIError) -> Servable:
    # libpq names hosts, users and databases, never passwords.
    reason = " ".join(str(error.orig).split()) or type(error.orig).__name__
    return Servable(ok=False, database_revision="", reason=reason)


def ledger_is_protected(engine: Engine) -> bool:
    """Whether this role can only add to the ledger. Raises DBAPIError."""
    with engine.begin() as conn:
        bound(conn, statement_ms=2_000, lock_ms=1_000)
        can_change = text("SELECT has_table_privilege('stock_movements', 'UPDATE, DELETE')")
        return not conn.execute(can_change).scalar()
