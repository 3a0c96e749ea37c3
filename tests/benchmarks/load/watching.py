"""Watchers of changes, as many as wanted, which count what they are told."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import grpc

from inventory_grpc.v1 import changes_pb2
from tests.benchmarks.load.protocol import Watch

_METHOD: Final = "/inventory.v1.ChangeService/WatchChanges"
_STREAMS_MAX: Final = 100
"""Of one connection: what servers allow by default."""
_OPEN_SECONDS_MAX: Final = 60.0
_LAG_SECONDS_MAX: Final = 30.0
"""Of the last change, behind the call that made it."""
_CHANGE_TAG: Final = changes_pb2.WatchChangesResponse(
    change=changes_pb2.Change(version=1)
).SerializeToString()[0]
"""The first byte of what is not a checkpoint."""

Stub = grpc.aio.UnaryStreamMultiCallable[bytes, bytes]


class Watchers:
    """Those that there are at present; they read only while the loop runs."""

    def __init__(self) -> None:
        self.events = 0
        """Changes they were told, all together."""
        self.failures: Counter[str] = Counter()
        """Streams that ended, which none should."""
        self._channels: list[grpc.aio.Channel] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._awaited = math.inf
        self._enough = asyncio.Event()

    async def open(self, order: Watch, product_ids: Sequence[str]) -> None:
        """So many instead of those there were, when each has heard from its server."""
        await self.close()
        self.events = 0
        self.failures.clear()
        requests = [
            *(_of_product(product_ids[number]) for number in range(order.of_one_product)),
            *(b"" for _ in range(order.of_everything)),
        ]
        self._channels = [
            grpc.aio.insecure_channel(
                order.address, options=[("grpc.use_local_subchannel_pool", 1)]
            )
            for _ in range(math.ceil(len(requests) / _STREAMS_MAX))
        ]
        stubs: list[Stub] = [channel.unary_stream(_METHOD) for channel in self._channels]
        calls = [stubs[number // _STREAMS_MAX](request) for number, request in enumerate(requests)]
        async with asyncio.timeout(_OPEN_SECONDS_MAX):
            # The checkpoint that every stream begins with.
            await asyncio.gather(*(call.read() for call in calls))
        self._tasks = [asyncio.create_task(self._watch(call)) for call in calls]

    async def told(self, events: int) -> None:
        """Wait until they have been told so many; what is missing in the end is a failure."""
        self._awaited = events
        self._look()
        try:
            async with asyncio.timeout(_LAG_SECONDS_MAX):
                await self._enough.wait()
        except TimeoutError:
            self.failures["watcher: events that did not come"] = events - self.events
        self._awaited = math.inf
        self._enough.clear()

    def _look(self) -> None:
        if self.events >= self._awaited or self.failures:
            self._enough.set()

    async def close(self) -> None:
        """Give them up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in self._channels))
        self._tasks, self._channels = [], []

    async def _watch(self, call: grpc.aio.UnaryStreamCall[bytes, bytes]) -> None:
        try:
            while isinstance(message := await call.read(), bytes):
                if message[0] == _CHANGE_TAG:
                    self.events += 1
                    self._look()
        except grpc.aio.AioRpcError as error:
            self.failures[f"watcher: {error.code().name}: {error.details()}"] += 1
        else:
            self.failures["watcher: OK"] += 1
        self._look()


def _of_product(product_id: str) -> bytes:
    return changes_pb2.WatchChangesRequest(
        filter=changes_pb2.ChangeFilter(product_ids=[product_id])
    ).SerializeToString()
