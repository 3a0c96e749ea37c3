"""The schema: one truth in SQLAlchemy Core, which the migrations must arrive at exactly.

Text keys and text that is sorted by are COLLATE "C": bytewise order, the same on every machine, so
that keyset pages and index ranges never depend on a locale. Ids are ``uuid`` columns and lower-case
text in Python. Times are the database's.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

# The names PostgreSQL itself would give, so that no constraint depends on who created it.
NAMES = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}
UNPRICED = 1_000_000_000_000
"""What a product without a price sorts as: above every price that can be stored."""

metadata = MetaData(naming_convention=NAMES)

ID = Uuid(as_uuid=False)
KEY = Text(collation="C")
MONEY = Numeric(16, 4)
TIME = DateTime(timezone=True)


def _required(name: str, type_: Text | Uuid[str] | DateTime | BigInteger) -> Column[object]:
    return Column(name, type_, nullable=False)


def _labels() -> Column[object]:
    return Column("labels", JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def _counter(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def _in_range(name: str) -> CheckConstraint:
    return CheckConstraint(f"{name} >= 0 AND {name} <= 1000000000000000", name=name)


products = Table(
    "products",
    metadata,
    _required("product_id", ID),
    _required("sku", KEY),
    _required("name", KEY),
    _required("description", Text()),
    Column("price_amount", MONEY),
    Column("price_currency", KEY),
    _labels(),
    _required("version", BigInteger()),
    _required("create_time", TIME),
    _required("update_time", TIME),
    Column("delete_time", TIME),
    _required("commit_id", ID),
    PrimaryKeyConstraint("product_id"),
    CheckConstraint("(price_amount IS NULL) = (price_currency IS NULL)", name="price_currency"),
    CheckConstraint("price_amount >= 0", name="price_amount"),
    # One per order of ListProducts; by creation is the primary key, because ids are UUIDv7.
    Index(
        "products_live_sku_key", "sku", unique=True, postgresql_where=text("delete_time IS NULL")
    ),
    Index("products_sku_idx", "sku", "product_id"),
    Index("products_name_idx", "name", "product_id"),
    # NULL is out of reach of a row comparison, so products without a price get a number here.
    Index("products_price_idx", text(f"coalesce(price_amount, {UNPRICED})"), "product_id"),
)

locations = Table(
    "locations",
    metadata,
    _required("location_id", KEY),
    _required("display_name", Text()),
    Column("priority", Integer, nullable=False),
    _labels(),
    _required("version", BigInteger()),
    _required("create_time", TIME),
    _required("update_time", TIME),
    Column("delete_time", TIME),
    _required("commit_id", ID),
    PrimaryKeyConstraint("location_id"),
)

stock_levels = Table(
    "stock_levels",
    metadata,
    _required("product_id", ID),
    _required("location_id", KEY),
    _counter("on_hand"),
    _counter("allocated"),
    _counter("held"),
    _counter("safety_stock"),
    _counter("backorder_limit"),
    Column("low_stock_threshold", BigInteger),
    _counter("shortfall"),
    _counter("version"),
    Column("update_time", TIME),
    PrimaryKeyConstraint("product_id", "location_id"),
    ForeignKeyConstraint(["product_id"], ["products.product_id"]),
    ForeignKeyConstraint(["location_id"], ["locations.location_id"]),
    _in_range("on_hand"),
    _in_range("allocated"),
    _in_range("held"),
    _in_range("safety_stock"),
    _in_range("backorder_limit"),
    _in_range("shortfall"),
    CheckConstraint("low_stock_threshold >= 0", name="low_stock_threshold"),
    CheckConstraint("allocated + held <= on_hand + backorder_limit + shortfall", name="promised"),
    # No index on a column that changes, and room on every page: updates stay HOT.
    Index("stock_levels_location_idx", "location_id", "product_id"),
    postgresql_with={"fillfactor": "85"},
)

stock_movements = Table(
    "stock_movements",
    metadata,
    _required("product_id", ID),
    _required("location_id", KEY),
    _required("stock_version", BigInteger()),
    _required("movement_id", ID),
    Column("kind", SmallInteger, nullable=False),
    _required("on_hand_delta", BigInteger()),
    _required("allocated_delta", BigInteger()),
    _required("held_delta", BigInteger()),
    _required("on_hand_after", BigInteger()),
    _required("allocated_after", BigInteger()),
    _required("held_after", BigInteger()),
    _required("shortfall_after", BigInteger()),
    Column("line_number", Integer, nullable=False),
    Column("order_id", ID),
    Column("hold_id", ID),
    Column("transfer_id", ID),
    _required("request_id", ID),
    _required("actor", Text()),
    Column("reason", SmallInteger, nullable=False),
    _required("note", Text()),
    _required("occur_time", TIME),
    _required("commit_id", ID),
    # Two writers of one version of a level cannot both commit.
    PrimaryKeyConstraint("product_id", "location_id", "stock_version"),
    Index("stock_movements_product_idx", "product_id", "movement_id"),
    Index(
        "stock_movements_order_idx",
        "order_id",
        "movement_id",
        postgresql_where=text("order_id IS NOT NULL"),
    ),
    # Every list is newest first by movement_id (UUIDv7), so these two only ever grow at the right
    # end (the second as far as callers send UUIDv7 too): 2-3 µs a row, for which no list sorts or
    # scans the ledger. location_id stands behind so that a quiet location is found in the index.
    Index("stock_movements_movement_idx", "movement_id", "location_id"),
    Index("stock_movements_request_idx", "request_id", "movement_id"),
)

orders = Table(
    "orders",
    metadata,
    _required("order_id", ID),
    Column("status", SmallInteger, nullable=False),
    _required("customer_reference", KEY),
    _labels(),
    Column("total_amount", MONEY),
    Column("total_currency", KEY),
    Column("hold_id", ID),
    _required("version", BigInteger()),
    _required("create_time", TIME),
    _required("update_time", TIME),
    _required("status_reason", Text()),
    _required("commit_id", ID),
    PrimaryKeyConstraint("order_id"),
    CheckConstraint("(total_amount IS NULL) = (total_currency IS NULL)", name="total_currency"),
    Index("orders_status_idx", "status", "order_id"),
    Index("orders_hold_idx", "hold_id", "order_id", postgresql_where=text("hold_id IS NOT NULL")),
    Index(
        "orders_customer_reference_idx",
        "customer_reference",
        "order_id",
        postgresql_where=text("customer_reference <> ''"),
    ),
)

order_lines = Table(
    "order_lines",
    metadata,
    _required("order_id", ID),
    Column("line_number", Integer, nullable=False),
    Column("requested_line", Integer, nullable=False),
    _required("product_id", ID),
    _required("location_id", KEY),
    _required("quantity", BigInteger()),
    Column("unit_price_amount", MONEY),
    Column("unit_price_currency", KEY),
    _counter("shipped"),
    _counter("cancelled"),
    _counter("returned"),
    PrimaryKeyConstraint("order_id", "line_number"),
    ForeignKeyConstraint(["order_id"], ["orders.order_id"]),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("returned >= 0 AND returned <= shipped", name="returned"),
    CheckConstraint("cancelled >= 0 AND shipped + cancelled <= quantity", name="shipped"),
    CheckConstraint(
        "(unit_price_amount IS NULL) = (unit_price_currency IS NULL)", name="unit_price_currency"
    ),
    Index("order_lines_product_idx", "product_id", "order_id"),
)

order_events = Table(
    "order_events",
    metadata,
    _required("order_id", ID),
    _required("order_version", BigInteger()),
    _required("event_id", ID),
    Column("kind", SmallInteger, nullable=False),
    Column("from_status", SmallInteger),
    Column("to_status", SmallInteger, nullable=False),
    Column("lines", JSONB, nullable=False),
    _required("reason", Text()),
    _required("actor", Text()),
    _required("request_id", ID),
    _required("occur_time", TIME),
    _required("commit_id", ID),
    # Two writers of one version of an order cannot both commit.
    PrimaryKeyConstraint("order_id", "order_version"),
)

holds = Table(
    "holds",
    metadata,
    _required("hold_id", ID),
    Column("status", SmallInteger, nullable=False),
    _required("caller", KEY),
    _required("owner_reference", KEY),
    _required("expire_time", TIME),
    # What the caller's budget counts for it; 0 once its end is written.
    _required("counted_units", BigInteger()),
    _required("version", BigInteger()),
    _required("create_time", TIME),
    _required("update_time", TIME),
    _required("commit_id", ID),
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
    _required("hold_id", ID),
    Column("line_number", Integer, nullable=False),
    Column("requested_line", Integer, nullable=False),
    _required("product_id", ID),
    _required("location_id", KEY),
    _required("requested_quantity", BigInteger()),
    _required("quantity", BigInteger()),
    _counter("converted"),
    _counter("released"),
    _counter("expired"),
    # The hold's, so that whoever has locked a stock level finds what is due there.
    _required("expire_time", TIME),
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
    _required("hold_id", ID),
    _required("hold_version", BigInteger()),
    _required("event_id", ID),
    Column("kind", SmallInteger, nullable=False),
    Column("lines", JSONB, nullable=False),
    _required("reason", Text()),
    Column("order_id", ID),
    _required("expire_time", TIME),
    _required("actor", Text()),
    _required("request_id", ID),
    _required("occur_time", TIME),
    _required("commit_id", ID),
    # Two writers of one version of a hold cannot both commit.
    PrimaryKeyConstraint("hold_id", "hold_version"),
)

hold_budgets = Table(
    "hold_budgets",
    metadata,
    _required("caller", KEY),
    _required("units", BigInteger()),
    PrimaryKeyConstraint("caller"),
    CheckConstraint("units >= 0", name="units"),
)

leases = Table(
    "leases",
    metadata,
    _required("task", KEY),
    _required("holder", ID),
    _required("end_time", TIME),
    PrimaryKeyConstraint("task"),
)

ledger_repairs = Table(
    "ledger_repairs",
    metadata,
    # The movement that a repair posted last: what is before it has been looked at.
    _required("product_id", ID),
    _required("location_id", KEY),
    _required("stock_version", BigInteger()),
    Column("found", JSONB, nullable=False),
    _required("repair_time", TIME),
    _required("commit_id", ID),
    PrimaryKeyConstraint("product_id", "location_id", "stock_version"),
)

stored_answers = Table(
    "stored_answers",
    metadata,
    _required("caller", KEY),
    _required("request_id", ID),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("code", SmallInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    _required("create_time", TIME),
    PrimaryKeyConstraint("caller", "request_id"),
    # For pruning: grows at the right end only.
    Index("stored_answers_create_time_idx", "create_time"),
)

commit_seq = Sequence("commit_seq", metadata=metadata)

commits = Table(
    "commits",
    metadata,
    _required("commit_id", ID),
    _required("commit_seq", BigInteger()),
    PrimaryKeyConstraint("commit_id"),
)

service_identity = Table(
    "service_identity",
    metadata,
    Column("id", SmallInteger, nullable=False, autoincrement=False),
    _required("database_id", ID),
    Column("token_key", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="id"),
)

schema_revision = Table(
    "schema_revision",
    metadata,
    Column("id", SmallInteger, nullable=False, autoincrement=False),
    _required("revision", KEY),
    _required("min_code_revision", KEY),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="id"),
)
