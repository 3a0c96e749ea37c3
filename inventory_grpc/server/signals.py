"""How a process ends: the first SIGTERM or SIGINT asks, the second does not ask."""

import asyncio
import os
import signal
import threading
from typing import Final

import structlog

_log = structlog.stdlib.get_logger(__name__)

FORCED_EXIT: Final = 1


def stop_on_signals() -> asyncio.Event:
    """An event that the first signal sets; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            _log.warning("forced_exit", signal=number.name)
            # Not sys.exit: that would wait for the very work that is to be given up. What this
            # process started asked the kernel to end with it.
            os._exit(FORCED_EXIT)
        _log.info("stopping", signal=number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop


def end_within(seconds: float) -> None:
    """End the process at the latest then, whatever its threads wait for.

    For a stopped server whose threads hang in a database that does not answer: the interpreter
    joins them before it exits.
    """
    timer = threading.Timer(seconds, os._exit, [FORCED_EXIT])
    timer.daemon = True
    timer.start()
