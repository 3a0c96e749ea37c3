"""Closed loops: so many callers, each with one call in flight, for so many seconds."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import grpc

from tests.benchmarks.load.protocol import Run, Tally
from tests.benchmarks.load.workloads import METHODS

CONNECTIONS: Final = 4
_CALL_SECONDS_MAX: Final = 30.0

Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


class Driver:
    """Connections to one server."""

    def __init__(self, address: str) -> None:
        self._channels = [
            # Else gRPC would put all of them on one connection.
            grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
            for _ in range(CONNECTIONS)
        ]

    async def run(self, run: Run, requests: Iterator[bytes]) -> Tally:
        """Drive the server as told; what was in flight at the end still counts."""
        calls: list[Call] = [
            channel.unary_unary(METHODS[run.workload]) for channel in self._channels
        ]
        loops = _Loops(requests, time.perf_counter() + run.seconds, run.calls_max)
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

    def __init__(self, requests: Iterator[bytes], deadline: float, calls_max: int) -> None:
        self._requests = requests
        self._deadline = deadline
        self._calls_left = calls_max
        self._times: list[float] = []
        self._failures: Counter[str] = Counter()

    async def one_caller(self, call: Call) -> None:
        """Call after call, until the time or the number is up."""
        now = time.perf_counter()
        while now < self._deadline and self._calls_left:
            self._calls_left -= 1
            sent = now
            try:
                await call(next(self._requests), timeout=_CALL_SECONDS_MAX)
            except grpc.aio.AioRpcError as error:
                self._failures[f"{error.code().name}: {error.details()}"] += 1
                now = time.perf_counter()
            else:
                now = time.perf_counter()
                self._times.append(now - sent)

    def tally(self, seconds: float) -> Tally:
        """Counts and times of what came back."""
        times = sorted(self._times)
        if not times:
            return Tally(seconds=seconds, failures=dict(self._failures))
        p50, p99 = (times[int(share * (len(times) - 1))] * 1000 for share in (0.5, 0.99))
        return Tally(len(times), seconds, p50, p99, dict(self._failures))
