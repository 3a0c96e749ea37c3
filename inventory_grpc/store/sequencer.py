"""Gives commits their positions in the change stream, after they have committed.

Nothing that a transaction knows before its COMMIT is the order of commits: not a number of a
sequence, not a clock, not an xid. So the order is made afterwards, by whoever holds the one row of
``stream_head``: the commits that are visible then and have no position yet get the next ones. Those
that see less than others come first (``commit_seq`` is taken when all rows are locked, so of two
that touched the same row the second one has the greater number, and is never visible before the
first). Whatever becomes visible later gets a later position: no reader ever finds anything behind
its back, and nobody waits for a transaction that stays open.

Any number of processes may do it at once, each for all.
"""

from typing import Final

from sqlalchemy import Connection, text

from inventory_grpc.store.locks import LOCK_STREAM

COMMITS_MAX: Final = 1_000
"""Positions given in one transaction: some hundredths of a second."""

# In order, so that it is asked of the index: a planner that believes in many would look for the
# first one in the table, and mostly there is none.
_WAITING: Final = text("SELECT 1 FROM commits WHERE position IS NULL ORDER BY commit_seq LIMIT 1")
# The planner takes a pass over all commits for cheaper than as many look-ups as there may be.
_LOCK: Final = text(
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off; "
    + LOCK_STREAM.sql
)
# The lowest numbers of one snapshot. Later ones of the same snapshot may have to wait for the next
# step, and what becomes visible between the two comes with it, in its place among them.
_ASSIGN: Final = text("""
    WITH waiting AS MATERIALIZED (
        SELECT commit_id, commit_seq FROM commits
         WHERE position IS NULL ORDER BY commit_seq LIMIT :commits_max
    ), numbered AS (
        SELECT commit_id, :head + row_number() OVER (ORDER BY commit_seq) AS position FROM waiting
    ), given AS (
        UPDATE commits c SET position = n.position FROM numbered n
         WHERE c.commit_id = n.commit_id RETURNING c.position
    )
    UPDATE stream_head SET position = g.last
      FROM (SELECT max(position) AS last FROM given) g WHERE g.last IS NOT NULL
    RETURNING position""")


def assign_positions(conn: Connection, commits_max: int = COMMITS_MAX) -> int:
    """Give visible commits without a position the next ones, at most so many; how many.

    They count from the commit of ``conn`` on, which must be in a transaction: READ COMMITTED, so
    that the statement behind the lock sees what the one who had it before has done. Under a
    stricter isolation level it may fail with 40001, and nothing was done. Takes no lock when
    nothing waits.
    """
    if conn.execute(_WAITING).first() is None:
        return 0
    head: int = conn.execute(_LOCK).scalar_one()
    last = conn.execute(_ASSIGN, {"head": head, "commits_max": commits_max}).scalar()
    return 0 if last is None else last - head
