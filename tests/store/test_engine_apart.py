"""Deleting a location locks very many rows, and so runs apart from everything else."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Command
from inventory_grpc.domain.errors import LockTimeout, Overloaded
from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.settings import Settings
from tests.concurrency.harness import (
    adjust,
    audit,
    create_location,
    done,
    held,
    mutations,
    place,
    query,
    reason_of,
    request,
    stocked,
    value,
)
from tests.conftest import Database
from tests.server.harness import blocked_statements

PATIENT: Final[dict[str, Any]] = {"lock_timeout_ms": 30_000, "lock_wait_ms_max": 60_000}
"""Nothing ends because a test takes its time."""


def delete(location_id: str) -> commands.DeleteLocation:
    return commands.DeleteLocation(location_id, 0)


async def emptied(server: Mutations, *places: str) -> None:
    """Locations that had stock once, and a product that is at ``default``, too."""
    await stocked(server, A=100)
    for each in places:
        await done(server, create_location(each))
        await done(server, adjust("A", 1, each))
        await done(server, adjust("A", -1, each))


def held_at(database: Database, location_id: str) -> AbstractContextManager[Any]:
    """All its levels locked by hand."""
    return held(
        database, "SELECT 1 FROM stock_levels WHERE location_id = %s FOR UPDATE", location_id
    )


def begin(server: Mutations, *wanted: Command) -> Sequence[asyncio.Task[str]]:
    async def outcome(command: Command) -> str:
        return reason_of(await server.execute(request(command), None))

    return [asyncio.create_task(outcome(each)) for each in wanted]


async def test_calls_for_other_locations_do_not_wait_until_a_location_is_deleted(
    database: Database,
) -> None:
    async with mutations(database, **PATIENT) as server:
        await emptied(server, "shop")
        with held_at(database, "shop") as holder:
            [deleting] = begin(server, delete("shop"))
            await asyncio.to_thread(blocked_statements, database, 1)
            others = place(("A", 1, "default")), adjust("A", 1), create_location("new")
            assert await asyncio.gather(*begin(server, *others)) == ["OK"] * 3
            # It waits still, and for the first time.
            assert (deleting.done(), server.counters.blocked) == (False, 0)
            holder.rollback()
            assert await deleting == "OK"
    audit(database)


async def test_a_location_in_use_is_refused_without_locking_what_others_need(
    database: Database,
) -> None:
    async with mutations(database, **PATIENT) as server:
        await stocked(server, A=100)
        with held_at(database, "default"):
            sent = request(delete("default"))
            answers = [await server.execute(sent, None) for _ in range(2)]
        assert server.counters.blocked == 0
    assert [reason_of(each) for each in answers] == ["LOCATION_IN_USE"] * 2
    assert [each.replayed for each in answers] == [False, True]


async def test_whether_a_location_can_be_deleted_is_forecast_without_locks(
    database: Database,
) -> None:
    async with mutations(database, **PATIENT) as server:
        await emptied(server, "shop")
        with held_at(database, "shop"):
            dry = await server.execute(request(delete("shop"), validate_only=True), None)
        assert reason_of(dry) == "OK"
        assert await asyncio.gather(*begin(server, adjust("A", 1, "shop"))) == ["OK"]


async def test_a_location_that_somebody_holds_ends_in_lock_timeout(database: Database) -> None:
    async with mutations(database, lock_timeout_ms=50, lock_wait_ms_max=300) as server:
        await emptied(server, "shop")
        sent = request(delete("shop"))
        with held_at(database, "shop"):
            with pytest.raises(LockTimeout) as refused:
                await server.execute(sent, None)
            assert refused.value.waited_ms >= 200
            assert server.counters.blocked > 1
        assert reason_of(await server.execute(sent, None)) == "OK"
    audit(database)


async def test_a_location_that_somebody_holds_does_not_keep_the_next_from_being_deleted(
    database: Database,
) -> None:
    async with mutations(database, lock_timeout_ms=50, lock_wait_ms_max=60_000) as server:
        await emptied(server, "north", "south")
        with held_at(database, "north") as holder:
            north, south = begin(server, delete("north"), delete("south"))
            assert await south == "OK"
            assert not north.done()
            holder.rollback()
            assert await north == "OK"


async def test_each_location_is_deleted_in_a_transaction_of_its_own(database: Database) -> None:
    places = ["east", "north", "south"]
    async with mutations(database) as server:
        await emptied(server, *places)
        before = value(database, "SELECT count(*) FROM commits")
        assert await asyncio.gather(*begin(server, *map(delete, places))) == ["OK"] * 3
    assert value(database, "SELECT count(*) FROM commits") == before + 3
    assert query(database, "SELECT 1 FROM locations WHERE delete_time IS NOT NULL") == [(1,)] * 3


async def test_locations_that_wait_to_be_deleted_count_as_waiting(database: Database) -> None:
    async with mutations(database, queue_commands_max=2, **PATIENT) as server:
        await emptied(server, "north", "south")
        with held_at(database, "north") as holder:
            first = begin(server, delete("north"))
            await asyncio.to_thread(blocked_statements, database, 1)
            waiting = begin(server, delete("south"), delete("south"))
            await asyncio.sleep(0)
            assert server.queued == 2
            with pytest.raises(Overloaded):
                await server.execute(request(place(("A", 1))), None)
            holder.rollback()
            assert await asyncio.gather(*first, *waiting) == ["OK", "OK", "LOCATION_NOT_FOUND"]


async def test_closing_finishes_a_location_that_is_being_deleted(database: Database) -> None:
    server = Mutations.start(Settings(database_url=database.url, **PATIENT), encode_refusal)
    await emptied(server, "shop")
    with held_at(database, "shop") as holder:
        [deleting] = begin(server, delete("shop"))
        await asyncio.to_thread(blocked_statements, database, 1)
        closing = asyncio.create_task(server.close())
        assert await asyncio.to_thread(_connections, database) == 2
        assert not closing.done()
        holder.rollback()
        assert await deleting == "OK"
        await closing
    assert _connections(database) == 0


async def test_a_server_that_deletes_no_location_has_no_connection_for_it(
    database: Database,
) -> None:
    async with mutations(database) as server:
        await stocked(server, A=1)
        assert _connections(database) == 1


def _connections(database: Database) -> int:
    """Of the write path."""
    found: int = value(
        database,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'inventory_grpc'",
    )
    return found
