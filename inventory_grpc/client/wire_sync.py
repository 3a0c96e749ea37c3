"""Calls over a blocking channel. `wire_aio` has the same for asyncio; all else is shared."""

import threading
import time
from collections.abc import Iterator
from typing import Final, Generic, TypeVar, cast

import grpc

from inventory_grpc.client.connect import ChannelOptions, Credentials, Tls, secret_of
from inventory_grpc.client.errors import InventoryError
from inventory_grpc.client.failures import failure

Request = TypeVar("Request")
Answer = TypeVar("Answer")

Channel = grpc.Channel
# Generic for type checkers only: annotations that use them are quoted.
UnaryMethod = grpc.UnaryUnaryMultiCallable
StreamMethod = grpc.UnaryStreamMultiCallable
Metadata = tuple[tuple[str, str | bytes], ...]

pause: Final = time.sleep


def open_channel(target: str, tls: Tls | None, options: ChannelOptions) -> Channel:
    """A channel; it connects when it is first used."""
    if tls is None:
        return grpc.insecure_channel(target, options)
    return grpc.secure_channel(target, tls.credentials(), options)


def close_channel(channel: Channel) -> None:
    """Ends the calls that are still in flight."""
    channel.close()


def metadata(credentials: Credentials | None) -> Metadata:
    """Who calls, asked anew every time. Raises TypeError for a function that has to be awaited."""
    if credentials is None:
        return ()
    secret = secret_of(credentials)
    value = secret if isinstance(secret, str) else secret()
    if not isinstance(value, str):
        raise TypeError("a credential that is awaited needs AsyncInventoryClient")
    return (credentials.metadata(value),)


def send(
    method: "UnaryMethod[Request, Answer]", request: Request, seconds: float | None, sent: Metadata
) -> Answer:
    """One attempt. Raises InventoryError."""
    try:
        return method(request, timeout=seconds, metadata=sent)
    except grpc.RpcError as error:
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

    def __iter__(self) -> Iterator[Answer]:
        while (message := self.next()) is not None:
            yield message

    def next(self) -> Answer | None:
        """The next message; None at the end."""
        try:
            return next(self._call, None)
        except grpc.RpcError as error:
            raise _failure(error) from error

    def cancel(self) -> None:
        """End it; whoever waits for a message gets CANCELLED."""
        self._call.cancel()


class Bell:
    """Wakes who waits."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """Wake now and from now on."""
        self._rung.set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until it rings."""
        self._rung.wait(seconds)


def _failure(error: grpc.RpcError) -> InventoryError:
    # What a stub raises is both an error and a finished call.
    call = cast("grpc.Call", error)
    trailers = call.trailing_metadata() or ()
    return failure(call.code(), call.details(), [(each[0], each[1]) for each in trailers])
