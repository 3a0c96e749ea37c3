"""Calls over a channel of asyncio. `wire_sync` has the same for threads; all else is shared."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Generic, TypeVar, cast

import grpc

from inventory_grpc.client.connect import ChannelOptions, Credentials, Tls, secret_of
from inventory_grpc.client.errors import InventoryError
from inventory_grpc.client.failures import failure

Request = TypeVar("Request")
Answer = TypeVar("Answer")

Channel = grpc.aio.Channel
# Generic for type checkers only: annotations that use them are quoted.
UnaryMethod = grpc.aio.UnaryUnaryMultiCallable
StreamMethod = grpc.aio.UnaryStreamMultiCallable
Metadata = tuple[tuple[str, str | bytes], ...]

pause: Final = asyncio.sleep


def open_channel(target: str, tls: Tls | None, options: ChannelOptions) -> Channel:
    """A channel of the running event loop; it connects when it is first used."""
    if tls is None:
        return grpc.aio.insecure_channel(target, options)
    return grpc.aio.secure_channel(target, tls.credentials(), options)


async def close_channel(channel: Channel) -> None:
    """Ends the calls that are still in flight."""
    await channel.close()


async def metadata(credentials: Credentials | None) -> Metadata:
    """Who calls, asked anew every time."""
    if credentials is None:
        return ()
    secret = secret_of(credentials)
    value = secret if isinstance(secret, str) else secret()
    return (credentials.metadata(value if isinstance(value, str) else await value),)


async def send(
    method: "UnaryMethod[Request, Answer]", request: Request, seconds: float | None, sent: Metadata
) -> Answer:
    """One attempt. Raises InventoryError."""
    try:
        return await method(request, timeout=seconds, metadata=sent)
    except grpc.aio.AioRpcError as error:
        raise _failure(error) from error


class Stream(Generic[Answer]):
    """The messages of one call. Raises InventoryError while it is iterated."""

    def __init__(
        self,
        method: "StreamMethod[Request, Answer]",
        request: Request,
        seconds: float | None,
        sent: Metadata,
    ) -> None:
        self._call = method(request, timeout=seconds, metadata=sent)

    async def __aiter__(self) -> AsyncIterator[Answer]:
        while (message := await self.next()) is not None:
            yield message

    async def next(self) -> Answer | None:
        """The next message; None at the end."""
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from error
        except asyncio.CancelledError:
            # Also raised when the call was cancelled, and not the task that waits for it.
            task = asyncio.current_task()
            if not self._call.cancelled() or (task is not None and task.cancelling()):
                raise
            raise failure(grpc.StatusCode.CANCELLED, "cancelled by the client", ()) from None
        return None if message is grpc.aio.EOF else cast("Answer", message)

    def cancel(self) -> None:
        """End it; whoever waits for a message gets CANCELLED."""
        self._call.cancel()


class Bell:
    """Wakes who waits."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake now and from now on."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until it rings."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)


def _failure(error: grpc.aio.AioRpcError) -> InventoryError:
    trailers = error.trailing_metadata() or ()
    return failure(error.code(), error.details(), [(each[0], each[1]) for each in trailers])
