"""The reads' connections: a pool, one round trip per statement, dead connections found for free.

Connections are in autocommit and every statement is its own snapshot: a read that must be
consistent is one statement. Its time limit travels with it (SET LOCAL in the same message, which is
one transaction), so that nothing is left behind in a session that a pooler may give to others.
"""

import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Literal, Protocol, cast

import psycopg2
from psycopg2.extensions import new_type, register_type
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from inventory_grpc.domain.errors import DatabaseUnavailable, Overloaded
from inventory_grpc.store.failures import Failure, failure_of
from inventory_grpc.store.round_trips import name_of, watching

Pooler = Literal["none", "transaction"]

CONNECT_ARGS: Final = {
    "connect_timeout": 5,
    "application_name": "inventory_grpc reads",
    # A peer that vanished without a word is noticed within about ten seconds.
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
PLANNER: Final = "planner"
"""Execution option of one statement: a SET LOCAL that goes in front of it."""

_POOL_WAIT_SECONDS: Final = 2
_TIMEOUT = "timeout_ms"
_UUID_OID: Final = 2950


class ReadSource(Protocol):
    """Where reads get their connections: see ``ReadDatabase``."""

    def begin(
        self, time_left: float | None, statement_timeout_ms: int | None = None
    ) -> AbstractContextManager[Connection]:
        """A connection for one use case."""

    def close(self) -> None:
        """Closes the idle connections."""


class ReadDatabase:
    """The connections that reads run on; makes none before the first read."""

    def __init__(
        self, url: str, *, pool_size: int, statement_timeout_ms: int, pooler: Pooler = "none"
    ) -> None:
        self.direct = pooler == "none"
        """The connection is ours alone: statements can be prepared on it."""
        self._statement_timeout_ms = statement_timeout_ms
        self._engine = _engine(url, pool_size, direct=self.direct)

    @contextmanager
    def begin(
        self, time_left: float | None, statement_timeout_ms: int | None = None
    ) -> Iterator[Connection]:
        """A connection for one use case; no statement on it runs longer than ``time_left`` seconds.

        ``statement_timeout_ms`` is for what may take longer than other reads. Raises
        DatabaseUnavailable, or Overloaded when all connections stay busy.
        """
        try:
            with self._engine.begin() as conn:
                longest = statement_timeout_ms or self._statement_timeout_ms
                conn.info[_TIMEOUT] = _timeout_ms(time_left, longest)
                try:
                    yield conn
                except psycopg2.Error as error:
                    self._drop_if_lost(conn, error)
                    raise
        except PoolTimeoutError as error:
            raise Overloaded("read_pool_size") from error
        except DBAPIError as error:
            raise _translated(error, error.orig) from error
        except psycopg2.Error as error:
            raise _translated(error, error) from error

    @property
    def connections(self) -> tuple[int, int]:
        """How many are in use, and how many idle."""
        pool = cast("QueuePool", self._engine.pool)
        return pool.checkedout(), pool.checkedin()

    def close(self) -> None:
        """Closes the idle connections; those in use close when they are given back."""
        self._engine.dispose()

    def _drop_if_lost(self, conn: Connection, error: psycopg2.Error) -> None:
        # Outside SQLAlchemy's execution nobody else tells the pool.
        if conn.dialect.is_disconnect(error, None, None):  # type: ignore[arg-type]
            conn.invalidate(error)


def _timeout_ms(time_left: float | None, longest: int) -> int:
    # Without a deadline gRPC's time_remaining is enormous, not None.
    return longest if time_left is None else max(1, int(min(time_left * 1000, longest)))


def limited(conn: Connection, statement: str) -> str:
    """``statement`` with the time limit of its use case in front, as one message."""
    timeout_ms = conn.info.get(_TIMEOUT)
    return f"SET LOCAL statement_timeout = {timeout_ms}; {statement}" if timeout_ms else statement


def _translated(error: Exception, cause: BaseException | None) -> Exception:
    if isinstance(cause, psycopg2.Error) and failure_of(cause) is not Failure.BUG:
        # Gone, going, starting, full or too slow: the same call may succeed a little later.
        return DatabaseUnavailable()
    return error


def _engine(url: str, pool_size: int, *, direct: bool) -> Engine:
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_WAIT_SECONDS,
        pool_use_lifo=True,
        pool_reset_on_return=None,
        use_native_hstore=False,
        connect_args=CONNECT_ARGS,
    )
    event.listen(engine, "connect", _set_up_direct if direct else _set_up)
    event.listen(engine, "checkout", _refuse_dead)
    event.listen(engine, "before_cursor_execute", _limit, retval=True)
    event.listen(engine, "do_execute", _watched)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    # Ids stay text: making UUID objects of them only to print them again costs 2 µs each.
    register_type(new_type((_UUID_OID,), "uuid as text", lambda value, _: value), connection)


def _set_up_direct(connection: Any, record: ConnectionPoolEntry) -> None:
    _set_up(connection, record)
    # Names of the statements prepared on it; lives as long as the connection.
    record.info["prepared"] = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SET plan_cache_mode = force_generic_plan; SET default_transaction_read_only = on;"
            " SET TimeZone = 'UTC'"
        )


def _refuse_dead(connection: Any, _record: object, _proxy: object) -> None:
    """An idle connection has nothing to say; one that can be read was closed by the server.

    Costs 2 µs where a ping costs a round trip. SQLAlchemy then connects again.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError


def _limit(
    conn: Connection, _cursor: object, statement: str, parameters: object, context: Any, *_: object
) -> tuple[str, object]:
    planner = context.execution_options.get(PLANNER)
    return limited(conn, f"{planner}; {statement}" if planner else statement), parameters


def _watched(cursor: Any, statement: str, parameters: object, context: Any) -> bool:
    """Whether it was executed here: somebody wants to know of it."""
    watch = watching.get()
    if watch is None:
        return False
    with watch((name_of(context.statement),)):
        cursor.execute(statement, parameters)
    return True
