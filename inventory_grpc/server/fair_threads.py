"""Threads that callers share: each has a line of its own, and the lines take turns.

With a thousand lists of one caller waiting, another one's is the second next. So that there is a
next soon, one line may be kept from having all threads at once: what it does may take a minute.
"""

import sys
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import ParamSpec, TypeVar

from inventory_grpc.rpc.calls import current

P = ParamSpec("P")
T = TypeVar("T")

Work = Callable[[], None]


class FairThreads:
    """Lines in front of other threads."""

    def __init__(self, threads: Executor, at_once_max: int = sys.maxsize) -> None:
        """``at_once_max``: of one line."""
        self._threads = threads
        self._at_once_max = at_once_max
        self._lock = threading.Lock()
        self._lines: dict[str, deque[Work]] = {}
        """In the order of their turns; an empty one is not in it."""
        self._at_once: Counter[str] = Counter()
        self._held_back = 0
        """Turns that were nobody's: whoever had work was at the limit."""

    def line(self, whose: Callable[[], str]) -> Executor:
        """An executor that puts work into the line of whoever ``whose`` names at that moment."""
        return _Line(self, whose)

    def add(self, line: str, work: Work) -> None:
        """Have it done when it is its turn."""
        with self._lock:
            self._lines.setdefault(line, deque()).append(work)
        # As many turns as there is work, whoever's they become.
        self._threads.submit(self._next)

    def _next(self) -> None:
        with self._lock:
            line = next((each for each in self._lines if self._may(each)), None)
            if line is None:
                self._held_back += 1
                return
            work = self._begin(line)
        try:
            work()
        finally:
            self._end(line)

    def _may(self, line: str) -> bool:
        return self._at_once[line] < self._at_once_max

    def _begin(self, line: str) -> Work:
        self._at_once[line] += 1
        works = self._lines.pop(line)
        work = works.popleft()
        if works:
            self._lines[line] = works
        return work

    def _end(self, line: str) -> None:
        """One more of the line may run: if one was held back, it gets the turn."""
        with self._lock:
            self._at_once[line] -= 1
            if not self._at_once[line]:
                del self._at_once[line]
            goes_on = self._held_back > 0
            self._held_back -= goes_on
        if goes_on:
            self._threads.submit(self._next)


class _Line(Executor):
    def __init__(self, threads: FairThreads, whose: Callable[[], str]) -> None:
        self._threads = threads
        self._whose = whose

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it in a thread, unless the future is cancelled before."""
        future: Future[T] = Future()
        self._threads.add(self._whose(), partial(_run, future, partial(fn, *args, **kwargs)))
        return future


def of_the_call() -> str:
    """Whose call is under way; outside of calls nobody's."""
    call = current.get(None)
    return "" if call is None else call.caller.name


def of_all() -> str:
    """One line for what is done for several callers at once. No caller has this name."""
    return ""


def _run(future: "Future[T]", work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
        future.set_exception(error)
    else:
        future.set_result(result)
