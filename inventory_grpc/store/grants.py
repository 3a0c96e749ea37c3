"""What the service's role may do: rows only, and the ledger only grows."""

from sqlalchemy import Connection, text

from inventory_grpc.store.tables import metadata

SERVICE_ROLE = "inventory_service"
"""The role that gets the grants when none is named and it exists."""

_READ_ONLY = frozenset({"schema_revision", "service_identity"})
# Row locks (FOR NO KEY UPDATE) need the right to UPDATE as well.
_UPDATED = frozenset(
    {
        "products", "locations", "stock_levels", "orders", "order_lines", "holds", "hold_lines",
        "hold_budgets", "leases", "stream_head",
    }
)  # fmt: skip
_PRUNED = frozenset({"stored_answers", "commits"})
_MADE_ONCE = frozenset({"stream_head"})
_COLUMNS_UPDATED = {"commits": "position"}


def grant(conn: Connection, role: str) -> bool:
    """Gives ``role`` its rights on every table; again is harmless.

    The caller holds the lock of the migrations: two GRANTs at once fail with "tuple concurrently
    updated". False: there is no such role, or it owns the schema and needs no grants.
    """
    known = text("SELECT 1 FROM pg_roles WHERE rolname = :role AND rolname <> current_user")
    if conn.execute(known, {"role": role}).first() is None:
        return False
    quoted = conn.dialect.identifier_preparer.quote_identifier(role)
    for table in metadata.tables:
        conn.execute(text(f"GRANT {_rights(table)} ON {table} TO {quoted}"))
    conn.execute(text(f"GRANT USAGE ON SEQUENCE commit_seq TO {quoted}"))
    return True


def _rights(table: str) -> str:
    if table in _READ_ONLY:
        return "SELECT"
    rights = "SELECT" if table in _MADE_ONCE else "SELECT, INSERT"
    if table in _UPDATED:
        rights += ", UPDATE"
    if table in _COLUMNS_UPDATED:
        rights += f", UPDATE ({_COLUMNS_UPDATED[table]})"
    return f"{rights}, DELETE" if table in _PRUNED else rights
