"""Which calls may start: a limit on those in flight, and none while draining.

gRPC's own limit on concurrent calls would refuse health checks too and answer without a reason;
so calls are counted here, and only those of the inventory's services.
"""

import asyncio
from typing import Final

from inventory_grpc.domain.errors import Draining, Overloaded

OVERLOADED_RETRY_MS: Final = 250
"""Long enough for a full server to finish a few batches."""

DRAINING_RETRY_MS: Final = 1_000
"""Long enough for a balancer to pick another replica, or for this one to start again."""


class Admission:
    """Counts the calls in flight. Belongs to one event loop."""

    def __init__(self, in_flight_max: int, limit: str = "in_flight") -> None:
        """``limit`` is how the refused are told of it."""
        self._in_flight_max = in_flight_max
        self._limit = limit
        self._in_flight = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def in_flight(self) -> int:
        """Calls that entered and have not left."""
        return self._in_flight

    def enter(self) -> None:
        """Start a call; every one that got in has to `leave`. Raises Draining, Overloaded."""
        if self._draining:
            raise Draining(retry_after_ms=DRAINING_RETRY_MS)
        if self._in_flight >= self._in_flight_max:
            raise Overloaded(self._limit, retry_after_ms=OVERLOADED_RETRY_MS)
        self._in_flight += 1
        self._idle.clear()

    def leave(self) -> None:
        """End a call."""
        self._in_flight -= 1
        if self._in_flight == 0:
            self._idle.set()

    def drain(self) -> None:
        """Refuse every call from now on."""
        self._draining = True

    async def wait_idle(self, seconds_max: float) -> bool:
        """Wait until nothing is in flight; False when there still is after `seconds_max`."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
