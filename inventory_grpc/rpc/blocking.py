"""Plain handlers, in threads: nothing blocking runs on the event loop.

A handler that streams is a generator function. Each of its messages is made in a thread, which is
free for others while the client takes the message. One that works long for its next message yields
None in between: then others get the thread, and a call whose caller is gone ends.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial

from google.protobuf.message import Message

from inventory_grpc.rpc import reply
from inventory_grpc.rpc.reply import Context, DeadlineOver
from inventory_grpc.services.patience import once_there

Reply = Message | bytes
Handler = Callable[[Message, Context], Awaitable[Reply]]
"""What gRPC is given. One that streams writes to the context; what it returns is not sent."""


class ReadCall:
    """What a handler in a thread may ask of its call."""

    __slots__ = ("_deadline",)

    def __init__(self, seconds_left: float) -> None:
        self.renew(seconds_left)

    def renew(self, seconds_left: float) -> None:
        """A stream goes on: the limit of 60 seconds is that of one step."""
        self._deadline = time.monotonic() + seconds_left

    def time_remaining(self) -> float:
        """Seconds until the deadline, at most 60 when the call began; never negative."""
        return max(self._deadline - time.monotonic(), 0.0)


Blocking = Callable[[Message, ReadCall], Message]
Streaming = Callable[[Message, ReadCall], Generator[Message | None, None, None]]


def answering(handler: Blocking, threads: Executor) -> Handler:
    """A handler that gives one answer."""

    async def call(request: Message, context: Context) -> bytes:
        in_thread = ReadCall(reply.time_left(context))
        # What is known of the call is known in the thread, too.
        answer = partial(copy_context().run, _answer, handler, request, in_thread)
        return await once_there(threads, answer, in_thread.time_remaining())

    return call


def streaming(handler: Streaming, threads: Executor) -> Handler:
    """A handler that gives many; it is closed when the call ends, however it ends."""

    async def call(request: Message, context: Context) -> bytes:
        in_thread = ReadCall(reply.time_left(context))
        answers = handler(request, in_thread)
        step: Future[tuple[bool, bytes | None]] | None = None
        try:
            while True:
                step = threads.submit(copy_context().run, _next, answers, in_thread)
                goes_on, answer = await asyncio.wrap_future(step)
                if not goes_on:
                    return b""
                if answer is not None:
                    await context.write(answer)
                in_thread.renew(reply.time_left(context))
        finally:
            if step is not None:
                # Not before the step under way has ended, and in a thread, because it may block.
                step.add_done_callback(lambda _: threads.submit(answers.close))

    return call


def _answer(handler: Blocking, request: Message, call: ReadCall) -> bytes:
    """In a thread. Answers of up to 3 MiB are serialized here too, not on the loop."""
    if call.time_remaining() <= 0:
        raise DeadlineOver
    return handler(request, call).SerializeToString()


def _next(
    answers: Generator[Message | None, None, None], call: ReadCall
) -> tuple[bool, bytes | None]:
    """In a thread. Whether the stream goes on, and the message if there is one by now."""
    if call.time_remaining() <= 0:
        raise DeadlineOver
    for answer in answers:
        return True, None if answer is None else answer.SerializeToString()
    return False, None
