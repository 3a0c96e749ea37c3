"""Guarded handlers behind a real port, and what a client sees of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain.caller import ANONYMOUS, Caller, Role
from inventory_grpc.rpc.calls import Call
from inventory_grpc.rpc.guard import Guard
from inventory_grpc.rpc.registry import MetadataLimit, register

if TYPE_CHECKING:
    from inventory_grpc.domain.errors import DomainError

CALLER: Final = Caller("shop", Role.WRITER)


class Admission:
    """A door: counts; refuses with ``refusal`` while it is set."""

    def __init__(self) -> None:
        self.refusal: DomainError | Exception | None = None
        self.inside = 0
        self.rows: list[int] = []
        """Of the batches among them."""
        self.left = asyncio.Event()
        """A call has ended since it was cleared."""

    def enter(self, context: object) -> Caller:
        if self.refusal is not None:
            raise self.refusal
        self.inside += 1
        return CALLER

    def confirm(self, context: object) -> None:
        assert self.inside
        if self.refusal is not None:
            raise self.refusal

    def charge(self, caller: Caller, rows: int) -> None:
        assert caller is CALLER
        assert self.inside
        self.rows.append(rows)

    def leave(self, caller: Caller) -> None:
        assert caller is CALLER
        self.inside -= 1
        self.left.set()


@dataclass
class Doors:
    """One for all methods, or another one for those that last."""

    door: Admission
    lasting: Admission | None

    def of(self, method: str, *, lasting: bool) -> Admission:
        return (self.lasting or self.door) if lasting else self.door


@dataclass
class Journal:
    """Notes every call, twice."""

    began: list[Call] = field(default_factory=list)
    ended: list[Call] = field(default_factory=list)

    def of(self, method: str) -> "Watch":
        return Watch(self, method)


@dataclass
class Watch:
    journal: Journal
    method: str

    def began(self, call: Call, context: object) -> None:
        assert call.method == self.method
        assert (call.caller, call.code) == (ANONYMOUS, 0), "nothing is known of it yet"
        self.journal.began.append(call)

    def ended(self, call: Call, seconds: float) -> None:
        assert call in self.journal.began
        assert seconds >= 0
        self.journal.ended.append(call)


@asynccontextmanager
async def serving(
    service: ServiceDescriptor,
    add_to_server: Callable[[Any, Any], None],
    handler: Callable[..., object],
    streams: Admission | None = None,
    journal: Journal | None = None,
) -> AsyncIterator[tuple[Admission, grpc.aio.Channel]]:
    """Every method of ``service`` is ``handler``. Checks that every call that entered has left.

    ``streams`` admits those of an asynchronous handler that streams.
    """
    methods = [method.name for method in service.methods]
    servicer = type("Servicer", (), dict.fromkeys(methods, staticmethod(handler)))()
    admission = Admission()
    server = grpc.aio.server()
    with ThreadPoolExecutor(1) as threads:
        guard = Guard(Doors(admission, streams), threads, journal or Journal())
        limit = MetadataLimit(16_384, lambda _context, _bytes: None)
        names = register(server, [(servicer, add_to_server)], guard, limit)
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
