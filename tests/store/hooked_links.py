"""A write path whose connections tell the test what they are about to do."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from inventory_grpc.engine.batcher import Batcher, BatcherSettings
from inventory_grpc.engine.committer import Committer
from inventory_grpc.engine.counters import Counters
from inventory_grpc.engine.observer import BatchObserver
from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.services.mutations import STATEMENTS, Mutations
from inventory_grpc.store.link import Call, Link, LinkSettings, Row
from tests.conftest import Database

Hook = Callable[[], None]


def nothing() -> None:
    """What a hook does until a test says otherwise."""


class HookedLink(Link):
    """Calls back, in its own thread, at both ends of a transaction."""

    def __init__(self, database: Database) -> None:
        super().__init__(LinkSettings(database.url), STATEMENTS)
        self.begun = 0
        self.at_begin: Hook = nothing
        self.at_commit: Hook = nothing
        self.after_commit: Hook = nothing

    def begin(self, calls: Sequence[Call]) -> list[Row]:
        self.begun += 1
        self.at_begin()
        return super().begin(calls)

    def commit(self, calls: Sequence[Call]) -> None:
        self.at_commit()
        super().commit(calls)
        self.after_commit()


@asynccontextmanager
async def hooked(
    database: Database,
    bounds: BatcherSettings | None = None,
    observer: BatchObserver | None = None,
) -> AsyncIterator[tuple[Mutations, HookedLink, HookedLink]]:
    """A server, the connection of its batches, and that of its side queue."""
    counters = Counters()
    links = [HookedLink(database) for _ in range(3)]
    main, side, apart = (Committer(link, encode_refusal, counters) for link in links)
    batcher = Batcher([main], side, apart, bounds or BatcherSettings(), observer)
    server = Mutations(batcher, counters)
    yield server, links[0], links[1]
    await server.close()
