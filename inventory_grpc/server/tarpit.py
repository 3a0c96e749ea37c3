"""Whoever keeps sending calls with far too much metadata is kept waiting.

To refuse such a call costs more than to make it: gRPC bounds metadata only for peers that have
acknowledged its limit (RFC 9113, 6.5.2 and 6.5.3), and even then hands on all that came before the
limit was reached. A connection may open a hundred at a time, and the event loop stands still for
all of them.

To cut the connection makes it worse, because the next one is there at once, with the right to
another hundred. So it is frozen: its other end cannot send, and has no reason to connect again.
After a second it is hung up on, lest a mistake lasts. Relatives are the tarpits of mail servers and
OpenSSH's PerSourcePenalties; those go by the address of the source. Here it is the connection:
behind one address there may be a whole company. Behind one connection, of a proxy, there may be,
too, for which it has to be more than a few calls. A proxy that takes less metadata itself is never
held up.
"""

import time
from collections import OrderedDict
from typing import Final

from inventory_grpc.rpc.reply import Context
from inventory_grpc.server.freezer import Freezer
from inventory_grpc.server.quotas import Bucket, Clock

_OFFENCES_PER_SECOND: Final = 10
"""And at once. No program that works sends one."""
_BYTES_OF_ANOTHER: Final = 128 * 1024
"""In one call, they count as another. Headers that HTTP/2 has numbers for take a byte each to send,
so that 8 MiB cost the sender next to nothing, and the loop 0.2 s."""
PEERS_MAX: Final = 10_000
"""Remembered, some 4 MB; and of those, frozen at the same time."""


class Tarpit:
    """Of one server. Belongs to one event loop."""

    def __init__(self, clock: Clock = time.monotonic_ns) -> None:
        """It knows of nobody."""
        self._clock = clock
        self._freezer: Freezer | None = None
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        """By peer, whose last offence is longest ago first."""
        self.refused = 0
        """Calls with too much metadata."""

    @property
    def remembered(self) -> int:
        """Peers that have offended lately."""
        return len(self._buckets)

    @property
    def frozen(self) -> int:
        """Connections that were frozen, ever."""
        return 0 if self._freezer is None else self._freezer.count

    def start(self, port: int) -> None:
        """gRPC listens there; before, offences are only counted."""
        self._freezer = Freezer(port)

    async def stop(self) -> None:
        """Hang up on all that is frozen."""
        if self._freezer is not None:
            await self._freezer.stop()

    def exceeded(self, context: Context, size: int) -> None:
        """A call has too much metadata. See ``rpc.registry.MetadataLimit``."""
        self.refused += 1
        peer, now = context.peer(), self._clock()
        bucket = self._bucket(peer, now)
        bucket.pay(size // _BYTES_OF_ANOTHER, now)
        if bucket.take(now):
            freezer = self._freezer
            if freezer is not None and freezer.held < PEERS_MAX:
                freezer.freeze(peer)

    def _bucket(self, peer: str, now: int) -> Bucket:
        bucket = self._buckets.get(peer)
        if bucket is None:
            self._forget(now)
            bucket = self._buckets[peer] = Bucket(_OFFENCES_PER_SECOND)
        else:
            self._buckets.move_to_end(peer)
        return bucket

    def _forget(self, now: int) -> None:
        """Who has a full bucket is as good as unknown."""
        buckets = self._buckets
        while buckets and (len(buckets) >= PEERS_MAX or next(iter(buckets.values())).is_full(now)):
            buckets.popitem(last=False)
