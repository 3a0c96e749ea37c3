"""The answer to every request_id, committed with its effect."""

from alembic import op

revision = "0005_stored_answers"
down_revision = "0004_orders"
min_code_revision = "0005_stored_answers"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE stored_answers (
            caller text COLLATE "C" NOT NULL,
            request_id uuid NOT NULL,
            fingerprint bytea NOT NULL,
            code smallint NOT NULL,
            answer bytea NOT NULL,
            create_time timestamptz NOT NULL,
            CONSTRAINT stored_answers_pkey PRIMARY KEY (caller, request_id)
        )""")
    op.execute("CREATE INDEX stored_answers_create_time_idx ON stored_answers (create_time)")


def downgrade() -> None:
    op.execute("DROP TABLE stored_answers")
