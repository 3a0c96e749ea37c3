"""Everything that watches the calls and batches of one server, put together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from inventory_grpc.engine.observer import BatchObserver
from inventory_grpc.engine.request import Outcome
from inventory_grpc.engine.ticket import Ticket
from inventory_grpc.rpc.calls import Call, NoObserver, Observer, Observers
from inventory_grpc.rpc.reply import Context
from inventory_grpc.server.access_log import AccessLog
from inventory_grpc.server.address import Address
from inventory_grpc.server.batch_metrics import BatchMetrics
from inventory_grpc.server.call_metrics import CallMetrics
from inventory_grpc.server.errors import ExtraMissingError
from inventory_grpc.server.logging import line_handler
from inventory_grpc.server.metrics_port import MetricsPort
from inventory_grpc.server.state_metrics import State
from inventory_grpc.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from inventory_grpc.server.tracing import Tracing


class Observing:
    """What the settings ask for. Belongs to one event loop."""

    def __init__(
        self, access_log: AccessLog | None, port: MetricsPort | None, tracing: "Tracing | None"
    ) -> None:
        """Use `open`."""
        self.access_log = access_log
        self._port = port
        self._observers: list[Observers] = []
        self._batch_observers: list[BatchObserver] = []
        self._tracing = tracing
        if tracing is not None:
            self._observers.append(tracing)
            self._batch_observers.append(tracing.batches)
        if access_log is not None:
            self._observers.append(access_log)
        if port is not None:
            calls, batches = CallMetrics(), BatchMetrics()
            port.add(calls)
            port.add(batches)
            self._observers.append(calls)
            self._batch_observers.append(batches)

    @classmethod
    def open(cls, settings: Settings, exporter: "SpanExporter | None" = None) -> Self:
        """Nothing is told yet, but the port of metrics is taken. Raises StartError.

        Spans go to ``exporter`` if there is one, else where the settings say.
        """
        tracing = _tracing(settings, exporter)
        which = settings.access_log
        log = None if which == "off" else AccessLog(which, settings.log_level, line_handler())
        listen = settings.metrics_listen
        port = None if listen is None else MetricsPort(Address.parse(listen))
        return cls(log, port, tracing)

    def of(self, method: str) -> Observer:
        """See ``rpc.calls.Observers``."""
        observers = [each.of(method) for each in self._observers]
        if len(observers) == 1:
            return observers[0]
        return _Several(observers) if observers else NoObserver()

    @property
    def of_batches(self) -> BatchObserver | None:
        """Who watches batches, if anybody does."""
        if len(self._batch_observers) == 1:
            return self._batch_observers[0]
        return _OfBatches(self._batch_observers) if self._batch_observers else None

    def start(self, state: State) -> None:
        """Begin to tell, of that state, too."""
        if self.access_log is not None:
            self.access_log.start()
        if self._port is not None:
            self._port.add(state)
            self._port.start()

    async def stop(self) -> None:
        """Tell what is left; the server has ended its calls before."""
        if self.access_log is not None:
            await self.access_log.stop()
        if self._port is not None:
            await self._port.stop()
        if self._tracing is not None:
            await self._tracing.stop()


def check_traces(settings: Settings) -> None:
    """Raise ExtraMissingError if there are to be traces and their libraries are not there."""
    if settings.traces != "off":
        _tracing_class()


def _tracing(settings: Settings, exporter: "SpanExporter | None") -> "Tracing | None":
    if exporter is not None:
        return _tracing_class()(exporter)
    return None if settings.traces == "off" else _tracing_class().by_otlp()


def _tracing_class() -> "type[Tracing]":
    # An extra: loaded only where it is asked for.
    try:
        from inventory_grpc.server.tracing import Tracing  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ExtraMissingError("--traces otlp", "otel") from None
    return Tracing


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


class _OfBatches:
    """Several observers of batches."""

    def __init__(self, observers: Sequence[BatchObserver]) -> None:
        self._observers = tuple(observers)

    def began(self, batch: Sequence[Ticket], lane: str) -> object:
        """See ``engine.observer``."""
        return [observer.began(batch, lane) for observer in self._observers]

    def ended(self, token: object, batch: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:
        """See ``engine.observer``."""
        assert isinstance(token, list)
        for observer, each in zip(self._observers, token, strict=True):
            observer.ended(each, batch, outcomes)
