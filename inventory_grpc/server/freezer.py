"""Lets chosen connections of gRPC stand still for a while, and then hangs up on them.

gRPC tells nobody its sockets, so they are looked for among the descriptors of the process, by the
address of the other end. That is done on the event loop, a few at a time: in a thread every system
call would give up the interpreter and have to wait for it. A filter that drops whatever arrives
makes a connection stand still: what its other end sends is not acknowledged, so that it soon cannot
send more.

No descriptor is kept meanwhile. gRPC closes sockets without taking them out of its epoll set, which
is right only as long as nobody else has them open. Linux only; elsewhere nothing is frozen.
"""

import asyncio
import os
import socket
import stat
import sys
import time
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

import structlog

from inventory_grpc.server import packet_filter
from inventory_grpc.server.seldom import Seldom

_log = structlog.stdlib.get_logger(__name__)

FREEZE_SECONDS: Final = 1.0

DESCRIPTORS: Final = "/proc/self/fd"
_LOOKS_AT_ONCE: Final = 50
"""Of some 10 us each."""
_REST: Final = 9
"""Times as long as it took, before the next search: whoever provokes one after the other gets a
tenth of the loop."""

End = tuple[str, int]
"""Address and port of who connected."""


class Freezer:
    """Of one listening port. Belongs to one event loop."""

    def __init__(self, port: int) -> None:
        """``port`` is where gRPC listens; 0 on a Unix socket, where nothing can be frozen."""
        self._port = port if sys.platform == "linux" else 0
        self._wanted: dict[End, str] = {}
        """What the next search is for, each with its name as gRPC writes it."""
        self._sought: dict[End, str] = {}
        """What the one under way is for."""
        self._frozen: dict[End, tuple[int, asyncio.TimerHandle]] = {}
        """With the descriptor that gRPC has for it, as long as it does not close it."""
        self._search: asyncio.Task[None] | None = None
        self._telling = Seldom()
        self._untold = 0
        self._unable = False
        self._stopped = False
        self.count = 0
        """Connections that it froze, ever."""

    @property
    def held(self) -> int:
        """Connections that are frozen, or about to be."""
        return len(self._wanted) + len(self._sought) + len(self._frozen)

    def freeze(self, peer: str) -> None:
        """Soon, for a second. ``peer`` is as gRPC writes it; no effect while it is frozen."""
        end = end_of(peer)
        if end is None or not self._port or self._stopped:
            return
        if end in self._frozen or end in self._sought:
            return
        self._wanted[end] = peer
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._run(), name="freezer")

    async def stop(self) -> None:
        """Hang up on all that is frozen; freeze nothing any more."""
        self._stopped = True
        if self._search is not None:
            self._search.cancel()
            await asyncio.wait({self._search})
        for end, (_, timer) in list(self._frozen.items()):
            timer.cancel()
            self._hang_up(end)

    async def _run(self) -> None:
        while self._wanted:
            self._sought, self._wanted = self._wanted, {}
            try:
                busy_seconds = await self._look_for_them()
            except OSError as error:
                self._tell_unable(error)
                busy_seconds = FREEZE_SECONDS
            finally:
                # What is not found is gone.
                self._sought = {}
            await asyncio.sleep(busy_seconds * _REST)

    async def _look_for_them(self) -> float:
        """How many seconds the loop could do nothing else."""
        began, busy_seconds = time.monotonic(), 0.0
        with os.scandir(DESCRIPTORS) as descriptors:
            for number, each in enumerate(descriptors, 1):
                self._look_at(int(each.name))
                if not self._sought:
                    break
                if number % _LOOKS_AT_ONCE == 0:
                    busy_seconds += time.monotonic() - began
                    await asyncio.sleep(0)
                    began = time.monotonic()
        return busy_seconds + time.monotonic() - began

    def _look_at(self, descriptor: int) -> None:
        connection = opened(descriptor)
        if connection is None:
            return
        with connection:
            end = _other_end(connection, self._port)
            if end in self._sought:
                packet_filter.stop_everything(connection)
                timer = asyncio.get_running_loop().call_later(FREEZE_SECONDS, self._hang_up, end)
                self._frozen[end] = descriptor, timer
                self._note(self._sought.pop(end))

    def _hang_up(self, end: End) -> None:
        descriptor, _ = self._frozen.pop(end)
        connection = opened(descriptor)
        if connection is None:
            return
        with connection, suppress(OSError):
            # gRPC may have closed it, and then the descriptor can be another connection.
            if _other_end(connection, self._port) == end:
                packet_filter.stop_nothing(connection)
                connection.shutdown(socket.SHUT_RDWR)

    def _note(self, peer: str) -> None:
        self.count += 1
        self._untold += 1
        if self._telling.is_due():
            _log.warning("connection_frozen", peer=peer, frozen=self._untold)
            self._untold = 0

    def _tell_unable(self, error: OSError) -> None:
        if not self._unable:
            _log.warning("connection_not_frozen", reason=str(error))
            self._unable = True


def end_of(peer: str) -> End | None:
    """Of a peer as gRPC writes it; None of what has no address."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return None
    host, _, port = unquote(rest).rpartition(":")
    # Sockets tell the zone of an address apart from it.
    return host.strip("[]").partition("%")[0], int(port)


def _other_end(connection: socket.socket, port: int) -> End | None:
    """Of a connection that came in at that port: others may lead where it came from."""
    if connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    try:
        own_port = connection.getsockname()[1]
        host, other_port, *_ = connection.getpeername()
    except OSError:
        # Not connected (any more).
        return None
    return (host.removeprefix("::ffff:"), other_port) if own_port == port else None


def opened(descriptor: int) -> socket.socket | None:
    """The same socket once more, so that it cannot become another while it is looked at; None if
    it is none."""
    try:
        # Files are left alone: to close one gives up this process's fcntl(2) locks on it.
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        own = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=own)
    except OSError:
        os.close(own)
        return None
