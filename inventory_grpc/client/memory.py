"""What a client keeps between calls and messages."""

from collections import OrderedDict
from contextvars import ContextVar
from typing import Final, Protocol, cast

from google.protobuf.message import Message

SEEN_MAX: Final = 10_000


class _Read(Protocol):
    min_token: str


class LastToken:
    """The resume_token of the last mutation, for reads that have to include it.

    Each thread, and each asyncio task, has its own: tokens cannot be compared, and the answer that
    came last need not be of the commit that came last. So a read includes what its own thread or
    task has written before it; what others wrote at the same time it may or may not include.
    """

    def __init__(self, *, kept: bool) -> None:
        self._kept = kept
        self._token: ContextVar[str] = ContextVar("inventory_resume_token", default="")

    def note(self, token: str) -> None:
        """After a mutation; empty when nothing was kept."""
        if self._kept and token:
            self._token.set(token)

    def ask(self, request: Message) -> None:
        """Before a read: wait for it, unless the caller named a token."""
        token = self._token.get()
        if token and "min_token" in request.DESCRIPTOR.fields_by_name:
            read = cast("_Read", request)
            read.min_token = read.min_token or token


class Seen:
    """The last so many event ids, to drop what is told again."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_new(self, event_id: str) -> bool:
        """True the first time."""
        if event_id in self._ids:
            return False
        self._ids[event_id] = None
        if len(self._ids) > SEEN_MAX:
            self._ids.popitem(last=False)
        return True
