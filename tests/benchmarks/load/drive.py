"""Closed loops: so many callers, each with one call in flight, for so many seconds."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import grpc

from tests.benchmarks.load.protocol import Run, Tally
from tests.benchmarks.load.workloads import METHODS
from tests.benchmarks.plan import OPTIMISTIC

CONNECTIONS: Final = 4
"""Over all servers together."""
_CALL_SECONDS_MAX: Final = 30.0

Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
Keep = Callable[[bytes], object]
"""Takes each response."""


def _forget(_response: bytes) -> None:
    pass


class Driver:
    """Connections to one server or several."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._channels = [
            # Else gRPC would put all of them on one connection.
            grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
            for _ in range(CONNECTIONS // len(addresses))
            for address in addresses
        ]

    async def run(self, run: Run, requests: Iterator[bytes], keep: Keep = _forget) -> Tally:
        """Drive the servers as told; what was in flight at the end still counts."""
        calls: list[Call] = [
            channel.unary_unary(METHODS[run.workload]) for channel in self._channels
        ]
        loops = _Loops(run, requests, keep)
        start = time.perf_counter()
        await asyncio.gather(
            *(loops.one_caller(calls[number % CONNECTIONS]) for number in range(run.in_flight))
        )
        return loops.tally(time.perf_counter() - start)

    async def close(self) -> None:
        """Give the connections up."""
        await asyncio.gather(*(channel.close() for channel in self._channels))


class _Loops:
    """What the callers of one run share."""

    def __init__(self, run: Run, requests: Iterator[bytes], keep: Keep) -> None:
        self._requests = requests
        self._keep = keep
        self._deadline = time.perf_counter() + run.seconds
        self._metadata = (("x-api-key", run.api_key),) if run.api_key else None
        self._calls_left = run.calls_max
        self._may_be_contended = run.workload in OPTIMISTIC
        self._times: list[float] = []
        self._contended = 0
        self._failures: Counter[str] = Counter()

    async def one_caller(self, call: Call) -> None:
        """Call after call, until the time, the number or the requests are up."""
        now = time.perf_counter()
        while now < self._deadline and self._calls_left:
            self._calls_left -= 1
            request = next(self._requests, None)
            if request is None:
                return
            sent = now
            try:
                self._keep(await call(request, timeout=_CALL_SECONDS_MAX, metadata=self._metadata))
            except grpc.aio.AioRpcError as error:
                self._refused(error)
                now = time.perf_counter()
            else:
                now = time.perf_counter()
                self._times.append(now - sent)

    def _refused(self, error: grpc.aio.AioRpcError) -> None:
        if self._may_be_contended and error.code() is grpc.StatusCode.ABORTED:
            self._contended += 1
        else:
            self._failures[f"{error.code().name}: {error.details()}"] += 1

    def tally(self, seconds: float) -> Tally:
        """Counts and times of what came back."""
        times = sorted(self._times)
        failures = dict(self._failures)
        if not times:
            return Tally(seconds=seconds, contended=self._contended, failures=failures)
        p50, p99 = (times[int(share * (len(times) - 1))] * 1000 for share in (0.5, 0.99))
        return Tally(len(times), seconds, p50, p99, self._contended, failures)
