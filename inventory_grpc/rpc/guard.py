"""The one wrapper around every handler: what happens to a call before and after it.

1. Bytes that are no message of the method's type: MALFORMED_REQUEST.
2. Admission: OVERLOADED, DRAINING.
3. The handler; a plain function runs in a thread, because nothing blocking runs on the loop.
4. A refusal becomes its status. Cancellation passes. Anything else is a bug: the caller gets an
   opaque INTERNAL with an incident id, the log everything under the same id.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Protocol, TypeAlias, cast

import grpc
from google.protobuf.message import Message

from inventory_grpc.domain.errors import DomainError, MalformedRequest
from inventory_grpc.rpc import reply
from inventory_grpc.rpc.incident import incident_of
from inventory_grpc.rpc.reply import Context, DeadlineOver

Reply = Message | bytes
Handler = Callable[[Message, Context], Awaitable[Reply]]
MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Message, Reply]"
Decode = Callable[[bytes], Message]
GrpcBehavior = Callable[[object, grpc.ServicerContext], Reply]
"""How gRPC's types see handlers; they do not know that asynchronous ones may be registered."""


class Admission(Protocol):
    """Whether a call may start."""

    def enter(self) -> None:
        """Raises Overloaded or Draining."""

    def leave(self) -> None:
        """The call has ended."""


class Malformed:
    """Stands for bytes that could not be decoded; carries nothing of them."""


class ReadCall:
    """What a handler in a thread may ask of its call."""

    __slots__ = ("_deadline",)

    def __init__(self, seconds_left: float) -> None:
        self._deadline = time.monotonic() + seconds_left

    def time_remaining(self) -> float:
        """Seconds until the deadline, at most 60 when the call began; never negative."""
        return max(self._deadline - time.monotonic(), 0.0)


Blocking = Callable[[Message, ReadCall], Message]


class Guard:
    """Wraps handlers; one per server."""

    def __init__(self, admission: Admission, threads: Executor | None = None) -> None:
        """``threads`` runs the plain functions; without it the loop's default executor does."""
        self._admission = admission
        self._threads = threads

    def wrap(self, method: str, handler: MethodHandler) -> MethodHandler:
        """The same method (``/package.Service/Method``), guarded. Unary calls only."""
        behavior, decode = handler.unary_unary, handler.request_deserializer
        if behavior is None or decode is None:
            raise TypeError(f"{method} is not a unary method of protobuf messages")
        asynchronous = (
            cast("Handler", behavior)
            if inspect.iscoroutinefunction(behavior)
            else self._in_thread(cast("Blocking", behavior))
        )
        return grpc.unary_unary_rpc_method_handler(
            cast("GrpcBehavior", self._guarded(method, asynchronous)),
            request_deserializer=cast("Decode", _never_raising(decode)),
            response_serializer=_as_bytes,
        )

    def _guarded(self, method: str, handler: Handler) -> Handler:
        admission = self._admission

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
            except DeadlineOver:
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

    def _in_thread(self, handler: Blocking) -> Handler:
        async def call(request: Message, context: Context) -> bytes:
            in_thread = ReadCall(reply.time_left(context))
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, _run, handler, request, in_thread
            )

        return call


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _run(handler: Blocking, request: Message, call: ReadCall) -> bytes:
    """In a thread. Answers of up to 3 MiB are serialized here too, not on the loop."""
    if call.time_remaining() <= 0:
        raise DeadlineOver
    return handler(request, call).SerializeToString()


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
