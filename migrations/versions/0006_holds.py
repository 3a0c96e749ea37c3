"""Units set aside for a limited time, and what a repair of the ledger has looked at."""

from alembic import op

revision = "0006_holds"
down_revision = "0005_stored_answers"
min_code_revision = "0005_stored_answers"


def upgrade() -> None:
    _holds()
    _hold_lines()
    _hold_events()
    _bookkeeping()
    # Only what came of holds is in these two, and until now that is nothing.
    op.execute(
        "CREATE INDEX orders_hold_idx ON orders (hold_id, order_id) WHERE hold_id IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX stock_movements_hold_idx ON stock_movements (hold_id, movement_id)"
        " WHERE hold_id IS NOT NULL"
    )


def _holds() -> None:
    op.execute("""
        CREATE TABLE holds (
            hold_id uuid NOT NULL,
            status smallint NOT NULL,
            caller text COLLATE "C" NOT NULL,
            owner_reference text COLLATE "C" NOT NULL,
            expire_time timestamptz NOT NULL,
            counted_units bigint NOT NULL,
            version bigint NOT NULL,
            create_time timestamptz NOT NULL,
            update_time timestamptz NOT NULL,
            commit_id uuid NOT NULL,
            CONSTRAINT holds_pkey PRIMARY KEY (hold_id),
            CONSTRAINT holds_counted_units_check CHECK (counted_units >= 0)
        )""")
    op.execute("CREATE INDEX holds_status_idx ON holds (status, hold_id)")
    op.execute("CREATE INDEX holds_due_idx ON holds (expire_time, hold_id) WHERE status = 1")
    op.execute(
        "CREATE INDEX holds_owner_reference_idx ON holds"
        " (owner_reference, hold_id) WHERE owner_reference <> ''"
    )


def _hold_lines() -> None:
    op.execute("""
        CREATE TABLE hold_lines (
            hold_id uuid NOT NULL,
            line_number integer NOT NULL,
            requested_line integer NOT NULL,
            product_id uuid NOT NULL,
            location_id text COLLATE "C" NOT NULL,
            requested_quantity bigint NOT NULL,
            quantity bigint NOT NULL,
            converted bigint NOT NULL DEFAULT 0,
            released bigint NOT NULL DEFAULT 0,
            expired bigint NOT NULL DEFAULT 0,
            expire_time timestamptz NOT NULL,
            CONSTRAINT hold_lines_pkey PRIMARY KEY (hold_id, line_number),
            CONSTRAINT hold_lines_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES holds (hold_id),
            CONSTRAINT hold_lines_quantity_check
                CHECK (quantity > 0 AND quantity <= requested_quantity),
            CONSTRAINT hold_lines_converted_check
                CHECK (converted >= 0 AND released >= 0 AND expired >= 0
                       AND converted + released + expired <= quantity)
        )""")
    op.execute("CREATE INDEX hold_lines_product_idx ON hold_lines (product_id, hold_id)")
    op.execute(
        "CREATE INDEX hold_lines_open_idx ON hold_lines (product_id, location_id, expire_time)"
        " WHERE converted + released + expired < quantity"
    )


def _hold_events() -> None:
    op.execute("""
        CREATE TABLE hold_events (
            hold_id uuid NOT NULL,
            hold_version bigint NOT NULL,
            event_id uuid NOT NULL,
            kind smallint NOT NULL,
            lines jsonb NOT NULL,
            reason text NOT NULL,
            order_id uuid,
            expire_time timestamptz NOT NULL,
            actor text NOT NULL,
            request_id uuid NOT NULL,
            occur_time timestamptz NOT NULL,
            commit_id uuid NOT NULL,
            CONSTRAINT hold_events_pkey PRIMARY KEY (hold_id, hold_version)
        )""")


def _bookkeeping() -> None:
    op.execute("""
        CREATE TABLE hold_budgets (
            caller text COLLATE "C" NOT NULL,
            units bigint NOT NULL,
            CONSTRAINT hold_budgets_pkey PRIMARY KEY (caller),
            CONSTRAINT hold_budgets_units_check CHECK (units >= 0)
        )""")
    op.execute("""
        CREATE TABLE leases (
            task text COLLATE "C" NOT NULL,
            holder uuid NOT NULL,
            end_time timestamptz NOT NULL,
            CONSTRAINT leases_pkey PRIMARY KEY (task)
        )""")
    op.execute("""
        CREATE TABLE ledger_repairs (
            product_id uuid NOT NULL,
            location_id text COLLATE "C" NOT NULL,
            stock_version bigint NOT NULL,
            found jsonb NOT NULL,
            repair_time timestamptz NOT NULL,
            commit_id uuid NOT NULL,
            CONSTRAINT ledger_repairs_pkey PRIMARY KEY (product_id, location_id, stock_version)
        )""")


def downgrade() -> None:
    op.execute("DROP INDEX orders_hold_idx")
    op.execute("DROP INDEX stock_movements_hold_idx")
    for table in ("ledger_repairs", "leases", "hold_budgets", "hold_events", "hold_lines", "holds"):
        op.execute(f"DROP TABLE {table}")
