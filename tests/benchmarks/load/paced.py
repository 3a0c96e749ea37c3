"""A caller that makes so many calls a second, whatever becomes of those before."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

import grpc
import uuid_utils

from inventory_grpc.v1 import common_pb2, orders_pb2
from tests.benchmarks.load.protocol import Tally

_METHOD: Final = "/inventory.v1.OrderService/CreateOrder"
_SKUS: Final = ("BENCH-00000", "BENCH-00001")
_CALL_SECONDS_MAX: Final = 30.0

Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Paced:
    """Place so many orders a second, for some seconds."""

    address: str
    api_key: str
    per_second: int
    seconds: float
    kind: Literal["paced"] = "paced"


class PacedCaller:
    """One connection."""

    def __init__(self, address: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.insecure_channel(address, options=options)
        self._call: Call = self._channel.unary_unary(_METHOD)
        self._times: list[float] = []
        self._failures: Counter[str] = Counter()

    async def run(self, order: Paced) -> Tally:
        """The times of those that succeeded, from when each was sent."""
        self._times, self._failures = [], Counter()
        metadata = (("x-api-key", order.api_key),)
        start = time.perf_counter()
        calls = []
        for number in range(int(order.per_second * order.seconds)):
            wait = start + number / order.per_second - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            calls.append(asyncio.create_task(self._one(metadata)))
        await asyncio.gather(*calls)
        return self._tally(time.perf_counter() - start)

    async def close(self) -> None:
        """Give the connection up."""
        await self._channel.close()

    async def _one(self, metadata: tuple[tuple[str, str], ...]) -> None:
        sent = time.perf_counter()
        try:
            await self._call(_order(), timeout=_CALL_SECONDS_MAX, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            self._failures[error.code().name] += 1
        else:
            self._times.append(time.perf_counter() - sent)

    def _tally(self, seconds: float) -> Tally:
        times = sorted(self._times) or [0.0]
        p50, p99 = (times[int(share * (len(times) - 1))] * 1000 for share in (0.5, 0.99))
        failures = dict(self._failures)
        return Tally(len(self._times), seconds, p50, p99, failures=failures)


_LINES: Final = orders_pb2.CreateOrderRequest(
    lines=[
        common_pb2.DemandLine(product=common_pb2.ProductKey(sku=sku), quantity=1) for sku in _SKUS
    ]
).SerializeToString()


def _order() -> bytes:
    request_id = str(uuid_utils.uuid7())
    return _LINES + orders_pb2.CreateOrderRequest(request_id=request_id).SerializeToString()
