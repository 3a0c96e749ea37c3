"""grpc.health.v1: readiness under "" and every service's name, liveness under "liveness".

Readiness says whether calls can succeed: it is NOT_SERVING while the database is away or has a
schema this code cannot serve, and while the server drains. Liveness is SERVING as long as the
process answers at all: restarting it would not bring a database back.

grpcio-health-checking's own servicer writes to its watchers under the lock that a change of status
needs, so one watcher that does not read would freeze the status for all. Watchers have a limit;
a check is always answered.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from inventory_grpc.server.lenient import lenient
from inventory_grpc.server.open_streams import OpenStreams

LIVENESS: Final = "liveness"
SERVICE_NAME: Final[str] = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_MALFORMED: Final = "the request's bytes are not a valid message"

_Request = health_pb2.HealthCheckRequest
_Answer = health_pb2.HealthCheckResponse
_Context = grpc.aio.ServicerContext[_Request, _Answer]


class Health:
    """The health service. Belongs to one event loop; a new one is alive but not ready."""

    def __init__(self, services: Iterable[str], watchers_max: int) -> None:
        self._ready_names = frozenset({"", *services})
        self._watchers = OpenStreams(watchers_max)
        self._ready = False
        self._draining = False
        self._closed = False
        self._changed = asyncio.Event()

    def set_ready(self, *, ready: bool) -> None:
        """Change the readiness; without effect once draining."""
        if not self._draining and ready != self._ready:
            self._ready = ready
            self._wake_watchers()

    def drain(self) -> None:
        """Be NOT_SERVING for good."""
        self.set_ready(ready=False)
        self._draining = True

    def close(self) -> None:
        """End every Watch stream, so that none outlives the server's grace."""
        self._closed = True
        self._wake_watchers()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve it there."""
        decode = lenient(_Request.FromString, None)
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(
                self._check,
                request_deserializer=decode,
                response_serializer=_Answer.SerializeToString,
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                self._watch,
                request_deserializer=decode,
                response_serializer=_Answer.SerializeToString,
            ),
        }
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(SERVICE_NAME, handlers)]
        )

    async def _check(self, request: _Request | None, context: _Context) -> _Answer:
        """The status of a service; NOT_FOUND for an unknown one."""
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _MALFORMED)
        status = self._status(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return _Answer(status=status)

    async def _watch(self, request: _Request | None, context: _Context) -> None:
        """The status of a service now and after every change; SERVICE_UNKNOWN is a status here."""
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _MALFORMED)
        async with self._watchers.one_more(context):
            await self._tell(request.service, context)

    async def _tell(self, service: str, context: _Context) -> None:
        last: int | None = None
        while True:
            # Taken before the status, so that a change during a slow write is not missed.
            changed = self._changed
            status = self._status(service)
            if status is None:
                status = _Answer.SERVICE_UNKNOWN
            if status != last:
                await context.write(_Answer(status=status))
                last = status
            # Not before the last status was told.
            if self._closed and changed is self._changed:
                return
            await changed.wait()

    def _status(self, service: str) -> int | None:
        if service == LIVENESS:
            return _Answer.SERVING
        if service not in self._ready_names:
            return None
        return _Answer.SERVING if self._ready else _Answer.NOT_SERVING

    def _wake_watchers(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
