"""The one wrapper around every handler: what happens to a call before and after it.

1. Bytes that are no message of the method's type: MALFORMED_REQUEST.
2. Admission: OVERLOADED, DRAINING.
3. The handler; a plain function or generator runs in threads. A coroutine function that streams
   may go on for long, so that such calls have an admission of their own.
4. A refusal becomes its status. Cancellation passes. Anything else is a bug: the caller gets an
   opaque INTERNAL with an incident id, the log everything under the same id.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Protocol, TypeAlias, cast

import grpc
from google.protobuf.message import Message

from inventory_grpc.domain.errors import DomainError, MalformedRequest
from inventory_grpc.rpc import reply
from inventory_grpc.rpc.blocking import Blocking, Handler, Reply, Streaming, answering, streaming
from inventory_grpc.rpc.incident import incident_of
from inventory_grpc.rpc.reply import Context, DeadlineOver
from inventory_grpc.services.patience import NotThereYet

MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Message, Reply]"
Decode = Callable[[bytes], Message]
GrpcBehavior = Callable[[object, grpc.ServicerContext], Reply]
"""How gRPC's types see handlers; they do not know that asynchronous ones may be registered."""
GrpcStream = Callable[[object, grpc.ServicerContext], Iterator[Reply]]


class Admission(Protocol):
    """Whether a call may start."""

    def enter(self) -> None:
        """Raises Overloaded or Draining."""

    def leave(self) -> None:
        """The call has ended."""


class Malformed:
    """Stands for bytes that could not be decoded; carries nothing of them."""


class Guard:
    """Wraps handlers; one per server."""

    def __init__(
        self, admission: Admission, threads: Executor, streams: Admission | None = None
    ) -> None:
        """``threads`` runs the plain handlers, because nothing blocking runs on the loop.

        ``streams`` admits the calls of asynchronous handlers that stream; None: like the others.
        """
        self._admission = admission
        self._threads = threads
        self._streams = streams or admission

    def wrap(self, method: str, handler: MethodHandler) -> MethodHandler:
        """The same method (``/package.Service/Method``), guarded. One request message only."""
        decode = handler.request_deserializer
        if decode is None or handler.request_streaming:
            raise TypeError(f"{method} does not take one protobuf message")
        decode = cast("Decode", _never_raising(decode))
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                cast("GrpcStream", self._stream(method, handler)), decode, _as_bytes
            )
        guarded = self._guarded(method, self._unary(handler), self._admission)
        return grpc.unary_unary_rpc_method_handler(cast("GrpcBehavior", guarded), decode, _as_bytes)

    def _stream(self, method: str, handler: MethodHandler) -> Handler:
        if inspect.iscoroutinefunction(handler.unary_stream):
            return self._guarded(method, cast("Handler", handler.unary_stream), self._streams)
        stream = streaming(cast("Streaming", handler.unary_stream), self._threads)
        return self._guarded(method, stream, self._admission)

    def _unary(self, handler: MethodHandler) -> Handler:
        if inspect.iscoroutinefunction(handler.unary_unary):
            return cast("Handler", handler.unary_unary)
        return answering(cast("Blocking", handler.unary_unary), self._threads)

    def _guarded(self, method: str, handler: Handler, admission: Admission) -> Handler:
        async def call(request: Message | Malformed, context: Context) -> Reply:
            try:
                if isinstance(request, Malformed):
                    raise MalformedRequest(method)
                admission.enter()
            except DomainError as error:
                return reply.refuse(context, error)
            try:
                return await handler(request, context)
            except DomainError as error:
                return reply.refuse(context, error)
            except (DeadlineOver, NotThereYet):
                return reply.end_without_details(context, grpc.StatusCode.DEADLINE_EXCEEDED)
            except asyncio.CancelledError:
                # The caller is gone, or else what it waited for was dropped for want of time.
                if _cancelled():
                    raise
                return reply.end_without_details(context, grpc.StatusCode.DEADLINE_EXCEEDED)
            except Exception as bug:  # noqa: BLE001 - nothing of a bug may reach the caller
                return reply.refuse(context, incident_of(method, bug))
            finally:
                admission.leave()

        return call


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _never_raising(decode: Callable[[bytes], Message]) -> Callable[[bytes], Message | Malformed]:
    """gRPC would answer UNKNOWN, with the decoder's text, before any handler runs."""

    def deserialize(raw: bytes) -> Message | Malformed:
        try:
            return decode(raw)
        except Exception:  # noqa: BLE001 - whatever the decoder finds wrong is the caller's doing
            return Malformed()

    return deserialize


def _as_bytes(answer: Reply) -> bytes:
    return answer if isinstance(answer, bytes) else answer.SerializeToString()
