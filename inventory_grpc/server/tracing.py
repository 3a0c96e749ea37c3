"""Traces of calls, from the RPC to SQL, by OpenTelemetry. Needs the extra ``otel``.

Where spans go and how many calls are recorded is said by the variables of OpenTelemetry
(OTEL_EXPORTER_OTLP_…, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME …). A call continues the trace of its
caller, by the W3C's ``traceparent``. A call that is not recorded costs its span's sampling only.

    trace of a call      inventory.v1.OrderService/CreateOrder ── inventory.commit ──┐ linked
    trace of its batch   inventory.batch ── BEGIN lock_levels …, … COMMIT ───────────┘
"""

import asyncio
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final, Self
from uuid import uuid4

import grpc
import structlog
from opentelemetry.context import Context as TraceContext
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, StatusCode, Tracer, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from inventory_grpc.rpc.calls import Call, Observer, sent
from inventory_grpc.rpc.reply import Context
from inventory_grpc.server.batch_spans import BatchSpans
from inventory_grpc.server.spans import Spans, Traced, traced
from inventory_grpc.server.threads import in_thread
from inventory_grpc.services import coalesce

_log = structlog.stdlib.get_logger(__name__)

_SCOPE: Final = "inventory_grpc"
_FLUSH_SECONDS_MAX: Final = 5.0
_ROOT: Final = TraceContext()
_W3C: Final = TraceContextTextMapPropagator()
_HEADERS: Final = frozenset(_W3C.fields)
# Those that the conventions count as errors of a server; others are its callers'.
_ERRORS: Final = {
    code.value[0]: code.name
    for code in (
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
}


class Tracing:
    """Observes the calls of one server, and its batches through ``batches``."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._processor = BatchSpanProcessor(exporter)
        resource = _resource()
        calls = TracerProvider(resource=resource, shutdown_on_exit=False)
        # A batch is recorded if one of its calls is, and linked to all of those, however many.
        shared = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_links=SpanLimits.UNSET),
        )
        for provider in (calls, shared):
            provider.add_span_processor(self._processor)
        self._tracer = calls.get_tracer(_SCOPE)
        self._spans = Spans(shared.get_tracer(_SCOPE))
        self.batches = BatchSpans(self._spans)

    @classmethod
    def by_otlp(cls) -> Self:
        """Sends spans to a collector, which may be away."""
        return cls(OTLPSpanExporter())

    def of(self, method: str) -> Observer:
        """See ``rpc.calls.Observers``."""
        return _Method(method.removeprefix("/"), self._tracer, self._spans)

    async def stop(self) -> None:
        """Send what has not been sent; nothing is recorded any more."""
        try:
            async with asyncio.timeout(_FLUSH_SECONDS_MAX):
                await in_thread(self._processor.shutdown, "traces")
        except TimeoutError:
            _log.warning("traces_left_behind", reason="the collector does not answer")


class _Method:
    """The spans of one method's calls."""

    def __init__(self, name: str, tracer: Tracer, spans: Spans) -> None:
        service, _, method = name.partition("/")
        self._name = name
        self._attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        self._tracer = tracer
        self._spans = spans

    def began(self, call: Call, context: Context) -> None:  # noqa: ARG002 - what it needs is known
        """See ``rpc.calls.Observer``."""
        span = self._tracer.start_span(
            self._name, _parent(), kind=SpanKind.SERVER, attributes=self._attributes
        )
        if not span.is_recording():
            return
        call.trace_id = format_trace_id(span.get_span_context().trace_id)
        recorded = Traced(span, self._spans)
        traced.set(recorded)
        coalesce.watching.set(recorded)
        self._spans.watch_round_trips(span)

    def ended(self, call: Call, seconds: float) -> None:  # noqa: ARG002 - spans have clocks of their own
        """See ``rpc.calls.Observer``."""
        recorded = traced.get(None)
        if recorded is None:
            return
        if call.code in _ERRORS:
            recorded.span.set_status(StatusCode.ERROR)
            recorded.span.set_attribute("error.type", call.reason or _ERRORS[call.code])
        recorded.end({"rpc.grpc.status_code": call.code, **dict(_facts(call))})


def _parent() -> TraceContext:
    """The caller's span, if it sent one that can be read."""
    headers = {
        key: value for key, value in sent.get() if key in _HEADERS and isinstance(value, str)
    }
    return _W3C.extract(headers, _ROOT) if headers else _ROOT


def _facts(call: Call) -> Iterator[tuple[str, str | bool]]:
    yield "inventory.caller", call.caller.name
    if call.request_id:
        yield "inventory.request_id", call.request_id
    if call.batch_id:
        yield "inventory.batch_id", call.batch_id
    if call.reason:
        yield "inventory.reason", call.reason
    if call.replayed:
        yield "inventory.replayed", True


def _resource() -> Resource:
    """Who sends the spans; what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins."""
    ours = {
        "service.name": _SCOPE,
        "service.version": version(_SCOPE),
        "service.instance.id": str(uuid4()),
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())
