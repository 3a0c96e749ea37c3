"""Blocking work beside the event loop, in threads that never hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def in_thread(work: Callable[[], T], name: str) -> "asyncio.Future[T]":
    """Run `work` in a daemon thread of its own; the result comes to the running loop.

    An executor's threads are joined at exit, and one that waits for a dead network would keep the
    process. For rare work only: every call starts a thread.
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
