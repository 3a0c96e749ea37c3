"""Metrics of what the parts of a server are at, read when somebody asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from inventory_grpc.server.access_log import AccessLog
from inventory_grpc.server.admission import Admission
from inventory_grpc.server.database_watch import DatabaseWatch
from inventory_grpc.server.sweeping import Sweeper
from inventory_grpc.server.tarpit import Tarpit
from inventory_grpc.server.threads import DaemonThreads
from inventory_grpc.server.tls import Certificates
from inventory_grpc.server.watching import Watching
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.services.reads import Reads
from inventory_grpc.settings import Settings
from inventory_grpc.store.migrate import head

_WRITE_PATH: Final = {
    "transactions": "Transactions that batches began.",
    "reruns": "Transactions begun again after a conflict or a lost connection.",
    "splits": "Batches cut in two because something in them failed.",
    "blocked": "Mutations that met a row which somebody else held, and stepped aside.",
    "conflicts": "Optimistic attempts that were not written.",
    "expired_hold_lines": "Lines of holds given back because their time was over.",
}


@dataclass(frozen=True, slots=True)
class State:
    """The parts, each safe to be read from any thread."""

    settings: Settings
    admission: Admission
    mutations: Mutations
    reads: Reads
    threads: DaemonThreads
    watching: Watching
    sweeper: Sweeper
    database: DatabaseWatch
    replica: DatabaseWatch | None
    certificates: Certificates | None
    access_log: AccessLog | None
    tarpit: Tarpit

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        yield from self._limited()
        yield from self._databases()
        yield from self._background()
        yield from self._counters()
        yield _build_info()
        if self.certificates is not None:
            yield _gauge(
                "certificate_expiry_timestamp_seconds",
                "When the TLS certificate that is served runs out, in seconds since 1970.",
                self.certificates.expires.timestamp(),
            )

    def _limited(self) -> Iterator[Metric]:
        """What there is a limit of, each with its limit."""
        settings, watching = self.settings, self.watching
        yield from _filled(
            "calls_in_flight",
            "RPCs under way, streams of changes aside.",
            self.admission.in_flight,
            settings.in_flight_max,
        )
        yield from _filled(
            "queue_commands",
            "Mutations that wait for a batch.",
            self.mutations.queued,
            settings.queue_commands_max,
        )
        yield from _filled(
            "watch_streams",
            "Streams of changes under way.",
            watching.admission.in_flight,
            settings.watch_streams_max,
        )
        yield from _filled(
            "watch_lag_changes",
            "Changes that wait for the stream that is furthest behind.",
            watching.longest_lag,
            settings.watch_queue_max,
        )
        yield from _filled(
            "read_threads_busy",
            "Threads that run a read.",
            self.threads.busy,
            settings.read_pool_size,
        )
        yield _gauge("read_queue", "Reads that wait for a thread.", self.threads.waiting)

    def _databases(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "inventory_database_up",
            "Whether the database answers and has a schema that can be served.",
            labels=("database",),
        )
        up.add_metric(("primary",), self.database.servable)
        if self.replica is not None:
            up.add_metric(("replica",), self.replica.servable)
        yield up
        connections = GaugeMetricFamily(
            "inventory_read_connections",
            "Connections of the pool of reads.",
            labels=("database", "state"),
        )
        for name, (used, idle) in self.reads.connections.items():
            connections.add_metric((name, "used"), used)
            connections.add_metric((name, "idle"), idle)
        yield connections

    def _background(self) -> Iterator[Metric]:
        sweeper, sequencer = self.sweeper, self.watching.sequencer
        yield _gauge(
            "hold_sweeper_leads",
            "Whether this process sweeps up expired holds; one of all servers does.",
            sweeper.leads,
        )
        yield _gauge(
            "holds_due",
            "Expired holds that its last look found, at most as many as it looks for.",
            sweeper.due if sweeper.leads else 0,
        )
        yield _counter("hold_sweeps", "Looks for expired holds.", sweeper.passes)
        yield _counter(
            "stream_positions", "Commits that this process gave a position.", sequencer.assigned
        )
        yield _gauge(
            "stream_behind",
            "Whether more commits wait for a position than are given at once.",
            sequencer.is_behind,
        )
        yield _gauge(
            "stream_looked_timestamp_seconds",
            "When commits without a position were last looked for, in seconds since 1970.",
            sequencer.looked_at,
        )

    def _counters(self) -> Iterator[Metric]:
        counters, consistency = self.mutations.counters, self.reads.consistency
        for name, text in _WRITE_PATH.items():
            yield _counter(name, text, getattr(counters, name))
        yield _counter(
            "consistency_checks", "Checks of all products that came to their end.",
            consistency.checked,
        )  # fmt: skip
        yield _counter(
            "consistency_violations", "What checks of the books found wrong.",
            consistency.violations,
        )  # fmt: skip
        dropped = 0 if self.access_log is None else self.access_log.dropped
        yield _counter(
            "access_log_dropped", "Lines of the access log that could not be written.", dropped
        )
        yield _counter(
            "oversized_calls", "Calls refused for too much metadata.", self.tarpit.refused
        )
        yield _counter(
            "connections_frozen", "Connections held up for many such calls.", self.tarpit.frozen
        )
        yield _counter(
            "addresses_barred",
            "Times an address could not connect for a while.",
            self.tarpit.barred,
        )


def _filled(name: str, text: str, value: int, limit: int) -> Iterator[Metric]:
    yield _gauge(name, text, value)
    yield _gauge(f"{name}_max", f"The limit of inventory_{name}.", limit)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"inventory_{name}", text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"inventory_{name}", text, value)


def _build_info() -> Metric:
    info = GaugeMetricFamily(
        "inventory_build_info",
        "1; the labels say what is running.",
        labels=("version", "schema_revision"),
    )
    info.add_metric((_version(), head()), 1)
    return info


def _version() -> str:
    try:
        return version("inventory_grpc")
    except PackageNotFoundError:
        return "unknown"
