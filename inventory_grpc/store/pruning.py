"""Removes stored answers whose time is over, in steps that disturb nobody."""

from datetime import timedelta

from sqlalchemy import Connection, Interval, bindparam, delete, func, select, tuple_

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
