"""Calls that arrive together share a query, and nothing else."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from inventory_grpc.domain.errors import DatabaseUnavailable, DomainError, OrderNotFound
from inventory_grpc.services.coalesce import Gatherer, Gatherers

LONG = 30.0


class Source:
    """Something to read, whose queries can be made to wait."""

    def __init__(self) -> None:
        self.value = 0
        self.queries: list[list[str]] = []
        self.seconds: list[float] = []
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.may_end.set()
        self.failures: list[Exception] = []

    def read(self, keys: Sequence[str], time_left: float) -> dict[str, int]:
        self.queries.append(list(keys))
        self.seconds.append(time_left)
        seen = dict.fromkeys(keys, self.value)
        self.begun.release()
        assert self.may_end.wait(LONG)
        if self.failures:
            raise self.failures.pop(0)
        return seen


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def gatherer(
    source: Source, threads: ThreadPoolExecutor
) -> Iterator[Gatherer[str, dict[str, int]]]:
    yield Gatherer(threads, source.read, patience_seconds=LONG)
    source.may_end.set()


Gathering = Gatherer[str, dict[str, int]]


def ask(gatherer: Gathering, key: str, time_left: float = LONG) -> "asyncio.Task[int]":
    return asyncio.create_task(gatherer.ask((key,), lambda found: found[key], time_left))


async def one_in_flight(gatherer: Gathering, source: Source) -> "asyncio.Task[int]":
    """A call whose query has looked and not ended."""
    source.may_end.clear()
    first = ask(gatherer, "first")
    await asyncio.to_thread(source.begun.acquire)
    return first


async def all_asked() -> None:
    """Until everything that was due has run as far as it goes."""
    await asyncio.sleep(0)


async def test_calls_of_one_tick_share_a_query_in_which_each_key_stands_once(
    source: Source, gatherer: Gathering
) -> None:
    assert await asyncio.gather(*(ask(gatherer, f"{n % 3}") for n in range(64))) == [0] * 64
    assert source.queries == [["0", "1", "2"]]


async def test_a_call_never_joins_a_query_that_has_begun(
    source: Source, gatherer: Gathering
) -> None:
    first = await one_in_flight(gatherer, source)
    source.value = 1
    late = [ask(gatherer, key) for key in ("first", "second")]
    await all_asked()
    source.may_end.set()
    assert [*await asyncio.gather(first, *late)] == [0, 1, 1]
    assert source.queries == [["first"], ["first", "second"]]


async def test_a_query_that_is_slow_holds_up_nobody_else(
    source: Source, threads: ThreadPoolExecutor
) -> None:
    gatherer = Gatherer(threads, source.read, patience_seconds=0.01)
    first = await one_in_flight(gatherer, source)
    second = ask(gatherer, "second")
    await asyncio.to_thread(source.begun.acquire)
    source.may_end.set()
    assert [*await asyncio.gather(first, second)] == [0, 0]
    assert source.queries == [["first"], ["second"]]


async def test_a_query_has_no_more_keys_than_allowed_but_for_one_call_that_has_more(
    source: Source, threads: ThreadPoolExecutor
) -> None:
    idle = asyncio.Event()
    gatherer = Gatherer(threads, source.read, keys_max=3, when_idle=idle.set)
    asked = [["a"], ["b", "c"], ["d"], ["e", "f", "g", "h"], ["i"]]
    answers = await asyncio.gather(*(gatherer.ask(keys, len, LONG) for keys in asked))
    assert answers == [3, 3, 1, 4, 1]
    assert ["".join(keys) for keys in source.queries] == ["abc", "d", "efgh", "i"]
    await idle.wait()


async def test_a_query_has_the_time_of_its_most_patient_caller(
    source: Source, gatherer: Gathering
) -> None:
    await asyncio.gather(ask(gatherer, "a", 5), ask(gatherer, "b", 20), ask(gatherer, "c", 10))
    assert 15 < source.seconds[0] <= 20


async def test_who_is_gone_or_out_of_time_is_not_looked_up(
    source: Source, gatherer: Gathering
) -> None:
    first = await one_in_flight(gatherer, source)
    gone, late, patient = ask(gatherer, "gone"), ask(gatherer, "late", 0), ask(gatherer, "patient")
    await all_asked()
    gone.cancel()
    await all_asked()
    source.may_end.set()
    assert [*await asyncio.gather(first, patient)] == [0, 0]
    for task in (gone, late):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert source.queries == [["first"], ["patient"]]


async def test_who_goes_while_its_query_runs_takes_nobody_along(
    source: Source, gatherer: Gathering
) -> None:
    first = await one_in_flight(gatherer, source)
    first.cancel()
    next_ = ask(gatherer, "next")
    await all_asked()
    source.may_end.set()
    assert await next_ == 0


async def test_a_lost_connection_is_tried_again_once(source: Source, gatherer: Gathering) -> None:
    source.failures = [DatabaseUnavailable()]
    assert [*await asyncio.gather(ask(gatherer, "a"), ask(gatherer, "b"))] == [0, 0]
    assert source.queries == [["a", "b"]] * 2


async def test_a_database_that_is_away_is_told_to_each_and_not_looked_for_again_and_again(
    source: Source, gatherer: Gathering
) -> None:
    source.failures = [DatabaseUnavailable(), DatabaseUnavailable()]
    calls = [ask(gatherer, key) for key in "abc"]
    for call in calls:
        with pytest.raises(DatabaseUnavailable):
            await call
    assert len(source.queries) == 2
    assert await ask(gatherer, "d") == 0


async def test_a_bug_in_a_shared_query_is_met_by_nobody_who_does_not_meet_it_alone(
    source: Source, gatherer: Gathering
) -> None:
    source.failures = [RuntimeError("together"), RuntimeError("alone")]
    bad, good = ask(gatherer, "bad"), ask(gatherer, "good")
    with pytest.raises(RuntimeError, match="alone"):
        await bad
    assert await good == 0
    assert source.queries == [["bad", "good"], ["bad"], ["good"]]


async def test_an_answer_that_cannot_be_made_is_its_callers_alone(
    source: Source, gatherer: Gathering
) -> None:
    def refuse(_found: object) -> int:
        raise OrderNotFound(["a"])

    refused = asyncio.create_task(gatherer.ask(("a",), refuse, LONG))
    answered = ask(gatherer, "a")
    with pytest.raises(DomainError):
        await refused
    assert await answered == 0
    assert source.queries == [["a"]]


async def test_calls_of_different_shapes_run_side_by_side(threads: ThreadPoolExecutor) -> None:
    both = threading.Barrier(2)

    def read(shape: str, keys: Sequence[str], _time_left: float) -> tuple[str, Sequence[str]]:
        both.wait(LONG)
        return shape, keys

    gatherers = Gatherers(threads, read)
    calls = [gatherers.ask(shape, (key,), str, LONG) for shape, key in ("xa", "yb", "xc")]
    answers = await asyncio.gather(*calls)
    assert answers == ["('x', ['a', 'c'])", "('y', ['b'])", "('x', ['a', 'c'])"]
    await all_asked()
    assert not gatherers._gatherers
