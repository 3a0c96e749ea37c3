"""Guarded handlers behind a real port, and what a client sees of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from inventory_grpc.rpc.guard import Guard
from inventory_grpc.rpc.registry import register

if TYPE_CHECKING:
    from inventory_grpc.domain.errors import DomainError


class Admission:
    """Counts; refuses with ``refusal`` while it is set."""

    def __init__(self) -> None:
        self.refusal: DomainError | None = None
        self.inside = 0
        self.left = asyncio.Event()
        """A call has ended since it was cleared."""

    def enter(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.inside += 1

    def leave(self) -> None:
        self.inside -= 1
        self.left.set()


@asynccontextmanager
async def serving(
    service: ServiceDescriptor,
    add_to_server: Callable[[Any, Any], None],
    handler: Callable[..., object],
    streams: Admission | None = None,
) -> AsyncIterator[tuple[Admission, grpc.aio.Channel]]:
    """Every method of ``service`` is ``handler``. Checks that every call that entered has left.

    ``streams`` admits those of an asynchronous handler that streams.
    """
    methods = [method.name for method in service.methods]
    servicer = type("Servicer", (), dict.fromkeys(methods, staticmethod(handler)))()
    admission = Admission()
    server = grpc.aio.server()
    with ThreadPoolExecutor(1) as threads:
        names = register(server, [(servicer, add_to_server)], Guard(admission, threads, streams))
        assert names == (service.full_name,)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield admission, channel
        finally:
            await server.stop(None)
    assert admission.inside == 0
    assert streams is None or streams.inside == 0


async def refusal_of(
    call: Awaitable[object],
) -> tuple[grpc.aio.AioRpcError, dict[str, str | bytes]]:
    """How it ended, and its trailing metadata."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value, dict(refused.value.trailing_metadata())


def reason_of(trailers: dict[str, str | bytes]) -> str:
    """The reason that the trailing metadata names."""
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)
