"""Removes answers and places in the stream whose time is over, in steps that disturb nobody."""

from datetime import timedelta

from sqlalchemy import Connection, Interval, bindparam, delete, func, select, text, tuple_

from inventory_grpc.store.tables import stored_answers

ROWS_MAX = 1_000
"""Most rows that one transaction deletes."""

_columns = stored_answers.c
_key = tuple_(_columns.caller, _columns.request_id)

# No row locks before the DELETE: they would take the right to UPDATE, which nobody has on answers.
# Two servers at once take the oldest rows in the same order; the later one waits for the earlier,
# finds its rows gone and has less to do. Nobody who writes answers ever waits for a pruner's row
# while holding one that it wants: a live answer is younger than everything deleted here.
_oldest = (
    select(_columns.caller, _columns.request_id)
    .where(_columns.create_time < func.now() - bindparam("kept", type_=Interval))
    .order_by(_columns.create_time, _columns.caller, _columns.request_id)
    .limit(bindparam("rows_max"))
)
_prune = delete(stored_answers).where(_key.in_(_oldest))


def prune_answers(conn: Connection, kept: timedelta, rows_max: int = ROWS_MAX) -> int:
    """Delete the oldest answers stored more than `kept` ago, at most `rows_max`; how many."""
    return conn.execute(_prune, {"kept": kept, "rows_max": rows_max}).rowcount


# Commits are looked up one by one, whatever the planner believes of a pass over all of them.
# Only from the low end on: so that what is kept has no holes. A commit that was numbered late may
# be older than those before it, and goes with them. The ledger and the histories stay.
_forget = text("""
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
    SET LOCAL enable_seqscan = off; SET LOCAL jit = off;
    WITH first AS MATERIALIZED (
        SELECT commit_id, position, commit_time FROM commits
         WHERE position > 0 AND position > (SELECT pruned_position FROM stream_head)
         ORDER BY position LIMIT :rows_max
    ), over AS (
        SELECT commit_id, bool_and(commit_time < now() - :kept) OVER (ORDER BY position) AS is_over
          FROM first
    ), gone AS (
        DELETE FROM commits c USING over o
         WHERE o.is_over AND c.commit_id = o.commit_id RETURNING c.position, c.commit_id
    )
    UPDATE stream_head h
       SET pruned_position = greatest(h.pruned_position, (SELECT max(position) FROM gone)),
           pruned_commit_id = greatest(
             h.pruned_commit_id, (SELECT commit_id FROM gone ORDER BY commit_id DESC LIMIT 1))
     WHERE EXISTS (SELECT FROM gone)
    RETURNING (SELECT count(*) FROM gone)""").bindparams(bindparam("kept", type_=Interval))


def forget_commits(conn: Connection, kept: timedelta, rows_max: int = ROWS_MAX) -> int:
    """Delete the first positions of the change stream whose commits were made more than `kept` ago,
    at most `rows_max`, and remember up to where; how many."""
    return conn.execute(_forget, {"kept": kept, "rows_max": rows_max}).scalar() or 0
