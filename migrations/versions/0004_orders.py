"""What is promised to customers, and the history of it."""

from alembic import op

revision = "0004_orders"
down_revision = "0003_stock"
min_code_revision = "0004_orders"


def upgrade() -> None:
    _orders()
    _order_lines()
    _order_events()


def _orders() -> None:
    op.execute("""
        CREATE TABLE orders (
            order_id uuid NOT NULL,
            status smallint NOT NULL,
            customer_reference text COLLATE "C" NOT NULL,
            labels jsonb NOT NULL DEFAULT '{}',
            total_amount numeric(16, 4),
            total_currency text COLLATE "C",
            hold_id uuid,
            version bigint NOT NULL,
            create_time timestamptz NOT NULL,
            update_time timestamptz NOT NULL,
            status_reason text NOT NULL,
            commit_id uuid NOT NULL,
            CONSTRAINT orders_pkey PRIMARY KEY (order_id),
            CONSTRAINT orders_total_currency_check
                CHECK ((total_amount IS NULL) = (total_currency IS NULL))
        )""")
    op.execute("CREATE INDEX orders_status_idx ON orders (status, order_id)")
    op.execute(
        "CREATE INDEX orders_customer_reference_idx ON orders"
        " (customer_reference, order_id) WHERE customer_reference <> ''"
    )


def _order_lines() -> None:
    op.execute("""
        CREATE TABLE order_lines (
            order_id uuid NOT NULL,
            line_number integer NOT NULL,
            requested_line integer NOT NULL,
            product_id uuid NOT NULL,
            location_id text COLLATE "C" NOT NULL,
            quantity bigint NOT NULL,
            unit_price_amount numeric(16, 4),
            unit_price_currency text COLLATE "C",
            shipped bigint NOT NULL DEFAULT 0,
            cancelled bigint NOT NULL DEFAULT 0,
            returned bigint NOT NULL DEFAULT 0,
            CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, line_number),
            CONSTRAINT order_lines_order_id_fkey
                FOREIGN KEY (order_id) REFERENCES orders (order_id),
            CONSTRAINT order_lines_quantity_check CHECK (quantity > 0),
            CONSTRAINT order_lines_returned_check CHECK (returned >= 0 AND returned <= shipped),
            CONSTRAINT order_lines_shipped_check
                CHECK (cancelled >= 0 AND shipped + cancelled <= quantity),
            CONSTRAINT order_lines_unit_price_currency_check
                CHECK ((unit_price_amount IS NULL) = (unit_price_currency IS NULL))
        )""")
    op.execute("CREATE INDEX order_lines_product_idx ON order_lines (product_id, order_id)")


def _order_events() -> None:
    op.execute("""
        CREATE TABLE order_events (
            order_id uuid NOT NULL,
            order_version bigint NOT NULL,
            event_id uuid NOT NULL,
            kind smallint NOT NULL,
            from_status smallint,
            to_status smallint NOT NULL,
            lines jsonb NOT NULL,
            reason text NOT NULL,
            actor text NOT NULL,
            request_id uuid NOT NULL,
            occur_time timestamptz NOT NULL,
            commit_id uuid NOT NULL,
            CONSTRAINT order_events_pkey PRIMARY KEY (order_id, order_version)
        )""")


def downgrade() -> None:
    op.execute("DROP TABLE order_events")
    op.execute("DROP TABLE order_lines")
    op.execute("DROP TABLE orders")
