"""What the service keeps for itself: answers, commits, leases, identity."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
)

from inventory_grpc.store.tables.columns import ID, KEY, TIME, metadata, required

leases = Table(
    "leases",
    metadata,
    required("task", KEY),
    required("holder", ID),
    required("end_time", TIME),
    PrimaryKeyConstraint("task"),
)

stored_answers = Table(
    "stored_answers",
    metadata,
    required("caller", KEY),
    required("request_id", ID),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("code", SmallInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    required("create_time", TIME),
    PrimaryKeyConstraint("caller", "request_id"),
    # For pruning: grows at the right end only.
    Index("stored_answers_create_time_idx", "create_time"),
)

commit_seq = Sequence("commit_seq", metadata=metadata)

commits = Table(
    "commits",
    metadata,
    required("commit_id", ID),
    required("commit_seq", BigInteger()),
    PrimaryKeyConstraint("commit_id"),
)

service_identity = Table(
    "service_identity",
    metadata,
    Column("id", SmallInteger, nullable=False, autoincrement=False),
    required("database_id", ID),
    Column("token_key", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="id"),
)

schema_revision = Table(
    "schema_revision",
    metadata,
    Column("id", SmallInteger, nullable=False, autoincrement=False),
    required("revision", KEY),
    required("min_code_revision", KEY),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="id"),
)
