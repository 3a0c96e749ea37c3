"""Stock levels and their ledger."""

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

from inventory_grpc.store.tables.columns import ID, KEY, TIME, counter, in_range, metadata, required

stock_levels = Table(
    "stock_levels",
    metadata,
    required("product_id", ID),
    required("location_id", KEY),
    counter("on_hand"),
    counter("allocated"),
    counter("held"),
    counter("safety_stock"),
    counter("backorder_limit"),
    Column("low_stock_threshold", BigInteger),
    counter("shortfall"),
    counter("version"),
    Column("update_time", TIME),
    PrimaryKeyConstraint("product_id", "location_id"),
    ForeignKeyConstraint(["product_id"], ["products.product_id"]),
    ForeignKeyConstraint(["location_id"], ["locations.location_id"]),
    in_range("on_hand"),
    in_range("allocated"),
    in_range("held"),
    in_range("safety_stock"),
    in_range("backorder_limit"),
    in_range("shortfall"),
    CheckConstraint("low_stock_threshold >= 0", name="low_stock_threshold"),
    CheckConstraint("allocated + held <= on_hand + backorder_limit + shortfall", name="promised"),
    # No index on a column that changes, and room on every page: updates stay HOT.
    Index("stock_levels_location_idx", "location_id", "product_id"),
    postgresql_with={"fillfactor": "85"},
)

stock_movements = Table(
    "stock_movements",
    metadata,
    required("product_id", ID),
    required("location_id", KEY),
    required("stock_version", BigInteger()),
    required("movement_id", ID),
    Column("kind", SmallInteger, nullable=False),
    required("on_hand_delta", BigInteger()),
    required("allocated_delta", BigInteger()),
    required("held_delta", BigInteger()),
    required("on_hand_after", BigInteger()),
    required("allocated_after", BigInteger()),
    required("held_after", BigInteger()),
    required("shortfall_after", BigInteger()),
    Column("line_number", Integer, nullable=False),
    Column("order_id", ID),
    Column("hold_id", ID),
    Column("transfer_id", ID),
    required("request_id", ID),
    required("actor", Text()),
    Column("reason", SmallInteger, nullable=False),
    required("note", Text()),
    required("occur_time", TIME),
    required("commit_id", ID),
    # The policy after it, so that a level can be shown as of any version. NULL, together, in rows
    # of releases that did not write it.
    Column("safety_stock_after", BigInteger),
    Column("backorder_limit_after", BigInteger),
    Column("low_stock_threshold_after", BigInteger),
    # Two writers of one version of a level cannot both commit.
    PrimaryKeyConstraint("product_id", "location_id", "stock_version"),
    Index("stock_movements_product_idx", "product_id", "movement_id"),
    Index(
        "stock_movements_order_idx",
        "order_id",
        "movement_id",
        postgresql_where=text("order_id IS NOT NULL"),
    ),
    Index(
        "stock_movements_hold_idx",
        "hold_id",
        "movement_id",
        postgresql_where=text("hold_id IS NOT NULL"),
    ),
    # Every list is newest first by movement_id (UUIDv7), so these two only ever grow at the right
    # end (the second as far as callers send UUIDv7 too): 2-3 µs a row, for which no list sorts or
    # scans the ledger. location_id stands behind so that a quiet location is found in the index.
    Index("stock_movements_movement_idx", "movement_id", "location_id"),
    Index("stock_movements_request_idx", "request_id", "movement_id"),
)

ledger_repairs = Table(
    "ledger_repairs",
    metadata,
    # The movement that a repair posted last: what is before it has been looked at.
    required("product_id", ID),
    required("location_id", KEY),
    required("stock_version", BigInteger()),
    Column("found", JSONB, nullable=False),
    required("repair_time", TIME),
    required("commit_id", ID),
    PrimaryKeyConstraint("product_id", "location_id", "stock_version"),
)
