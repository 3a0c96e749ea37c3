"""Orders, their lines and their history."""

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

from inventory_grpc.store.tables.columns import (
    ID,
    KEY,
    MONEY,
    TIME,
    counter,
    labels,
    metadata,
    required,
)

orders = Table(
    "orders",
    metadata,
    required("order_id", ID),
    Column("status", SmallInteger, nullable=False),
    required("customer_reference", KEY),
    labels(),
    Column("total_amount", MONEY),
    Column("total_currency", KEY),
    Column("hold_id", ID),
    required("version", BigInteger()),
    required("create_time", TIME),
    required("update_time", TIME),
    required("status_reason", Text()),
    required("commit_id", ID),
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
    required("order_id", ID),
    Column("line_number", Integer, nullable=False),
    Column("requested_line", Integer, nullable=False),
    required("product_id", ID),
    required("location_id", KEY),
    required("quantity", BigInteger()),
    Column("unit_price_amount", MONEY),
    Column("unit_price_currency", KEY),
    counter("shipped"),
    counter("cancelled"),
    counter("returned"),
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
    required("order_id", ID),
    required("order_version", BigInteger()),
    required("event_id", ID),
    Column("kind", SmallInteger, nullable=False),
    Column("from_status", SmallInteger),
    Column("to_status", SmallInteger, nullable=False),
    Column("lines", JSONB, nullable=False),
    required("reason", Text()),
    required("actor", Text()),
    required("request_id", ID),
    required("occur_time", TIME),
    required("commit_id", ID),
    # Two writers of one version of an order cannot both commit.
    PrimaryKeyConstraint("order_id", "order_version"),
    Index("order_events_commit_idx", "commit_id"),
)
