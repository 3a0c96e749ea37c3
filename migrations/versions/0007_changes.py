"""The change stream: positions of commits, a history of products, policies in the ledger."""

from alembic import op

revision = "0007_changes"
down_revision = "0006_holds"
min_code_revision = "0006_holds"


def upgrade() -> None:
    _commits()
    _stream_head()
    _product_events()
    # NULL in rows of earlier releases; without a default, so that nothing is rewritten.
    for column in ("safety_stock_after", "backorder_limit_after", "low_stock_threshold_after"):
        op.execute(f"ALTER TABLE stock_movements ADD COLUMN {column} bigint")
    op.execute("CREATE INDEX order_events_commit_idx ON order_events (commit_id)")
    op.execute("CREATE INDEX hold_events_commit_idx ON hold_events (commit_id)")


def _commits() -> None:
    # Commits there are already came before the stream: they show position 0, which no row stores.
    op.execute("ALTER TABLE commits ADD COLUMN position bigint DEFAULT 0")
    op.execute("ALTER TABLE commits ALTER COLUMN position DROP DEFAULT")
    op.execute("ALTER TABLE commits ADD COLUMN commit_time timestamptz")
    op.execute("ALTER TABLE commits ALTER COLUMN commit_time SET DEFAULT now()")
    op.execute("CREATE UNIQUE INDEX commits_position_key ON commits (position) WHERE position > 0")
    op.execute("CREATE INDEX commits_waiting_idx ON commits (commit_seq) WHERE position IS NULL")


def _stream_head() -> None:
    op.execute("""
        CREATE TABLE stream_head (
            id smallint NOT NULL,
            position bigint NOT NULL,
            pruned_position bigint NOT NULL,
            pruned_commit_id uuid,
            CONSTRAINT stream_head_pkey PRIMARY KEY (id),
            CONSTRAINT stream_head_id_check CHECK (id = 1),
            CONSTRAINT stream_head_position_check CHECK (position >= pruned_position)
        )""")
    op.execute("INSERT INTO stream_head (id, position, pruned_position) VALUES (1, 0, 0)")


def _product_events() -> None:
    op.execute("""
        CREATE TABLE product_events (
            product_id uuid NOT NULL,
            product_version bigint NOT NULL,
            event_id uuid NOT NULL,
            kind smallint NOT NULL,
            sku text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            description text NOT NULL,
            price_amount numeric(16, 4),
            price_currency text COLLATE "C",
            labels jsonb NOT NULL DEFAULT '{}'::jsonb,
            create_time timestamptz NOT NULL,
            delete_time timestamptz,
            actor text NOT NULL,
            request_id uuid NOT NULL,
            occur_time timestamptz NOT NULL,
            commit_id uuid NOT NULL,
            CONSTRAINT product_events_pkey PRIMARY KEY (product_id, product_version)
        )""")
    op.execute("CREATE INDEX product_events_commit_idx ON product_events (commit_id)")


def downgrade() -> None:
    op.execute("DROP INDEX hold_events_commit_idx")
    op.execute("DROP INDEX order_events_commit_idx")
    for column in ("safety_stock_after", "backorder_limit_after", "low_stock_threshold_after"):
        op.execute(f"ALTER TABLE stock_movements DROP COLUMN {column}")
    op.execute("DROP TABLE product_events")
    op.execute("DROP TABLE stream_head")
    op.execute("ALTER TABLE commits DROP COLUMN position, DROP COLUMN commit_time")
