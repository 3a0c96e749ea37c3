"""What the servers do in the background: positions in the change stream, expiry of holds."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, text

from inventory_grpc.commands.checkup.finding import Finding, fail, ok, warn

_LATE_SECONDS: Final = 10
_STUCK_SECONDS: Final = 300
_DUE_SECONDS: Final = 60
_COUNTED_MAX: Final = 10_000

_WAITING: Final = text("""
    SELECT count(*) AS waiting,
           coalesce(extract(epoch FROM clock_timestamp() - min(commit_time)), 0) AS seconds
      FROM (SELECT commit_time FROM commits WHERE position IS NULL
             ORDER BY commit_seq LIMIT :most) w""")
_DUE: Final = text("""
    SELECT count(*) AS due,
           coalesce(extract(epoch FROM clock_timestamp() - min(expire_time)), 0) AS seconds
      FROM (SELECT expire_time FROM hold_lines
             WHERE converted + released + expired < quantity
               AND expire_time < clock_timestamp() - make_interval(secs => :seconds)
             LIMIT :most) d""")


def looked_at(conn: Connection) -> Iterator[Finding]:
    """Both; the schema is ours."""
    yield _positions(conn)
    yield _holds(conn)


def _positions(conn: Connection) -> Finding:
    found = conn.execute(_WAITING, {"most": _COUNTED_MAX}).one()
    told = f"{found.waiting} commits wait for their place, the oldest for {found.seconds:.0f} s"
    advice = "start a server: each of them does it; if one runs, its log says why not"
    if found.seconds > _STUCK_SECONDS:
        return fail("stream", told, advice)
    if found.seconds > _LATE_SECONDS:
        return warn("stream", told, advice)
    return ok("stream", told if found.waiting else "every commit has its place")


def _holds(conn: Connection) -> Finding:
    found = conn.execute(_DUE, {"most": _COUNTED_MAX, "seconds": _DUE_SECONDS}).one()
    if not found.due:
        return ok("holds", "none is due for long")
    many = "at least " if found.due == _COUNTED_MAX else ""
    return warn(
        "holds",
        f"{many}{found.due} lines of holds are due, the oldest for {found.seconds:.0f} s; they "
        "block nobody, but new holds of these products get slower",
        "start a server with --hold-sweep-seconds above 0",
    )
