"""Blocking work beside the event loop, in threads that never hold up the end of the process.

The standard executors' threads are joined at exit, and one that waits for a dead network or a
locked table would keep a process that everybody believes drained.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(Executor):
    """A fixed number of daemon threads that take work in its order."""

    def __init__(self, count: int, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._count = count
        self._busy = [False] * count
        for number in range(count):
            thread = threading.Thread(
                target=self._serve, args=(number,), name=f"{name}-{number + 1}", daemon=True
            )
            thread.start()

    @property
    def busy(self) -> int:
        """Threads at work."""
        return sum(self._busy)

    @property
    def waiting(self) -> int:
        """Pieces of work that no thread has taken yet."""
        return self._work.qsize()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it in the next free thread, unless the future is cancelled before."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
                future.set_exception(error)
            else:
                future.set_result(result)

        self._work.put(run)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """End each thread once it is free; never waits."""
        for _thread in range(self._count):
            self._work.put(None)

    def _serve(self, number: int) -> None:
        while (run := self._work.get()) is not None:
            self._busy[number] = True
            run()
            self._busy[number] = False


def in_thread(work: Callable[[], T], name: str) -> "asyncio.Future[T]":
    """Run `work` in a daemon thread of its own; the result comes to the running loop.

    For rare work only: every call starts a thread.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(settle: Callable[[], None]) -> None:
        if not future.done():
            settle()

    def run() -> None:
        settle: Callable[[], None]
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - whoever awaits the future gets it
            settle = _failing(future, error)
        else:
            settle = _succeeding(future, result)
        # The loop may be closed by now: then nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, settle)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def _failing(future: "asyncio.Future[T]", error: Exception) -> Callable[[], None]:
    return lambda: future.set_exception(error)


def _succeeding(future: "asyncio.Future[T]", result: T) -> Callable[[], None]:
    return lambda: future.set_result(result)
