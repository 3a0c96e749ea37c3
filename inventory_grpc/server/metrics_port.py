"""The page that Prometheus reads, on a port of its own.

It is made and sent by threads, so that it is there while the event loop is busy or stuck. Whoever
connects there can have a few of them at most, and none for long.
"""

import errno
import socket
import sys
import threading
import time
from contextlib import suppress
from socketserver import TCPServer
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import ThreadingWSGIServer, make_wsgi_app
from prometheus_client.registry import Collector

from inventory_grpc.server.address import Address
from inventory_grpc.server.errors import AddressTakenError, AddressUnusableError
from inventory_grpc.server.threads import in_thread

_log = structlog.stdlib.get_logger(__name__)

CONNECTIONS_MAX: Final = 8
PATIENCE_SECONDS: Final = 1.0
"""What a connection gets before it may have to make room for another one."""
_SILENCE_SECONDS_MAX: Final = 10.0
_LOOK_SECONDS: Final = 0.2
"""How long its end may take to be noticed."""


class MetricsPort:
    """Bound when it is made; serves from `start` on."""

    def __init__(self, address: Address) -> None:
        """Raises AddressTakenError, AddressUnusableError."""
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        self._server = _server(address)
        self._server.set_app(make_wsgi_app(self._registry))
        self._thread: threading.Thread | None = None
        self.address = address.with_port(self._server.server_port)

    def add(self, collector: Collector) -> None:
        """What it tells on the page is read in threads, whenever the page is asked for."""
        self._registry.register(collector)

    def start(self) -> None:
        """Begin to answer."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_SECONDS,), name="metrics", daemon=True
        )
        self._thread.start()
        _log.info("metrics_served", listen=str(self.address))

    async def stop(self) -> None:
        """End; a page that is being sent is left to its thread."""
        if self._thread is not None:
            await in_thread(self._server.close, "metrics")
        self._server.server_close()


def _server(address: Address) -> "_Server":
    try:
        family, *_, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _Server(family, (str(where[0]), int(where[1])))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressTakenError(str(address)) from None
        raise AddressUnusableError(str(address), error.strerror or str(error)) from None


class _Handler(WSGIRequestHandler):
    """One page; silent, because scrapes are no news."""

    timeout = _SILENCE_SECONDS_MAX

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Nothing."""


class _Server(ThreadingWSGIServer):
    """A thread per connection, and a bound on both."""

    request_queue_size = 64

    def __init__(self, family: int, where: tuple[str, int]) -> None:
        self.address_family = family
        self._changed = threading.Condition()
        self._closing = False
        self._open: dict[socket.socket, float] = {}
        """When each connection was made, in that order."""
        super().__init__(where, _Handler)

    def server_bind(self) -> None:
        """As the base does, but without asking the name service for the host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, once there are few enough."""
        with self._changed:
            while len(self._open) >= CONNECTIONS_MAX and not self._closing:
                self._make_room()
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def _make_room(self) -> None:
        """However slowly some read or write, others get their page: who had time enough goes."""
        oldest, since = next(iter(self._open.items()))
        left = since + PATIENCE_SECONDS - time.monotonic()
        if left > 0:
            self._changed.wait(left)
            return
        del self._open[oldest]
        with suppress(OSError):
            oldest.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """The connection has ended."""
        with self._changed:
            self._open.pop(request, None)
            self._changed.notify()
        super().shutdown_request(request)

    def close(self) -> None:
        """Take no more, wherever it is; blocks for a moment."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self.shutdown()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base's
        """Connections break; a page that cannot be made is worth a line."""
        error = sys.exception()
        if not isinstance(error, OSError):
            _log.error("metrics_failed", exc_info=error)
