"""What can be ordered, and where it may lie. The location ``default`` always exists."""

from alembic import op

revision = "0002_products_and_locations"
down_revision = "0001_commits"
min_code_revision = "0002_products_and_locations"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE products (
            product_id uuid NOT NULL,
            sku text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            description text NOT NULL,
            price_amount numeric(16, 4),
            price_currency text COLLATE "C",
            labels jsonb NOT NULL DEFAULT '{}',
            version bigint NOT NULL,
            create_time timestamptz NOT NULL,
            update_time timestamptz NOT NULL,
            delete_time timestamptz,
            commit_id uuid NOT NULL,
            CONSTRAINT products_pkey PRIMARY KEY (product_id),
            CONSTRAINT products_price_amount_check CHECK (price_amount >= 0),
            CONSTRAINT products_price_currency_check
                CHECK ((price_amount IS NULL) = (price_currency IS NULL))
        )""")
    op.execute(
        "CREATE UNIQUE INDEX products_live_sku_key ON products (sku) WHERE delete_time IS NULL"
    )
    op.execute("CREATE INDEX products_sku_idx ON products (sku, product_id)")
    op.execute("CREATE INDEX products_name_idx ON products (name, product_id)")
    op.execute(
        "CREATE INDEX products_price_idx ON products"
        " (coalesce(price_amount, 1000000000000), product_id)"
    )
    op.execute("""
        CREATE TABLE locations (
            location_id text COLLATE "C" NOT NULL,
            display_name text NOT NULL,
            priority integer NOT NULL,
            labels jsonb NOT NULL DEFAULT '{}',
            version bigint NOT NULL,
            create_time timestamptz NOT NULL,
            update_time timestamptz NOT NULL,
            delete_time timestamptz,
            commit_id uuid NOT NULL,
            CONSTRAINT locations_pkey PRIMARY KEY (location_id)
        )""")
    op.execute("""
        WITH written AS (
            INSERT INTO commits (commit_id, commit_seq)
            VALUES (gen_random_uuid(), nextval('commit_seq'))
            RETURNING commit_id
        )
        INSERT INTO locations
            (location_id, display_name, priority, version, create_time, update_time, commit_id)
        SELECT 'default', 'Default', 0, 1, now(), now(), commit_id FROM written""")


def downgrade() -> None:
    op.execute("DROP TABLE locations")
    op.execute("DROP TABLE products")
