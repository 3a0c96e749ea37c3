"""Finds holds whose time is over and whose end nobody has written yet."""

from sqlalchemy import Connection, bindparam, func, literal, select

from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.store.tables import holds

_columns = holds.c

# In the statement itself, so that the planner can prove that holds_due_idx has all of them; and a
# time that does not move within it, or it would look through every active hold.
_ACTIVE = literal(HoldStatus.ACTIVE.value, literal_execute=True)

_due = (
    select(_columns.hold_id)
    .where(_columns.status == _ACTIVE, _columns.expire_time <= func.statement_timestamp())
    .order_by(_columns.expire_time, _columns.hold_id)
    .limit(bindparam("holds_max"))
)


def due_holds(conn: Connection, holds_max: int) -> list[str]:
    """Ids of active holds that are due now, the longest due first, at most `holds_max`.

    Nothing is locked: each may be extended or resolved by somebody else at any moment.
    """
    return list(conn.execute(_due, {"holds_max": holds_max}).scalars())
