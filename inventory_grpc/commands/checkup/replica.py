"""The replica for reads: is it one of this database, and how far behind?"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, text

from inventory_grpc.commands.checkup.finding import Finding, fail, ok, warn

_AREA: Final = "replica"
_LAG_SECONDS_MAX: Final = 10
_IDENTITY: Final = text("SELECT database_id FROM service_identity")
_BEHIND: Final = text("""
    SELECT pg_is_in_recovery() AS standby,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END AS replayed,
           coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
               AS seconds""")


def looked_at(replica: Connection, primary: Connection) -> Iterator[Finding]:
    """Compared with the primary."""
    behind = replica.execute(_BEHIND).one()
    if replica.execute(_IDENTITY).scalar() != primary.execute(_IDENTITY).scalar():
        yield fail(
            _AREA, "it holds another database", "point --read-database-url at a standby of this one"
        )
        return
    if not behind.standby:
        yield warn(_AREA, "it is no standby", "leave --read-database-url out, or name a standby")
        return
    position = text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), CAST(:replayed AS pg_lsn))")
    missing = int(primary.execute(position, {"replayed": behind.replayed}).scalar_one())
    told = f"it is {max(0, missing)} bytes behind, its last transaction {behind.seconds:.0f} s old"
    if missing > 0 and behind.seconds > _LAG_SECONDS_MAX:
        yield warn(_AREA, told, "look at its load, its disk and the network between the two")
    else:
        yield ok(_AREA, told)
