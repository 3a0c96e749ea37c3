"""Keeps chosen addresses from connecting for a while.

What asks for a connection from there is dropped, so that it asks once more, after a second at
first; connections that are there go on. Those that come from elsewhere meanwhile inherit the
filter, in which they are not. Linux only; elsewhere everybody may connect at any time.
"""

import asyncio
import os
import socket
import sys
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

import structlog

from inventory_grpc.server import packet_filter
from inventory_grpc.server.freezer import DESCRIPTORS, opened
from inventory_grpc.server.seldom import Seldom

_log = structlog.stdlib.get_logger(__name__)

BAR_SECONDS: Final = 1.0

_SOURCES_MAX: Final = 100
"""At the same time: a filter has little more room, and goes over all of them."""


class Barrier:
    """Before one listening port. Belongs to one event loop."""

    def __init__(self, port: int) -> None:
        """gRPC listens there by now; 0 is a Unix socket, which everybody may connect to."""
        self._port = port
        self._listening = self._found() if port and sys.platform == "linux" else []
        self._barred: dict[bytes, asyncio.TimerHandle] = {}
        self._telling = Seldom()
        self.count = 0
        """How often somebody was kept out."""

    def bar(self, host: str) -> None:
        """At once, for a second: an IPv4 address, or all that have the first half of an IPv6 one
        in common, which is what one network has."""
        source = ip_address(host).packed[:8]
        if source in self._barred or len(self._barred) >= _SOURCES_MAX or not self._listening:
            return
        loop = asyncio.get_running_loop()
        self._barred[source] = loop.call_later(BAR_SECONDS, self._admit, source)
        try:
            self._renew()
        except OSError as error:
            self._listening = []
            _log.warning("address_not_barred", reason=str(error))
        else:
            self._note(host)

    def stop(self) -> None:
        """Let everybody in; keep nobody out any more."""
        for timer in self._barred.values():
            timer.cancel()
        self._barred.clear()
        with suppress(OSError):
            self._renew()
        self._listening = []

    def _admit(self, source: bytes) -> None:
        del self._barred[source]
        with suppress(OSError):
            self._renew()

    def _renew(self) -> None:
        for descriptor in self._listening:
            listener = opened(descriptor)
            if listener is None:
                continue
            with listener:
                if not _listens(listener, self._port):
                    continue
                if self._barred:
                    packet_filter.stop_sources(listener, self._barred)
                else:
                    packet_filter.stop_nothing(listener)

    def _found(self) -> list[int]:
        """Of gRPC, which has one or two."""
        found = []
        with suppress(OSError):
            for name in os.listdir(DESCRIPTORS):
                listener = opened(int(name))
                if listener is not None:
                    with listener:
                        if _listens(listener, self._port):
                            found.append(int(name))
        return found

    def _note(self, host: str) -> None:
        self.count += 1
        if self._telling.is_due():
            _log.warning("address_barred", address=host, times=self.count)


def _listens(listener: socket.socket, port: int) -> bool:
    if listener.family not in {socket.AF_INET, socket.AF_INET6}:
        return False
    accepts = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    own_port: int = listener.getsockname()[1]
    return bool(accepts) and own_port == port
