"""Reads that wait until the database they read from includes a change (``min_token``).

Neither a connection nor a thread is kept while they wait, so that a replica that lags behind, or a
change that never comes, takes nothing from reads that wait for nothing.
"""

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, TypeVar

from sqlalchemy import Connection

from inventory_grpc.store.visibility import includes

_PAUSE_SECONDS_MIN: Final = 0.002
_PAUSE_SECONDS_MAX: Final = 1.0

A = TypeVar("A")


class NotThereYet(Exception):
    """The connection does not include what the call's min_token stands for."""


def require(conn: Connection, min_token: str) -> None:
    """To be asked on the connection that will be read from, before anything is read.

    Raises NotThereYet, and InvalidFields for a token that this database did not make.
    """
    if min_token and not includes(conn, min_token, "min_token"):
        raise NotThereYet


async def once_there(threads: Executor, read: Callable[[], A], time_left: float) -> A:
    """What ``read`` answers, in a thread, as soon as it does not raise NotThereYet any more.

    Raises NotThereYet itself when ``time_left`` (seconds) is over.
    """
    expires = time.monotonic() + time_left
    pause = _PAUSE_SECONDS_MIN
    while True:
        try:
            return await asyncio.wrap_future(threads.submit(read))
        except NotThereYet:
            left = expires - time.monotonic()
            if left <= 0:
                raise
        # Half of it is random, so that those who wait for the same do not all ask at once.
        await asyncio.sleep(min(left, pause * random.uniform(0.5, 1)))  # noqa: S311
        pause = min(2 * pause, _PAUSE_SECONDS_MAX)
