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
    text,
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
    # In the change stream, without gaps; NULL until a sequencer gives it, 0 if older than that.
    Column("position", BigInteger),
    Column("commit_time", TIME, server_default=text("now()")),
    PrimaryKeyConstraint("commit_id"),
    Index("commits_position_key", "position", unique=True, postgresql_where=text("position > 0")),
    Index("commits_waiting_idx", "commit_seq", postgresql_where=text("position IS NULL")),
)

stream_head = Table(
    "stream_head",
    metadata,
    Column("id", SmallInteger, nullable=False, autoincrement=False),
    # The last one given.
    required("position", BigInteger()),
    # The last one forgotten, and the greatest id of what was forgotten.
    required("pruned_position", BigInteger()),
    Column("pruned_commit_id", ID),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="id"),
    CheckConstraint("position >= pruned_position", name="position"),
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
