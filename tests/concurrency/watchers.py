"""Watchers that are killed and come back, and what a stream must have told them in the end."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import grpc

from inventory_grpc.v1.changes_pb2 import Change, WatchChangesRequest, WatchChangesResponse
from tests.concurrency.harness import query
from tests.conftest import Database
from tests.server.watching import KINDS, resource_of

Resource = tuple[str, ...]

CROSSINGS: Final = {KINDS["LOW_STOCK"], KINDS["STOCK_RECOVERED"]}
_METHOD: Final = "/inventory.v1.ChangeService/WatchChanges"
_SECONDS_MAX: Final = 60
_COMMITTED: Final = {
    "product": "SELECT event_id::text, product_version, product_id::text FROM product_events",
    "stock_level": "SELECT movement_id::text, stock_version, product_id::text, location_id"
    " FROM stock_movements",
    "hold": "SELECT event_id::text, hold_version, hold_id::text FROM hold_events",
    "order": "SELECT event_id::text, order_version, order_id::text FROM order_events",
}


def committed(database: Database) -> dict[str, tuple[Resource, int]]:
    """By event_id, what the tables say has happened: to which resource, in which version."""
    return {
        event_id: ((kind, *key), version)
        for kind, sql in _COMMITTED.items()
        for event_id, version, *key in query(database, sql)
    }


@dataclass
class Watcher:
    """One client: it reads for a while, is gone, and goes on by one of its last tokens."""

    chance: random.Random
    targets: Callable[[], list[str]]
    """The servers there are, one of which it asks."""
    token: str
    told: dict[str, Change] = field(default_factory=dict)
    """By event_id, in the order in which they first came."""
    stretches: int = 0
    repeats: int = 0
    _expected: Mapping[str, object] | None = None

    def expect(self, expected: Mapping[str, object]) -> None:
        """All there will ever be; it stops when it has been told."""
        self._expected = expected

    async def run(self) -> None:
        """Until it was told everything."""
        while not self._is_done():
            self.stretches += 1
            await self._read(self.chance.randint(1, 400))

    def _is_done(self) -> bool:
        return self._expected is not None and self._expected.keys() <= self.told.keys()

    async def _read(self, messages: int) -> None:
        """So many, then no more, as if it had been killed: what came after its token is lost."""
        last: dict[Resource, int] = {}
        options = [("grpc.use_local_subchannel_pool", 1)]
        target = self.chance.choice(self.targets())
        async with grpc.aio.insecure_channel(target, options) as channel:
            watch: grpc.aio.UnaryStreamMultiCallable[WatchChangesRequest, WatchChangesResponse] = (
                channel.unary_stream(
                    _METHOD,
                    request_serializer=WatchChangesRequest.SerializeToString,
                    response_deserializer=WatchChangesResponse.FromString,
                )
            )
            call = watch(WatchChangesRequest(resume_token=self.token), timeout=_SECONDS_MAX)
            # It may die before it has written down the last ones.
            forgets = self.chance.choice([0, 0, 3, 50])
            try:
                async for message in call:
                    messages -= 1
                    if message.HasField("change"):
                        self._hear(message.change, last)
                    if messages >= forgets:
                        self.token = message.resume_token
                    if messages <= 0 or self._is_done():
                        break
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(0.05)
            call.cancel()

    def _hear(self, change: Change, last: dict[Resource, int]) -> None:
        before = self.told.setdefault(change.event_id, change)
        if before is not change:
            self.repeats += 1
            assert before == change, "the same event was told in two ways"
        if change.kind not in CROSSINGS:
            key = resource_of(change)
            assert change.version == last.get(key, change.version - 1) + 1, (key, last, change)
            last[key] = change.version

    def check(self, expected: Mapping[str, tuple[Resource, int]]) -> None:
        """It was told exactly what was committed, each resource's versions from 1 on in order."""
        crossings = {each for each, change in self.told.items() if change.kind in CROSSINGS}
        assert {
            event_id: (resource_of(change), change.version)
            for event_id, change in self.told.items()
            if event_id not in crossings
        } == expected
        versions: dict[Resource, list[int]] = defaultdict(list)
        for event_id, change in self.told.items():
            if event_id not in crossings:
                versions[resource_of(change)].append(change.version)
        wrong = {key: found for key, found in versions.items() if found != sorted(found)}
        assert wrong == {}

    def model(self) -> dict[Resource, Change]:
        """What a client that starts empty knows in the end."""
        return {
            resource_of(change): change
            for change in self.told.values()
            if change.kind not in CROSSINGS
        }

    def low(self) -> set[Resource]:
        """The levels that are low, as far as it was told."""
        low: set[Resource] = set()
        for change in self.told.values():
            if change.kind in CROSSINGS:
                key, is_low = resource_of(change), change.kind == KINDS["LOW_STOCK"]
                assert is_low == (key not in low), "low stock begins and ends by turns"
                low ^= {key}
        return low
