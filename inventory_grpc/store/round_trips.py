"""Who wants to know of the round trips to the database that are made for somebody.

A context variable says it, so that nobody in between has to hand it down. Where it is not set,
asking for it is all that is done.
"""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Final, Protocol

_TABLE: Final = re.compile(r"\bFROM (\w+)")


class Watch(Protocol):
    """Told of each round trip; what its block raises passes."""

    def __call__(self, statements: Iterable[str]) -> AbstractContextManager[object]:
        """Around one round trip; names of its statements, without any value."""


watching: ContextVar[Watch | None] = ContextVar("watching", default=None)

_UNWATCHED: Final[AbstractContextManager[object]] = nullcontext()


def round_trip(statements: Iterable[str]) -> AbstractContextManager[object]:
    """To be made inside of it."""
    watch = watching.get()
    return _UNWATCHED if watch is None else watch(statements)


def name_of(sql: str) -> str:
    """Of a statement without a name: what it does, and to which table first."""
    table = _TABLE.search(sql)
    verb = sql.split(None, 1)[0].upper()
    return f"{verb} {table[1]}" if table else verb
