"""The door of every method: what a call has to pass before its handler sees it.

1. Who calls: UNAUTHENTICATED.
2. Whether that caller may call this method: PERMISSION_DENIED, whatever it asks for.
3. Whether that caller does too much: RATE_LIMITED.
4. Whether the server can take one more: OVERLOADED, DRAINING.
"""

from inventory_grpc.domain.caller import ANONYMOUS, Caller, Role
from inventory_grpc.domain.errors import PermissionDenied, Unavailable
from inventory_grpc.identity.authenticator import Authenticator
from inventory_grpc.identity.errors import NotListedError
from inventory_grpc.rpc.calls import sent
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.rights import needed_for
from inventory_grpc.server.admission import Admission
from inventory_grpc.server.quotas import MethodQuotas, Quotas

_NOBODY = "of nobody"


class MethodDoor:
    """Of one method."""

    def __init__(
        self,
        authenticator: Authenticator | None,
        needed: Role | None,
        quotas: MethodQuotas,
        admission: Admission,
    ) -> None:
        self._authenticator = authenticator
        self._needed = needed
        self._quotas = quotas
        self._admission = admission

    def enter(self, context: Context) -> Caller:
        """See ``rpc.calls.Door``."""
        caller = self._allowed(context)
        self._quotas.enter(caller)
        try:
            self._admission.enter()
        except Unavailable:
            self._quotas.turn_away(caller)
            raise
        return caller

    def confirm(self, context: Context) -> None:
        """See ``rpc.calls.Door``."""
        self._allowed(context)

    def charge(self, caller: Caller, rows: int) -> None:
        """See ``rpc.calls.Door``."""
        self._quotas.charge(caller, rows)

    def leave(self, caller: Caller) -> None:
        """The call has ended."""
        self._quotas.leave(caller)
        self._admission.leave()

    def _allowed(self, context: Context) -> Caller:
        caller = self._identified(context)
        if self._needed is None or caller.role < self._needed:
            raise self._denied(caller.name)
        return caller

    def _identified(self, context: Context) -> Caller:
        if self._authenticator is None:
            return ANONYMOUS
        try:
            return self._authenticator.identify(context, sent.get())
        except NotListedError as stranger:
            raise self._denied(stranger.name) from None

    def _denied(self, caller: str) -> PermissionDenied:
        return PermissionDenied(caller, self._needed.name.lower() if self._needed else _NOBODY)


class ServerDoors:
    """All of one server."""

    def __init__(
        self,
        authenticator: Authenticator | None,
        quotas: Quotas,
        calls: Admission,
        streams: Admission,
    ) -> None:
        """Without an ``authenticator`` everybody is the same. ``streams`` admits the calls that
        may go on for long."""
        self._authenticator = authenticator
        self._quotas = quotas
        self._calls = calls
        self._streams = streams

    def of(self, method: str, *, lasting: bool) -> MethodDoor:
        """See ``rpc.calls.Doors``."""
        admission = self._streams if lasting else self._calls
        quotas = self._quotas.of(method, lasting=lasting)
        return MethodDoor(self._authenticator, needed_for(method), quotas, admission)
