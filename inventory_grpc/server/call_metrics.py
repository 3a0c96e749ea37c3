"""Metrics of calls, under the names that the field has agreed on, and of what became of them.

Counted in plain integers on the event loop: that costs a call about a microsecond, where each of
the library's own counters takes a lock.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from google.protobuf import descriptor_pool
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from inventory_grpc.rpc.calls import Call
from inventory_grpc.rpc.errors import CODE_OF_NUMBER, CODES
from inventory_grpc.rpc.reply import Context
from inventory_grpc.server.histogram import SECONDS, Histogram

_LABELS: Final = ("grpc_type", "grpc_service", "grpc_method")
_CODES: Final = {number: code.name for number, code in sorted(CODE_OF_NUMBER.items())}


class _Outcomes:
    """Of all calls of a server."""

    def __init__(self) -> None:
        self.reasons = dict.fromkeys(CODES, 0)
        self.replays = 0
        self.bugs = 0

    def note(self, call: Call) -> None:
        """What is worth a number of its own."""
        self.replays += call.replayed
        self.bugs += call.bugs
        if call.reason:
            self._refused(call.reason, 1)
        for reason, rows in (call.row_reasons or {}).items():
            self._refused(reason, rows)

    def _refused(self, reason: str, times: int) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + times


class MethodMetrics:
    """Observes the calls of one method."""

    def __init__(self, method: str, outcomes: _Outcomes) -> None:
        self.labels = _labels(method)
        self.started = 0
        self.handled = [0] * len(_CODES)
        self.seconds = Histogram(SECONDS)
        self._outcomes = outcomes

    def began(self, call: Call, context: Context) -> None:  # noqa: ARG002 - each is one call
        """See ``rpc.calls.Observer``."""
        self.started += 1

    def ended(self, call: Call, seconds: float) -> None:
        """See ``rpc.calls.Observer``."""
        self.handled[call.code] += 1
        self.seconds.observe(seconds)
        if call.code or call.replayed or call.row_reasons:
            self._outcomes.note(call)


class CallMetrics:
    """Observes every call of a server; every method has its numbers from the beginning."""

    def __init__(self) -> None:
        self._outcomes = _Outcomes()
        self._methods: dict[str, MethodMetrics] = {}

    def of(self, method: str) -> MethodMetrics:
        """See ``rpc.calls.Observers``."""
        if method not in self._methods:
            self._methods[method] = MethodMetrics(method, self._outcomes)
        return self._methods[method]

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        started = CounterMetricFamily(
            "grpc_server_started", "RPCs started on the server.", labels=_LABELS
        )
        handled = CounterMetricFamily(
            "grpc_server_handled",
            "RPCs completed on the server, by the code they ended with.",
            labels=(*_LABELS, "grpc_code"),
        )
        seconds = HistogramMetricFamily(
            "grpc_server_handling_seconds",
            "Seconds from an RPC's arrival to its end, as the server sees it.",
            labels=_LABELS,
        )
        for method in self._methods.values():
            started.add_metric(method.labels, method.started)
            for count, name in zip(method.handled.copy(), _CODES.values(), strict=True):
                handled.add_metric((*method.labels, name), count)
            buckets, total = method.seconds.read()
            seconds.add_metric(method.labels, buckets, total)
        yield from (started, handled, seconds)
        yield from self._outcome_metrics()

    def _outcome_metrics(self) -> Iterator[Metric]:
        outcomes = self._outcomes
        yield _by_reason(outcomes.reasons.copy())
        yield CounterMetricFamily(
            "inventory_replays",
            "Mutations answered with what their request_id was answered before.",
            outcomes.replays,
        )
        yield CounterMetricFamily(
            "inventory_bugs",
            "Exceptions in calls that nothing expected, each answered as an opaque INTERNAL.",
            outcomes.bugs,
        )


def _by_reason(reasons: Mapping[str, int]) -> Metric:
    refusals = CounterMetricFamily(
        "inventory_refusals",
        "Refused RPCs, and refused rows of INDEPENDENT batches, by ErrorReason.",
        labels=("reason",),
    )
    for reason, count in reasons.items():
        refusals.add_metric((reason,), count)
    return refusals


def _labels(method: str) -> tuple[str, str, str]:
    service, _, name = method.removeprefix("/").rpartition("/")
    # As the field writes it: of the service's messages, not of how a handler goes about them.
    found = descriptor_pool.Default().FindMethodByName(f"{service}.{name}")
    return "server_stream" if found.server_streaming else "unary", service, name
