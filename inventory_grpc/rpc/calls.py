"""The call under way: who makes it, and what becomes of it.

Every call runs in a task of its own, so that a context variable says which one it is: handlers need
not hand it down, and what they learn of it reaches the log and the metrics.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from inventory_grpc.domain.caller import ANONYMOUS, Caller
from inventory_grpc.rpc.reply import Context


def _confirmed() -> None:
    """It is over before anything can have changed."""


@dataclass(slots=True, eq=False)
class Call:
    """Facts of one call, filled in as they become known."""

    method: str
    """/package.Service/Method"""
    caller: Caller = ANONYMOUS
    request_id: str = ""
    """Of a singular mutation: the caller's or the server's."""
    replayed: bool = False
    batch_id: str = ""
    """The commit that its effect, or its refusal, is part of."""
    code: int = 0
    """The gRPC code it ended with."""
    reason: str = ""
    """Of its refusal: an ErrorReason without the prefix."""
    row_reasons: dict[str, int] | None = None
    """Of an INDEPENDENT batch: how many rows were refused, by reason."""
    bugs: int = 0
    """Met on the way, each answered as an INTERNAL: of the call, or of rows of its batch."""
    peer: str = ""
    """The other end of its connection, as gRPC writes it; whoever logs it fills it in."""
    trace_id: str = ""
    """In hexadecimal, if it is traced."""
    confirm: Callable[[], None] = _confirmed
    """See ``Door.confirm``; nothing of a call that does not go on for long."""

    def row_refused(self, reason: str) -> None:
        """One more row of its batch."""
        if self.row_reasons is None:
            self.row_reasons = {}
        self.row_reasons[reason] = self.row_reasons.get(reason, 0) + 1


current: ContextVar[Call] = ContextVar("current")

sent: ContextVar[Sequence[tuple[str, str | bytes]]] = ContextVar("sent", default=())
"""The metadata that came with it. gRPC makes it for whoever finds the method, and would make it
anew for whoever asks the context."""


class Door(Protocol):
    """Who may call a method, and when."""

    def enter(self, context: Context) -> Caller:
        """Let the call in; each that got in has to ``leave``.

        Raises Unauthenticated, PermissionDenied, RateLimited, Overloaded, Draining.
        """

    def confirm(self, context: Context) -> None:
        """A call that got in has gone on for a while: whoever makes it still may.

        Raises Unauthenticated, PermissionDenied.
        """

    def charge(self, caller: Caller, rows: int) -> None:
        """A call that got in has so many rows, each of which counts as a call."""

    def leave(self, caller: Caller) -> None:
        """The call has ended."""


class Doors(Protocol):
    """The doors of a server."""

    def of(self, method: str, *, lasting: bool) -> Door:
        """That of /package.Service/Method. ``lasting``: its calls may go on for long, so that they
        must not take the place of others."""


class Observer(Protocol):
    """Whoever wants to know of every call of one method."""

    def began(self, call: Call, context: Context) -> None:
        """It was received; nothing has been checked."""

    def ended(self, call: Call, seconds: float) -> None:
        """It was answered, refused or given up; ``call`` says how."""


class Observers(Protocol):
    """What watches the calls of a server."""

    def of(self, method: str) -> Observer:
        """For /package.Service/Method."""


class NoObserver:
    """Watches nothing."""

    def of(self, method: str) -> "NoObserver":  # noqa: ARG002 - the same for all
        """Itself."""
        return self

    def began(self, call: Call, context: Context) -> None:
        """Nothing."""

    def ended(self, call: Call, seconds: float) -> None:
        """Nothing."""
