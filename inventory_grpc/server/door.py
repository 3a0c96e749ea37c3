"""The door of every method: what a call has to pass before its handler sees it."""

from inventory_grpc.domain.caller import ANONYMOUS, Caller
from inventory_grpc.rpc.reply import Context
from inventory_grpc.server.admission import Admission


class MethodDoor:
    """Of one method."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def enter(self, context: Context) -> Caller:  # noqa: ARG002 - nobody is asked who it is
        """See ``rpc.calls.Door``."""
        self._admission.enter()
        return ANONYMOUS

    def leave(self, caller: Caller) -> None:  # noqa: ARG002 - all are one
        """The call has ended."""
        self._admission.leave()


class ServerDoors:
    """All of one server."""

    def __init__(self, calls: Admission, streams: Admission) -> None:
        """``streams`` admits the calls that may go on for long."""
        self._calls = calls
        self._streams = streams

    def of(self, method: str, *, lasting: bool) -> MethodDoor:  # noqa: ARG002 - no method differs
        """See ``rpc.calls.Doors``."""
        return MethodDoor(self._streams if lasting else self._calls)
