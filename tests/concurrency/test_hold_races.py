"""Whoever comes second to a hold is told what became of it; time is one of those who come."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Final

import pytest

from inventory_grpc.domain.commands import (
    AllocationStrategy,
    Command,
    ConvertHold,
    CreateHold,
    DemandLine,
    ExpireHolds,
    ExtendHold,
    ReleaseHold,
    Remainder,
)
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.engine.request import Answer
from inventory_grpc.services.mutations import Mutations
from tests.concurrency.harness import (
    audit,
    done,
    error_info,
    held_level,
    mutations,
    query,
    reason_of,
    request,
    run,
    seeded,
    stocked,
    trouble,
    value,
)
from tests.conftest import Database
from tests.server.harness import blocked_statements, poll_until

PATIENT: Final = {"lock_timeout_ms": 30_000, "statement_timeout_ms": 60_000}
"""Waits in line for as long as a test needs."""
SOON: Final = timedelta(seconds=3)
HOUR: Final = timedelta(hours=1)


@asynccontextmanager
async def racing(database: Database) -> AsyncIterator[list[Mutations]]:
    """The write paths of two servers without sweepers, and 1000 units of A.

    At the end the books must be right, and PostgreSQL have had no deadlock to solve.
    """
    async with AsyncExitStack() as stack:
        both = [await stack.enter_async_context(mutations(database, **PATIENT)) for _ in range(2)]
        await stocked(both[0], A=1000)
        yield both
    audit(database)
    assert trouble(database)[0] == 0


# -- two at one hold -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("convert", "release", ["OK", "HOLD_CONVERTED"]),
        ("release", "convert", ["OK", "HOLD_RELEASED"]),
        ("convert", "convert", ["OK", "HOLD_CONVERTED"]),
        ("release", "release", ["OK", "HOLD_RELEASED"]),
        ("convert", "extend", ["OK", "HOLD_CONVERTED"]),
        ("release", "extend", ["OK", "HOLD_RELEASED"]),
        ("extend", "convert", ["OK", "OK"]),
        ("extend", "release", ["OK", "OK"]),
        # A sweeper that believes too early that a hold is due.
        ("expire", "convert", ["OK", "OK"]),
        ("extend", "expire", ["OK", "OK"]),
    ],
)
async def test_of_two_who_meet_at_a_hold_the_first_in_line_wins(
    database: Database, first: str, second: str, expected: list[str]
) -> None:
    async with racing(database) as (here, there):
        hold_id = await _new_hold(here, HOUR)
        with held_level(database, "A") as holder:
            one = await _in_line(database, here, _command(first, hold_id), 1)
            two = await _in_line(database, there, _command(second, hold_id), 2)
            holder.rollback()
            assert [reason_of(await one), reason_of(await two)] == expected
    winner = second if first in {"extend", "expire"} else first
    _check(database, hold_id, _STATUS[winner])


@pytest.mark.parametrize("late", ["convert", "release", "extend"])
async def test_a_hold_that_ends_while_somebody_waits_for_it_has_ended(
    database: Database, late: str
) -> None:
    """Sent in time, decided too late: what counts is the clock once the rows are locked."""
    async with racing(database) as (here, there):
        hold_id = await _new_hold(here, SOON)
        with held_level(database, "A") as holder:
            waiting = await _in_line(database, here, _command(late, hold_id), 1)
            assert not _is_due(database, hold_id), "too slow a machine to send it in time"
            await asyncio.to_thread(poll_until, lambda: _is_due(database, hold_id))
            holder.rollback()
            refusal = error_info(await waiting)
        assert (refusal.reason, refusal.metadata["hold_id"]) == ("HOLD_EXPIRED", hold_id)
        # The refusal's own transaction gave the units back; the rest is the sweeper's.
        assert value(database, "SELECT held FROM stock_levels") == 0
        await _expire(there, hold_id)
    _check(database, hold_id, HoldStatus.EXPIRED)


@pytest.mark.parametrize("late", ["convert", "release", "extend"])
async def test_whoever_waits_behind_the_sweeper_finds_the_hold_expired(
    database: Database, late: str
) -> None:
    async with racing(database) as (here, there):
        hold_id = await _new_hold(here, timedelta(milliseconds=1))
        await asyncio.to_thread(poll_until, lambda: _is_due(database, hold_id))
        with held_level(database, "A") as holder:
            one = await _in_line(database, here, ExpireHolds((hold_id,)), 1)
            two = await _in_line(database, there, _command(late, hold_id), 2)
            holder.rollback()
            assert [reason_of(await one), reason_of(await two)] == ["OK", "HOLD_EXPIRED"]
    _check(database, hold_id, HoldStatus.EXPIRED)


_STATUS: Final = {
    "convert": HoldStatus.CONVERTED,
    "release": HoldStatus.RELEASED,
    "extend": HoldStatus.ACTIVE,
    "expire": HoldStatus.ACTIVE,
}
"""After it had its way with a hold that is not due."""


def _command(what: str, hold_id: str) -> Command:
    match what:
        case "convert":
            return ConvertHold(hold_id, (), Remainder.KEEP, "", {}, 0)
        case "release":
            return ReleaseHold(hold_id, "", 0)
        case "extend":
            return ExtendHold(hold_id, 2 * HOUR, 0)
    return ExpireHolds((hold_id,))


def _new(ttl: timedelta) -> CreateHold:
    lines = (DemandLine(ProductKey(sku="A"), 1),)
    return CreateHold(lines, ttl, "", allow_partial=False, allocation=AllocationStrategy.PRIORITY)


async def _new_hold(server: Mutations, ttl: timedelta) -> str:
    """One unit of A."""
    hold_id: str = (await done(server, _new(ttl))).hold.hold_id
    return hold_id


async def _in_line(
    database: Database, server: Mutations, command: Command, place: int
) -> asyncio.Task[Answer]:
    """Sent, and as the so many-th waiting for a row."""
    task = asyncio.create_task(server.execute(request(command), None))
    await asyncio.to_thread(blocked_statements, database, place)
    return task


def _is_due(database: Database, hold_id: str) -> bool:
    sql = "SELECT expire_time <= clock_timestamp() FROM holds WHERE hold_id = %s"
    return bool(value(database, sql, hold_id))


async def _expire(server: Mutations, *hold_ids: str) -> None:
    """As a sweeper does it."""
    assert reason_of(await server.execute(request(ExpireHolds(hold_ids)), None)) == "OK"


def _check(database: Database, hold_id: str, status: HoldStatus) -> None:
    """The hold came to this, and its unit is in the one place that follows."""
    stored = value(database, "SELECT status FROM holds WHERE hold_id = %s", hold_id)
    assert stored == status
    held, allocated = int(status is HoldStatus.ACTIVE), int(status is HoldStatus.CONVERTED)
    counters = query(database, "SELECT on_hand, allocated, held FROM stock_levels")
    assert counters == [(1000, allocated, held)]
    assert value(database, "SELECT count(*) FROM orders") == allocated


# -- many at the moment of their end ---------------------------------------------------------------


async def test_around_its_end_a_hold_is_converted_or_extended_or_expires(
    database: Database,
) -> None:
    chance = seeded()
    fates: dict[str, Fate] = {}
    async with racing(database) as servers:
        for _ in range(8):
            fates |= await _cross(database, servers, chance, 30)
    counts = Counter(fates.values())
    print(dict(counts))
    assert set(counts) <= POSSIBLE
    kept = sorted(hold_id for hold_id, fate in fates.items() if fate != LOST)
    ids = "SELECT hold_id::text FROM holds WHERE status = %s ORDER BY hold_id"
    assert [hold_id for (hold_id,) in query(database, ids, HoldStatus.CONVERTED)] == kept
    assert len(query(database, ids, HoldStatus.EXPIRED)) == counts[LOST]
    assert value(database, "SELECT count(*) FROM stock_movements WHERE kind = 7") == counts[LOST]
    counters = query(database, "SELECT on_hand, allocated, held FROM stock_levels")
    assert counters == [(1000, len(kept), 0)]


Fate = tuple[str, str]
"""What those were told who wanted to convert and to extend a hold."""

LOST: Final = ("HOLD_EXPIRED", "HOLD_EXPIRED")
POSSIBLE: Final = {("OK", "OK"), ("OK", "HOLD_CONVERTED"), LOST}
"""Once somebody was told that it had expired, nobody is told anything else."""


async def _cross(
    database: Database, servers: Sequence[Mutations], chance: Random, count: int
) -> dict[str, Fate]:
    """New holds, each converted, extended and expired by different callers as it ends."""
    ids = await asyncio.gather(*(_new_hold(servers[0], HOUR) for _ in range(count)))
    calls = [(what, hold_id) for hold_id in ids for what in ("convert", "extend", "expire")]
    chance.shuffle(calls)
    end = _end_in(database, chance.randrange(5, 80))
    sending = (
        chance.choice(servers).execute(request(_command(what, hold_id)), None)
        for what, hold_id in calls
    )
    told = dict(zip(calls, map(reason_of, await asyncio.gather(*sending)), strict=True))
    await asyncio.to_thread(poll_until, lambda: bool(value(database, "SELECT now() >= %s", end)))
    await _expire(servers[0], *ids)
    assert query(database, _AGAINST_THE_CLOCK, ids, end) == []
    return {each: (told["convert", each], told["extend", each]) for each in ids}


# Of events: 2 EXTENDED, 3 CONVERTED (it tells when the hold would have ended), 5 EXPIRED.
_AGAINST_THE_CLOCK: Final = """
    WITH these (ids, moment) AS (SELECT %s::uuid[], %s::timestamptz)
    SELECT hold_id::text, kind, occur_time, expire_time, moment FROM hold_events, these
     WHERE hold_id = ANY (ids)
       AND CASE kind WHEN 2 THEN occur_time >= moment
                     WHEN 3 THEN occur_time >= expire_time
                     WHEN 5 THEN occur_time < expire_time OR expire_time <> moment END
    UNION ALL
    SELECT hold_id::text, kind, occur_time, moment, moment FROM stock_movements, these
     WHERE hold_id = ANY (ids) AND kind = 7 AND occur_time < moment
"""


def _end_in(database: Database, milliseconds: int) -> datetime:
    """Let all active holds end so soon by the database's clock, at the same moment."""
    end = "SELECT clock_timestamp() + interval '1 ms' * %s"
    moment: datetime = value(database, end, milliseconds)
    run(
        database,
        f"UPDATE hold_lines SET expire_time = '{moment}' FROM holds "  # noqa: S608 - a time
        "WHERE holds.hold_id = hold_lines.hold_id AND status = 1; "
        f"UPDATE holds SET expire_time = '{moment}' WHERE status = 1",
    )
    return moment
