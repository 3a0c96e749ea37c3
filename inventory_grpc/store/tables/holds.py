"""Holds, their lines and their history."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from inventory_grpc.store.tables.columns import ID, KEY, TIME, counter, metadata, required

holds = Table(
    "holds",
    metadata,
    required("hold_id", ID),
    Column("status", SmallInteger, nullable=False),
    required("caller", KEY),
    required("owner_reference", KEY),
    required("expire_time", TIME),
    # What the caller's budget counts for it; 0 once its end is written.
    required("counted_units", BigInteger()),
    required("version", BigInteger()),
    required("create_time", TIME),
    required("update_time", TIME),
    required("commit_id", ID),
    PrimaryKeyConstraint("hold_id"),
    CheckConstraint("counted_units >= 0", name="counted_units"),
    Index("holds_status_idx", "status", "hold_id"),
    Index("holds_due_idx", "expire_time", "hold_id", postgresql_where=text("status = 1")),
    Index(
        "holds_owner_reference_idx",
        "owner_reference",
        "hold_id",
        postgresql_where=text("owner_reference <> ''"),
    ),
)

hold_lines = Table(
    "hold_lines",
    metadata,
    required("hold_id", ID),
    Column("line_number", Integer, nullable=False),
    Column("requested_line", Integer, nullable=False),
    required("product_id", ID),
    required("location_id", KEY),
    required("requested_quantity", BigInteger()),
    required("quantity", BigInteger()),
    counter("converted"),
    counter("released"),
    counter("expired"),
    # The hold's, so that whoever has locked a stock level finds what is due there.
    required("expire_time", TIME),
    PrimaryKeyConstraint("hold_id", "line_number"),
    ForeignKeyConstraint(["hold_id"], ["holds.hold_id"]),
    CheckConstraint("quantity > 0 AND quantity <= requested_quantity", name="quantity"),
    CheckConstraint(
        "converted >= 0 AND released >= 0 AND expired >= 0"
        " AND converted + released + expired <= quantity",
        name="converted",
    ),
    Index("hold_lines_product_idx", "product_id", "hold_id"),
    Index(
        "hold_lines_open_idx",
        "product_id",
        "location_id",
        "expire_time",
        postgresql_where=text("converted + released + expired < quantity"),
    ),
)

hold_events = Table(
    "hold_events",
    metadata,
    required("hold_id", ID),
    required("hold_version", BigInteger()),
    required("event_id", ID),
    Column("kind", SmallInteger, nullable=False),
    Column("lines", JSONB, nullable=False),
    required("reason", Text()),
    Column("order_id", ID),
    required("expire_time", TIME),
    required("actor", Text()),
    required("request_id", ID),
    required("occur_time", TIME),
    required("commit_id", ID),
    # Two writers of one version of a hold cannot both commit.
    PrimaryKeyConstraint("hold_id", "hold_version"),
    Index("hold_events_commit_idx", "commit_id"),
)

hold_budgets = Table(
    "hold_budgets",
    metadata,
    required("caller", KEY),
    required("units", BigInteger()),
    PrimaryKeyConstraint("caller"),
    CheckConstraint("units >= 0", name="units"),
)
