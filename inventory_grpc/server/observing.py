"""Everything that watches the calls of one server, put together."""

from collections.abc import Sequence
from typing import Self

from inventory_grpc.rpc.calls import Call, NoObserver, Observer, Observers
from inventory_grpc.rpc.reply import Context
from inventory_grpc.server.access_log import AccessLog
from inventory_grpc.server.logging import line_handler
from inventory_grpc.settings import Settings


class Observing:
    """What the settings ask for. Belongs to one event loop."""

    def __init__(self, access_log: AccessLog | None) -> None:
        self._access_log = access_log
        self._observers: list[Observers] = [each for each in (access_log,) if each is not None]

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Nothing is written yet."""
        which = settings.access_log
        log = None if which == "off" else AccessLog(which, settings.log_level, line_handler())
        return cls(log)

    def of(self, method: str) -> Observer:
        """See ``rpc.calls.Observers``."""
        observers = [each.of(method) for each in self._observers]
        if len(observers) == 1:
            return observers[0]
        return _Several(observers) if observers else NoObserver()

    def start(self) -> None:
        """Begin to tell."""
        if self._access_log is not None:
            self._access_log.start()

    async def stop(self) -> None:
        """Tell what is left; the server has ended its calls before."""
        if self._access_log is not None:
            await self._access_log.stop()


class _Several:
    """Several observers of one method; the first to be told of a beginning is the last to be told
    of the end."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._reversed = tuple(reversed(observers))

    def began(self, call: Call, context: Context) -> None:
        """See ``rpc.calls.Observer``."""
        for observer in self._observers:
            observer.began(call, context)

    def ended(self, call: Call, seconds: float) -> None:
        """See ``rpc.calls.Observer``."""
        for observer in self._reversed:
            observer.ended(call, seconds)
