"""Who this database is, and one row per writing transaction."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001_commits"
down_revision = None
min_code_revision = "0001_commits"

IDENTITY = sa.text(
    "INSERT INTO service_identity (id, database_id, token_key)"
    " VALUES (1, gen_random_uuid(), :token_key)"
)


def upgrade() -> None:
    op.execute("CREATE SEQUENCE commit_seq")
    op.execute("""
        CREATE TABLE commits (
            commit_id uuid NOT NULL,
            commit_seq bigint NOT NULL,
            CONSTRAINT commits_pkey PRIMARY KEY (commit_id)
        )""")
    op.execute("""
        CREATE TABLE service_identity (
            id smallint NOT NULL,
            database_id uuid NOT NULL,
            token_key bytea NOT NULL,
            CONSTRAINT service_identity_pkey PRIMARY KEY (id),
            CONSTRAINT service_identity_id_check CHECK (id = 1)
        )""")
    # The key that page tokens are signed with is made here, not by pgcrypto, which may be missing.
    op.execute(IDENTITY.bindparams(token_key=secrets.token_bytes(32)))


def downgrade() -> None:
    op.execute("DROP TABLE service_identity")
    op.execute("DROP TABLE commits")
    op.execute("DROP SEQUENCE commit_seq")
