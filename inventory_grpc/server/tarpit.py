"""Whoever keeps sending calls with far too much metadata is kept waiting.

To refuse such a call costs more than to make it: gRPC bounds metadata only for peers that have
acknowledged its limit (RFC 9113, 6.5.2 and 6.5.3), and even then hands on all that came before the
limit was reached. A connection may open a hundred at a time, and the event loop stands still for
all of them.

To cut the connection makes it worse, because the next one is there at once, with the right to
another hundred. So it is frozen: its other end cannot send, and has no reason to connect again.
After a second it is hung up on, lest a mistake lasts. Who cuts it himself, before that, is kept
from connecting anew by address. Relatives are the tarpits of mail servers and OpenSSH's
PerSourcePenalties.

Behind one address there may be a whole company, which loses no connection that it has. Behind one
connection, of a proxy, there may be, too, for which it has to be more than a few calls. A proxy
that takes less metadata itself is never held up.
"""

import time
from collections import OrderedDict
from typing import Final

from inventory_grpc.rpc.reply import Context
from inventory_grpc.server.barrier import Barrier
from inventory_grpc.server.freezer import Freezer, end_of
from inventory_grpc.server.quotas import Bucket, Clock

_BYTES_OF_ONE: Final = 8 * 1024
"""That many are one offence, and cost the loop some 0.1 ms. A call of 60 kB is seven: its
connection is frozen with the second, before a hundred of them wait."""
_PER_PEER: Final = 10
"""A second, and at once. No program that works commits one."""
_PER_HOST: Final = 100
"""The same, of all connections from there together: 10 ms of the loop."""
OFFENDERS_MAX: Final = 10_000
"""Remembered, some 4 MB; and of those, frozen at the same time."""


class Tarpit:
    """Of one server. Belongs to one event loop."""

    def __init__(self, clock: Clock = time.monotonic_ns) -> None:
        """It knows of nobody."""
        self._clock = clock
        self._freezer: Freezer | None = None
        self._barrier: Barrier | None = None
        self._of_peers = Offences(_PER_PEER)
        self._of_hosts = Offences(_PER_HOST)
        self.refused = 0
        """Calls with too much metadata."""

    @property
    def frozen(self) -> int:
        """Connections that were frozen, ever."""
        return 0 if self._freezer is None else self._freezer.count

    @property
    def barred(self) -> int:
        """How often an address was kept out."""
        return 0 if self._barrier is None else self._barrier.count

    def start(self, port: int) -> None:
        """gRPC listens there; before, offences are only counted."""
        self._freezer, self._barrier = Freezer(port), Barrier(port)

    async def stop(self) -> None:
        """Hang up on all that is frozen, and keep nobody out any more."""
        if self._freezer is not None and self._barrier is not None:
            await self._freezer.stop()
            self._barrier.stop()

    def exceeded(self, context: Context, size: int) -> None:
        """A call has too much metadata. See ``rpc.registry.MetadataLimit``."""
        self.refused += 1
        peer, now = context.peer(), self._clock()
        end, more = end_of(peer), max(size // _BYTES_OF_ONE - 1, 0)
        if end is None or self._freezer is None or self._barrier is None:
            return
        if self._of_peers.too_many(peer, more, now) and self._freezer.held < OFFENDERS_MAX:
            self._freezer.freeze(peer)
        host, _ = end
        if self._of_hosts.too_many(host, more, now):
            self._barrier.bar(host)


class Offences:
    """So many a second are forgiven, and as many at once; by who commits them."""

    def __init__(self, per_second: int) -> None:
        """Nobody has committed any."""
        self._per_second = per_second
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        """Whose last offence is longest ago first."""

    def __len__(self) -> int:
        """Whose are remembered."""
        return len(self._buckets)

    def too_many(self, who: str, more: int, now: int) -> bool:
        """Another one, or as many ``more``, were committed; whether that is beyond forgiveness."""
        bucket = self._buckets.get(who)
        if bucket is None:
            self._forget(now)
            bucket = self._buckets[who] = Bucket(self._per_second)
        else:
            self._buckets.move_to_end(who)
        if more:
            bucket.pay(more, now)
        return bucket.take(now) > 0

    def _forget(self, now: int) -> None:
        """Who has a full bucket is as good as unknown."""
        buckets = self._buckets
        while buckets and (
            len(buckets) >= OFFENDERS_MAX or next(iter(buckets.values())).is_full(now)
        ):
            buckets.popitem(last=False)
