"""Reads from a streaming replica while there is one that can be read, else from the primary."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from sqlalchemy import Connection

from inventory_grpc.domain.errors import DatabaseUnavailable
from inventory_grpc.store.engine import ReadDatabase


class ReplicaFirst:
    """Two databases, of which the replica may be behind, or away, without any read failing."""

    def __init__(self, replica: ReadDatabase, primary: ReadDatabase) -> None:
        self._replica = replica
        self._primary = primary
        self.replica_is_well = False
        """Whoever watches it says so; nothing is read from it before."""

    @contextmanager
    def begin(
        self, time_left: float | None, statement_timeout_ms: int | None = None
    ) -> Iterator[Connection]:
        """See ``ReadDatabase.begin``. All of one use case is read from the same database."""
        with ExitStack() as stack:
            yield self._entered(stack, time_left, statement_timeout_ms)

    def close(self) -> None:
        """Closes the idle connections to both."""
        self._replica.close()
        self._primary.close()

    def _entered(
        self, stack: ExitStack, time_left: float | None, statement_timeout_ms: int | None
    ) -> Connection:
        if self.replica_is_well:
            # Gone, but not noticed yet: this read finds out by itself.
            with suppress(DatabaseUnavailable):
                return stack.enter_context(self._replica.begin(time_left, statement_timeout_ms))
        return stack.enter_context(self._primary.begin(time_left, statement_timeout_ms))
