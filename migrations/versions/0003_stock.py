"""The counters, and the ledger of their changes."""

from alembic import op

revision = "0003_stock"
down_revision = "0002_products_and_locations"
min_code_revision = "0003_stock"


def upgrade() -> None:
    _stock_levels()
    _stock_movements()


def _stock_levels() -> None:
    op.execute("""
        CREATE TABLE stock_levels (
            product_id uuid NOT NULL,
            location_id text COLLATE "C" NOT NULL,
            on_hand bigint NOT NULL DEFAULT 0,
            allocated bigint NOT NULL DEFAULT 0,
            held bigint NOT NULL DEFAULT 0,
            safety_stock bigint NOT NULL DEFAULT 0,
            backorder_limit bigint NOT NULL DEFAULT 0,
            low_stock_threshold bigint,
            shortfall bigint NOT NULL DEFAULT 0,
            version bigint NOT NULL DEFAULT 0,
            update_time timestamptz,
            CONSTRAINT stock_levels_pkey PRIMARY KEY (product_id, location_id),
            CONSTRAINT stock_levels_product_id_fkey
                FOREIGN KEY (product_id) REFERENCES products (product_id),
            CONSTRAINT stock_levels_location_id_fkey
                FOREIGN KEY (location_id) REFERENCES locations (location_id),
            CONSTRAINT stock_levels_on_hand_check
                CHECK (on_hand >= 0 AND on_hand <= 1000000000000000),
            CONSTRAINT stock_levels_allocated_check
                CHECK (allocated >= 0 AND allocated <= 1000000000000000),
            CONSTRAINT stock_levels_held_check
                CHECK (held >= 0 AND held <= 1000000000000000),
            CONSTRAINT stock_levels_safety_stock_check
                CHECK (safety_stock >= 0 AND safety_stock <= 1000000000000000),
            CONSTRAINT stock_levels_backorder_limit_check
                CHECK (backorder_limit >= 0 AND backorder_limit <= 1000000000000000),
            CONSTRAINT stock_levels_shortfall_check
                CHECK (shortfall >= 0 AND shortfall <= 1000000000000000),
            CONSTRAINT stock_levels_low_stock_threshold_check CHECK (low_stock_threshold >= 0),
            CONSTRAINT stock_levels_promised_check
                CHECK (allocated + held <= on_hand + backorder_limit + shortfall)
        ) WITH (fillfactor = 85)""")
    op.execute("CREATE INDEX stock_levels_location_idx ON stock_levels (location_id, product_id)")


def _stock_movements() -> None:
    op.execute("""
        CREATE TABLE stock_movements (
            product_id uuid NOT NULL,
            location_id text COLLATE "C" NOT NULL,
            stock_version bigint NOT NULL,
            movement_id uuid NOT NULL,
            kind smallint NOT NULL,
            on_hand_delta bigint NOT NULL,
            allocated_delta bigint NOT NULL,
            held_delta bigint NOT NULL,
            on_hand_after bigint NOT NULL,
            allocated_after bigint NOT NULL,
            held_after bigint NOT NULL,
            shortfall_after bigint NOT NULL,
            line_number integer NOT NULL,
            order_id uuid,
            hold_id uuid,
            transfer_id uuid,
            request_id uuid NOT NULL,
            actor text NOT NULL,
            reason smallint NOT NULL,
            note text NOT NULL,
            occur_time timestamptz NOT NULL,
            commit_id uuid NOT NULL,
            CONSTRAINT stock_movements_pkey PRIMARY KEY (product_id, location_id, stock_version)
        )""")
    op.execute(
        "CREATE INDEX stock_movements_product_idx ON stock_movements (product_id, movement_id)"
    )
    op.execute(
        "CREATE INDEX stock_movements_order_idx ON stock_movements (order_id, movement_id)"
        " WHERE order_id IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX stock_movements_movement_idx ON stock_movements (movement_id, location_id)"
    )
    op.execute(
        "CREATE INDEX stock_movements_request_idx ON stock_movements (request_id, movement_id)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE stock_movements")
    op.execute("DROP TABLE stock_levels")
