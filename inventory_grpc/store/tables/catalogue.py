"""Products and locations."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from inventory_grpc.store.tables.columns import ID, KEY, MONEY, TIME, labels, metadata, required

UNPRICED = 1_000_000_000_000
"""What a product without a price sorts as: above every price that can be stored."""

products = Table(
    "products",
    metadata,
    required("product_id", ID),
    required("sku", KEY),
    required("name", KEY),
    required("description", Text()),
    Column("price_amount", MONEY),
    Column("price_currency", KEY),
    labels(),
    required("version", BigInteger()),
    required("create_time", TIME),
    required("update_time", TIME),
    Column("delete_time", TIME),
    required("commit_id", ID),
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

product_events = Table(
    "product_events",
    metadata,
    required("product_id", ID),
    required("product_version", BigInteger()),
    required("event_id", ID),
    Column("kind", SmallInteger, nullable=False),
    # The product as it was then.
    required("sku", KEY),
    required("name", KEY),
    required("description", Text()),
    Column("price_amount", MONEY),
    Column("price_currency", KEY),
    labels(),
    required("create_time", TIME),
    Column("delete_time", TIME),
    required("actor", Text()),
    required("request_id", ID),
    required("occur_time", TIME),
    required("commit_id", ID),
    # Two writers of one version of a product cannot both commit.
    PrimaryKeyConstraint("product_id", "product_version"),
    Index("product_events_commit_idx", "commit_id"),
)

locations = Table(
    "locations",
    metadata,
    required("location_id", KEY),
    required("display_name", Text()),
    Column("priority", Integer, nullable=False),
    labels(),
    required("version", BigInteger()),
    required("create_time", TIME),
    required("update_time", TIME),
    Column("delete_time", TIME),
    required("commit_id", ID),
    PrimaryKeyConstraint("location_id"),
)
