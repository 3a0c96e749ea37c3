"""What the write path has to remember until a group has its outcome."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from inventory_grpc.domain.commands import Command
from inventory_grpc.domain.errors import LockTimeout
from inventory_grpc.engine.batcher import BatcherSettings
from inventory_grpc.services.mutations import Mutations
from tests.concurrency.harness import (
    Gate,
    audit,
    create_product,
    held,
    held_level,
    levels,
    mutations,
    place,
    reason_of,
    request,
    stocked,
    value,
)
from tests.conftest import Database
from tests.store.hooked_links import HookedLink, hooked

COMMITS = "SELECT count(*) FROM commits"


class Lost(psycopg2.OperationalError):
    """What libpq says when nobody knows how it ended."""


def lose_once(link: HookedLink) -> None:
    """The next COMMIT lands, but nobody is told."""

    def lose() -> None:
        link.after_commit = lambda: None
        link.close()
        raise Lost

    link.after_commit = lose


class TestAnUnknownCommit:
    """May have reached no standby: a replay of it has to wait for another COMMIT."""

    @pytest.mark.parametrize("optimistic", [False, True])
    async def test_is_followed_by_another_commit(
        self, database: Database, optimistic: bool
    ) -> None:
        async with hooked(database) as (server, main, _):
            await stocked(server, A=10)
            before = value(database, COMMITS)
            lose_once(main)
            order = replace(place(("A", 1)), optimistic=optimistic)
            answer = await server.execute(request(order), None)
            assert (reason_of(answer), answer.replayed) == ("OK", True)
        assert value(database, COMMITS) == before + 2

    async def test_is_remembered_when_the_batch_is_split(self, database: Database) -> None:
        def fail() -> None:
            main.at_commit = lambda: None
            raise psycopg2.ProgrammingError("a bug that a smaller batch does not have")

        def lose_then_fail() -> None:
            main.at_commit = fail

        async with hooked(database) as (server, main, _):
            await stocked(server, A=10)
            before = value(database, COMMITS)
            lose_once(main)
            main.at_commit = lose_then_fail
            calls = [server.execute(request(place(("A", 1))), None) for _ in range(2)]
            answers = await asyncio.gather(*calls)
            assert server.counters.splits == 1
        assert [each.replayed for each in answers] == [True, True]
        # That of both together, and one for each half.
        assert value(database, COMMITS) == before + 3
        assert levels(database)["A", "default"][1] == 2

    async def test_is_remembered_in_the_side_queue(self, database: Database) -> None:
        gate = Gate.closed()
        bounds = BatcherSettings(lock_timeout_ms=50)
        async with hooked(database, bounds) as (server, main, side):
            await stocked(server, A=10)
            before = value(database, COMMITS)
            with held_later(database, main) as holder:
                side.at_begin = gate.pass_through
                call = asyncio.create_task(server.execute(request(place(("A", 1))), None))
                await gate.wait_until_reached()
                holder().rollback()
                gate.opened.set()
                answer = await call
            assert server.counters.blocked == 1
        assert (reason_of(answer), answer.replayed) == ("OK", True)
        assert value(database, COMMITS) == before + 2
        assert levels(database)["A", "default"][1] == 1


@contextmanager
def held_later(database: Database, link: HookedLink) -> Iterator[Any]:
    """Somebody takes the row as soon as the next COMMIT has landed, of which nobody is told."""
    found: list[Any] = []

    def lose() -> None:
        link.after_commit = lambda: None
        lock = held_level(database, "A")
        found.extend([lock, lock.__enter__()])
        link.close()
        raise Lost

    link.after_commit = lose
    yield lambda: found[1]
    found[0].__exit__(None, None, None)


class TestAHeldName:
    """Somebody's open transaction has made a product; no row shows who waits for it."""

    @staticmethod
    def made(database: Database, *skus: str) -> Any:
        rows = ", ".join(
            f"(gen_random_uuid(), '{sku}', '', '', '{{}}', 1, now(), now(), gen_random_uuid())"
            for sku in skus
        )
        return held(
            database,
            "INSERT INTO products (product_id, sku, name, description, labels, version, "  # noqa: S608
            f"create_time, update_time, commit_id) VALUES {rows}",
        )

    @staticmethod
    async def outcome(server: Mutations, command: Command) -> str:
        try:
            return reason_of(await server.execute(request(command), None))
        except LockTimeout as error:
            return error.reason

    @pytest.mark.parametrize(
        ("ending", "wanted"), [("rollback", "OK"), ("commit", "SKU_TAKEN"), ("", "LOCK_TIMEOUT")]
    )
    async def test_holds_up_only_those_who_want_it(
        self, database: Database, ending: str, wanted: str
    ) -> None:
        patience = {"lock_timeout_ms": 100, "lock_wait_ms_max": 60_000 if ending else 400}
        async with mutations(database, **patience) as server:
            await stocked(server, A=10)
            with self.made(database, "X") as holder:
                sent: list[Command] = [
                    place(("A", 1)),
                    create_product("Y"),
                    create_product("X"),
                    place(("A", 1)),
                ]
                calls = [asyncio.create_task(self.outcome(server, each)) for each in sent]
                free = [calls[0], calls[1], calls[3]]
                assert await asyncio.gather(*free) == ["OK"] * 3
                assert not calls[2].done()
                if ending:
                    getattr(holder, ending)()
                assert await calls[2] == wanted
        audit(database)

    async def test_is_remembered_so_that_nobody_else_waits_for_it_among_the_others(
        self, database: Database
    ) -> None:
        """All of them, and not just the one found last."""
        bounds = BatcherSettings(lock_timeout_ms=100, lock_wait_ms_max=60_000)
        async with hooked(database, bounds) as (server, main, _):
            await stocked(server, A=10)
            with self.made(database, "X", "Z") as holder:
                wanted: list[Command] = [create_product("X"), place(("A", 1)), create_product("Z")]
                first = [asyncio.create_task(self.outcome(server, each)) for each in wanted]
                assert await first[1] == "OK"
                begun = main.begun
                for sku in "XZ":
                    first.append(asyncio.create_task(self.outcome(server, create_product(sku))))
                    assert await self.outcome(server, place(("A", 1))) == "OK"
                # One transaction for each order.
                assert main.begun == begun + 2
                holder.rollback()
                found = await asyncio.gather(*first)
        assert sorted(found) == ["OK", "OK", "OK", "SKU_TAKEN", "SKU_TAKEN"]
        audit(database)
