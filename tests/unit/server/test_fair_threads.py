"""Callers whose reads wait for a thread take turns."""

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, wait

import pytest

from inventory_grpc.domain.caller import Caller, Role
from inventory_grpc.rpc.calls import Call, current
from inventory_grpc.server.fair_threads import FairThreads, of_all, of_the_call
from inventory_grpc.server.threads import DaemonThreads


class _Busy:
    """One thread, which is at work until it is let go; then the order in which things are done."""

    def __init__(self, threads: Executor) -> None:
        self._fair = FairThreads(threads)
        self.line = self._fair.line(of_the_call)
        self._common = self._fair.line(of_all)
        self.done: list[str] = []
        self._let_go = threading.Event()
        self._futures: list[Future[object]] = [self._common.submit(self._let_go.wait)]

    def submit(self, caller: str, times: int = 1) -> None:
        call = Call("", Caller(caller, Role.READER))
        token = current.set(call)
        self._futures += [self.line.submit(self.done.append, caller) for _ in range(times)]
        current.reset(token)

    def submit_for_all(self, what: str) -> None:
        self._futures.append(self._common.submit(self.done.append, what))

    def order(self) -> list[str]:
        self._let_go.set()
        wait(self._futures, timeout=30)
        return self.done


@pytest.fixture
def busy() -> Iterator[_Busy]:
    threads = DaemonThreads(1, "test")
    yield _Busy(threads)
    threads.shutdown()


def test_a_lone_caller_s_work_is_done_in_its_order(busy: _Busy) -> None:
    for number in range(50):
        busy.submit("a", 1)
        busy.submit_for_all(str(number))
    assert [each for each in busy.order() if each != "a"] == [str(number) for number in range(50)]


def test_who_comes_behind_a_thousand_of_another_is_next_but_one(busy: _Busy) -> None:
    busy.submit("greedy", 1_000)
    busy.submit("late")
    done = busy.order()
    assert done.index("late") <= 1
    assert len(done) == 1_001


def test_callers_take_turns(busy: _Busy) -> None:
    for caller, times in (("a", 4), ("b", 2), ("c", 1)):
        busy.submit(caller, times)
    assert busy.order() == [*"abcabaa"]


def test_what_is_done_for_several_waits_behind_no_caller_s_line(busy: _Busy) -> None:
    busy.submit("greedy", 100)
    busy.submit_for_all("for several")
    busy.submit_for_all("for several")
    assert busy.order()[:4] == ["greedy", "for several"] * 2


def test_what_is_cancelled_before_its_turn_is_not_done(busy: _Busy) -> None:
    cancelled = busy.line.submit(busy.done.append, "never")
    assert cancelled.cancel()
    busy.submit("a")
    assert busy.order() == ["a"]


def test_what_work_raises_reaches_who_waits_and_the_thread_goes_on(busy: _Busy) -> None:
    failing = busy.line.submit(lambda: 1 // 0)
    busy.submit("a")
    assert busy.order() == ["a"]
    with pytest.raises(ZeroDivisionError):
        failing.result(timeout=30)


def test_one_caller_s_work_leaves_a_thread_to_others_however_long_it_takes() -> None:
    threads = DaemonThreads(3, "test")
    whose, let_go = ["greedy"], threading.Event()
    line = FairThreads(threads, 2).line(lambda: whose[0])
    greedy = [line.submit(let_go.wait, 120) for _ in range(50)]
    whose[0] = "other"
    others = [line.submit(str, number) for number in range(20)]
    assert wait(others, timeout=30).not_done == set()
    assert not any(future.done() for future in greedy)
    let_go.set()
    assert wait(greedy, timeout=30).not_done == set(), "what was held back had its turn, too"
    threads.shutdown()
