"""Who observes batches hears of each, with whose groups are in it and what becomes of them."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from inventory_grpc.engine.committer import BlockedError
from inventory_grpc.engine.request import Outcome
from inventory_grpc.engine.ticket import Ticket
from tests.concurrency.harness import (
    error_info,
    held_level,
    place,
    reason_of,
    request,
    stocked,
)
from tests.conftest import Database
from tests.store.hooked_links import hooked

_caller: ContextVar[str] = ContextVar("_caller")


@dataclass
class Watcher:
    """Notes what it is told."""

    began_: list[tuple[str, list[str]]] = field(default_factory=list)
    ended_: list[tuple[object, list[type]]] = field(default_factory=list)
    stepped_aside: asyncio.Event = field(default_factory=asyncio.Event)

    def began(self, batch: Sequence[Ticket], lane: str) -> object:
        assert all(ticket.context is not None for ticket in batch)
        callers = [ticket.context.get(_caller, "") for ticket in batch if ticket.context]
        self.began_.append((lane, callers))
        if lane == "side":
            self.stepped_aside.set()
        return len(self.began_) - 1

    def ended(self, token: object, batch: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:
        assert len(batch) == len(outcomes)
        assert not any(ticket.waiter.done() for ticket in batch)
        self.ended_.append((token, [type(outcome) for outcome in outcomes]))


async def test_a_batch_is_told_of_once_with_all_its_callers(database: Database) -> None:
    watcher = Watcher()

    async def order(name: str) -> str:
        _caller.set(name)
        return (await server.execute(request(place(("A", 1))), None)).commit_id

    async with hooked(database, observer=watcher) as (server, _, _):
        await stocked(server, A=10)
        before = len(watcher.began_)
        commits = await asyncio.gather(*(order(name) for name in "xyz"))
    assert watcher.began_[before:] == [("main", ["x", "y", "z"])]
    assert watcher.ended_[before:] == [(before, [list, list, list])]
    assert len(set(commits)) == 1
    assert commits[0] != ""


async def test_a_group_that_steps_aside_is_told_of_in_each_of_its_batches(
    database: Database,
) -> None:
    watcher = Watcher()
    async with hooked(database, observer=watcher) as (server, _, _):
        await stocked(server, A=10)
        before = len(watcher.began_)
        with held_level(database, "A"):
            waiting = asyncio.create_task(server.execute(request(place(("A", 1))), None))
            await watcher.stepped_aside.wait()
        assert reason_of(await waiting) == "OK"
    assert [lane for lane, _ in watcher.began_[before : before + 2]] == ["main", "side"]
    assert watcher.ended_[before][1] == [BlockedError]
    assert watcher.ended_[-1][1] == [list]


async def test_only_what_an_attempt_decides_carries_its_commit(database: Database) -> None:
    async with hooked(database) as (server, _, _):
        await stocked(server, A=1)
        order = request(place(("A", 1)))
        done = await server.execute(order, None)
        again = await server.execute(order, None)
        short = await server.execute(request(place(("A", 1))), None)
    assert again.replayed
    assert error_info(short).reason == "INSUFFICIENT_STOCK"
    assert again.commit_id == ""
    assert "" not in (done.commit_id, short.commit_id)
    assert done.commit_id != short.commit_id
