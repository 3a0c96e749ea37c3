"""Metrics of the write path: what waits, and what becomes of batches."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import HistogramMetricFamily, Metric

from inventory_grpc.domain.record import record
from inventory_grpc.engine.request import Outcome
from inventory_grpc.engine.ticket import Ticket
from inventory_grpc.server.histogram import SECONDS, Histogram

_LANES: Final = ("main", "side", "apart")
_COMMANDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@record
class _Begun:
    """A batch that is with its committer."""

    at: float
    seconds: Histogram


class BatchMetrics:
    """Observes every batch of a server."""

    def __init__(self) -> None:
        self._wait = Histogram(SECONDS)
        self._commands = {lane: Histogram(_COMMANDS) for lane in _LANES}
        self._seconds = {lane: Histogram(SECONDS) for lane in _LANES}

    def began(self, batch: Sequence[Ticket], lane: str) -> object:
        """See ``engine.observer``."""
        now = time.monotonic()
        commands = 0
        for ticket in batch:
            commands += len(ticket.group.requests)
            if ticket.runs == 1:
                self._wait.observe(now - ticket.arrived)
        self._commands[lane].observe(commands)
        return _Begun(now, self._seconds[lane])

    def ended(self, token: object, batch: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:  # noqa: ARG002
        """See ``engine.observer``."""
        assert isinstance(token, _Begun)
        token.seconds.observe(time.monotonic() - token.at)

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        wait, total = self._wait.read()
        yield HistogramMetricFamily(
            "inventory_queue_wait_seconds",
            "Seconds that a mutation waited for its first batch.",
            wait,
            total,
        )
        yield _by_lane(
            "inventory_batch_commands",
            "Mutations in a batch, by its lane: main, side (rows that others hold), apart (bulk).",
            self._commands,
        )
        yield _by_lane(
            "inventory_batch_seconds",
            "Seconds that a batch was with its committer, re-runs included.",
            self._seconds,
        )


def _by_lane(name: str, text: str, histograms: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=("lane",))
    for lane, histogram in histograms.items():
        buckets, total = histogram.read()
        family.add_metric((lane,), buckets, total)
    return family
