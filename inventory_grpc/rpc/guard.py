"""The one wrapper around every handler: what happens to a call before and after it.

1. The door: UNAUTHENTICATED, PERMISSION_DENIED, RATE_LIMITED, OVERLOADED, DRAINING. Nothing of the
   request is looked at before, so that nothing of it is revealed. Not even decoded: 4 MiB of empty
   rows become 170 MiB and hold up the loop for 70 ms, which nobody gets who may not enter.
2. Bytes that are no message of the method's type: MALFORMED_REQUEST.
3. The handler; a plain function or generator runs in threads. A coroutine function that streams
   may go on for long: its door is told, and it can have its caller confirmed on the way.
4. A refusal becomes its status. Cancellation passes. Anything else is a bug: the caller gets an
   opaque INTERNAL with an incident id, the log everything under the same id.

Who observes the calls hears of each when it begins and when it has ended, however it ended.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TypeAlias, cast

import grpc
from google.protobuf.message import Message

from inventory_grpc.domain.caller import Caller, Role
from inventory_grpc.domain.errors import (
    DomainError,
    MalformedRequest,
    PermissionDenied,
    RateLimited,
)
from inventory_grpc.rpc import reply
from inventory_grpc.rpc.blocking import Blocking, Handler, Reply, Streaming, answering, streaming
from inventory_grpc.rpc.calls import Call, Door, Doors, Observers, current
from inventory_grpc.rpc.costs import Rows, rows_of
from inventory_grpc.rpc.incident import incident_of
from inventory_grpc.rpc.reply import Context, DeadlineOver
from inventory_grpc.services.patience import NotThereYet

MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Message, Reply]"
Decode = Callable[[bytes], Message]
Guarded = Callable[[bytes, Context], Awaitable[Reply]]
"""A handler that gets its request as it was sent."""
GrpcBehavior = Callable[[object, grpc.ServicerContext], Reply]
"""How gRPC's types see handlers; they do not know that asynchronous ones may be registered."""
GrpcStream = Callable[[object, grpc.ServicerContext], Iterator[Reply]]


class Guard:
    """Wraps handlers; one per server."""

    def __init__(self, doors: Doors, threads: Executor, observers: Observers) -> None:
        """``threads`` runs the plain handlers, because nothing blocking runs on the loop."""
        self._doors = doors
        self._threads = threads
        self._observers = observers

    def wrap(self, method: str, handler: MethodHandler) -> MethodHandler:
        """The same method (``/package.Service/Method``), guarded. One request message only."""
        decode = handler.request_deserializer
        if decode is None or handler.request_streaming:
            raise TypeError(f"{method} does not take one protobuf message")
        # Without a deserializer gRPC hands over the bytes, before which it would call one.
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                cast("GrpcStream", self._stream(method, decode, handler)), None, _as_bytes
            )
        guarded = self._guarded(method, decode, self._unary(handler), lasting=False)
        return grpc.unary_unary_rpc_method_handler(cast("GrpcBehavior", guarded), None, _as_bytes)

    def _stream(self, method: str, decode: Decode, handler: MethodHandler) -> Guarded:
        if inspect.iscoroutinefunction(handler.unary_stream):
            asynchronous = cast("Handler", handler.unary_stream)
            return self._guarded(method, decode, asynchronous, lasting=True)
        stream = streaming(cast("Streaming", handler.unary_stream), self._threads)
        return self._guarded(method, decode, stream, lasting=False)

    def _unary(self, handler: MethodHandler) -> Handler:
        if inspect.iscoroutinefunction(handler.unary_unary):
            return cast("Handler", handler.unary_unary)
        return answering(cast("Blocking", handler.unary_unary), self._threads)

    def _guarded(self, method: str, decode: Decode, handler: Handler, *, lasting: bool) -> Guarded:
        door, observer = self._doors.of(method, lasting=lasting), self._observers.of(method)
        rows = rows_of(method)
        handler = _charged(door, rows, handler) if rows else handler
        handler = _confirmable(door, handler) if lasting else handler
        decoded = _decoded(decode, handler)

        async def observed(raw: bytes, context: Context) -> Reply:
            began = time.monotonic()
            call = Call(method)
            current.set(call)
            observer.began(call, context)
            try:
                return await _enter(door, decoded, raw, context)
            finally:
                call.code = _final_code(context)
                observer.ended(call, time.monotonic() - began)

        return observed


def _charged(door: Door, rows: Rows, handler: Handler) -> Handler:
    """Only a batch is larger than it seemed at the door."""

    async def charged(request: Message, context: Context) -> Reply:
        door.charge(current.get().caller, rows(request))
        return await handler(request, context)

    return charged


def _confirmable(door: Door, handler: Handler) -> Handler:
    """It is told whether its caller still may, whenever it asks."""

    async def confirmable(request: Message, context: Context) -> Reply:
        current.get().confirm = partial(door.confirm, context)
        return await handler(request, context)

    return confirmable


def _decoded(decode: Decode, handler: Handler) -> Guarded:
    """The handler, of bytes."""

    def decoded(raw: bytes, context: Context) -> Awaitable[Reply]:
        try:
            request = decode(raw)
        except Exception:  # noqa: BLE001 - whatever the decoder finds wrong is the caller's doing
            # Nothing of what it says: gRPC would answer UNKNOWN with all of it.
            raise MalformedRequest(current.get().method) from None
        return handler(request, context)

    return decoded


async def _enter(door: Door, handler: Guarded, raw: bytes, context: Context) -> Reply:
    """Through the door, and out again in any case."""
    call = current.get()
    try:
        call.caller = door.enter(context)
    except Exception as error:  # noqa: BLE001 - what no caller can cause is a bug like any other
        if isinstance(error, PermissionDenied | RateLimited):
            # Known, and all the same not let in.
            call.caller = Caller(error.caller, Role.READER)
        return _refused(call, context, error)
    try:
        return await handler(raw, context)
    except (DeadlineOver, NotThereYet):
        return reply.end_without_details(context, grpc.StatusCode.DEADLINE_EXCEEDED)
    except asyncio.CancelledError:
        # The caller is gone, or else what it waited for was dropped for want of time.
        if _cancelled():
            raise
        return reply.end_without_details(context, grpc.StatusCode.DEADLINE_EXCEEDED)
    except Exception as error:  # noqa: BLE001 - nothing of a bug may reach the caller
        return _refused(call, context, error)
    finally:
        door.leave(call.caller)


def _refused(call: Call, context: Context, error: Exception) -> bytes:
    refusal = error if isinstance(error, DomainError) else incident_of(call.method, error)
    call.reason = refusal.reason
    return reply.refuse(context, refusal)


def _final_code(context: Context) -> int:
    """As far as the server knows: of a call that is cancelled, it is not told why."""
    if _cancelled():
        over = reply.is_over(context)
        code = grpc.StatusCode.DEADLINE_EXCEEDED if over else grpc.StatusCode.CANCELLED
        return int(code.value[0])
    return reply.code_of(context)


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _as_bytes(answer: Reply) -> bytes:
    return answer if isinstance(answer, bytes) else answer.SerializeToString()
