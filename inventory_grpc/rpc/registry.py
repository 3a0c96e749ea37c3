"""Registers servicers with every handler guarded.

Wrapping handlers instead of intercepting calls also reaches the deserializer, and costs a call
less per RPC.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import grpc

from inventory_grpc.rpc.calls import sent
from inventory_grpc.rpc.guard import GrpcStream, Guard, MethodHandler
from inventory_grpc.rpc.reply import Context

if TYPE_CHECKING:
    from inventory_grpc.rpc.servicers import Registration

Handlers = Mapping[str, MethodHandler]

_PAIR_BYTES: Final = 32
"""What HTTP/2 adds to a name and its value."""
_EXCEEDED: Final = "received metadata size exceeds limit"


@dataclass(frozen=True, slots=True)
class MetadataLimit:
    """What may come with a call, of whatever method: more is refused with RESOURCE_EXHAUSTED."""

    bytes_max: int
    """As HTTP/2 counts them (RFC 9113, 6.5.2), those that gRPC hands on."""
    exceeded: Callable[[Context, int], None]
    """Is told of each call that is refused, and how many bytes it has."""


_exceeding: ContextVar[int] = ContextVar("exceeding")
"""The bytes of the call that is refused."""


class _Capture:
    """Takes a server's place in the generated ``add_…_to_server`` functions."""

    def __init__(self) -> None:
        self.services: dict[str, Handlers] = {}

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """The same methods come again, one by one, below."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        self.services[service] = handlers


class _Methods(grpc.GenericRpcHandler):
    """Those of all services at once: for each call gRPC asks one handler after the other, and this
    one first."""

    def __init__(self, handlers: Handlers, limit: MetadataLimit) -> None:
        """By /package.Service/Method."""
        self._handlers = handlers
        self._limit = limit
        # One for a call of one message would wait for that, and never run where gRPC itself has
        # ended the call for the same reason: then nobody would hear of it.
        self._refusing = cast(
            "MethodHandler",
            grpc.stream_stream_rpc_method_handler(cast("GrpcStream", self._refuse)),
        )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "MethodHandler | None":
        """The method's handler, which runs in the same task as this."""
        metadata = handler_call_details.invocation_metadata
        size = _size(metadata)
        if size > self._limit.bytes_max:
            _exceeding.set(size)
            return self._refusing
        sent.set(metadata)
        return self._handlers.get(handler_call_details.method)

    async def _refuse(self, _requests: object, context: Context) -> None:
        self._limit.exceeded(context, _exceeding.get())
        context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
        context.set_details(_EXCEEDED)


def _size(metadata: Sequence[tuple[str, str | bytes]]) -> int:
    """In bytes; of text that is not ASCII, which no client library sends, in characters."""
    size = _PAIR_BYTES * len(metadata)
    for name, value in metadata:
        size += len(name) + len(value)
    return size


def register(
    server: grpc.aio.Server,
    servicers: "Iterable[Registration]",
    guard: Guard,
    limit: MetadataLimit,
) -> tuple[str, ...]:
    """Serves them, guarded; returns the full names of their services. ``limit`` goes for whatever
    is added to the server later, too."""
    capture = _Capture()
    for servicer, add_to_server in servicers:
        add_to_server(servicer, cast("grpc.aio.Server", capture))
    methods = {
        f"/{service}/{name}": handler
        for service, handlers in capture.services.items()
        for name, handler in handlers.items()
    }
    guarded = {method: guard.wrap(method, handler) for method, handler in methods.items()}
    # Not as registered methods: each call then costs gRPC a task per registered method, which
    # made the empty RPC dearer by a quarter.
    server.add_generic_rpc_handlers((_Methods(guarded, limit),))
    return tuple(capture.services)
