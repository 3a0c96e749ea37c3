"""Leases: which one of many processes does what one of them should do.

A lease ends by the database's clock unless its holder renews it, so a process that was killed is
followed by another one without anybody's help. Two processes may still overlap for a moment, as
when one was paused: what is done under a lease has to be harmless when it is done twice.
"""

from datetime import timedelta

from sqlalchemy import Connection, Interval, bindparam, func, or_, update
from sqlalchemy.dialects.postgresql import insert

from inventory_grpc.store.tables import leases

_columns = leases.c

_wanted = insert(leases).values(
    task=bindparam("task"),
    holder=bindparam("holder"),
    end_time=func.clock_timestamp() + bindparam("length", type_=Interval),
)
_take = _wanted.on_conflict_do_update(
    index_elements=[_columns.task],
    set_={"holder": _wanted.excluded.holder, "end_time": _wanted.excluded.end_time},
    where=or_(
        _columns.holder == _wanted.excluded.holder,
        _columns.end_time <= func.clock_timestamp(),
    ),
)
_give_back = (
    update(leases)
    .where(_columns.task == bindparam("of_task"), _columns.holder == bindparam("of_holder"))
    .values(end_time=func.clock_timestamp())
)


def take(conn: Connection, task: str, holder: str, length: timedelta) -> bool:
    """Take or renew the lease of `task` for `length` from now; False: somebody else has it.

    `holder` is a UUID that no other process has. It counts from the commit on.
    """
    return conn.execute(_take, {"task": task, "holder": holder, "length": length}).rowcount == 1


def give_back(conn: Connection, task: str, holder: str) -> None:
    """End the lease now, so that the next one need not wait for its end; harmless if it is lost."""
    conn.execute(_give_back, {"of_task": task, "of_holder": holder})
