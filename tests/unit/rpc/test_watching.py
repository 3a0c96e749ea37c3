"""Streams of asynchronous handlers, over a real port: admitted apart, ended like all calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from inventory_grpc.domain.errors import Overloaded, SlowConsumer
from inventory_grpc.rpc.reply import Context
from inventory_grpc.v1 import changes_pb2, changes_pb2_grpc
from inventory_grpc.v1.changes_pb2 import WatchChangesRequest as Request
from inventory_grpc.v1.changes_pb2 import WatchChangesResponse as Response
from tests.unit.rpc.guarded import Admission, reason_of, refusal_of, serving

_METHOD = "/inventory.v1.ChangeService/WatchChanges"
_SERVICE = changes_pb2.DESCRIPTOR.services_by_name["ChangeService"]

Stream = grpc.aio.UnaryStreamCall[bytes, Response]


class _Served:
    def __init__(self, calls: Admission, streams: Admission, channel: grpc.aio.Channel) -> None:
        self.calls = calls
        self.streams = streams
        self._channel = channel

    def watch(self) -> Stream:
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, Response] = self._channel.unary_stream(
            _METHOD, response_deserializer=Response.FromString
        )
        return stream(b"", timeout=10)


@asynccontextmanager
async def _serving(handler: object) -> AsyncIterator[_Served]:
    add, streams = changes_pb2_grpc.add_ChangeServiceServicer_to_server, Admission()
    assert callable(handler)
    async with serving(_SERVICE, add, handler, streams) as (calls, channel):
        yield _Served(calls, streams, channel)


async def test_a_stream_takes_no_place_among_the_calls() -> None:
    async def handler(request: Request, context: Context) -> bytes:
        await context.write(Response(checkpoint=changes_pb2.Checkpoint()).SerializeToString())
        await asyncio.Event().wait()
        return b""

    async with _serving(handler) as served:
        watch = served.watch()
        assert await anext(aiter(watch)) == Response(checkpoint=changes_pb2.Checkpoint())
        assert (served.calls.inside, served.streams.inside) == (0, 1)
        watch.cancel()
        await served.streams.left.wait()


async def test_a_stream_is_refused_by_its_own_limit() -> None:
    async def handler(request: Request, context: Context) -> bytes:
        return b""

    async with _serving(handler) as served:
        served.streams.refusal = Overloaded("watch_streams")
        _, trailers = await refusal_of(anext(aiter(served.watch())))
        assert reason_of(trailers) == "OVERLOADED"


@pytest.mark.parametrize("messages", [0, 2])
async def test_a_refusal_ends_a_stream_whatever_it_has_sent(messages: int) -> None:
    async def handler(request: Request, context: Context) -> bytes:
        for _ in range(messages):
            await context.write(Response().SerializeToString())
        raise SlowConsumer("last", 10)

    async with _serving(handler) as served:
        answers = aiter(served.watch())
        assert [await anext(answers) for _ in range(messages)] == [Response()] * messages
        error, trailers = await refusal_of(anext(answers))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason_of(trailers) == "SLOW_CONSUMER"


async def test_a_bug_in_a_stream_is_opaque() -> None:
    async def handler(request: Request, context: Context) -> bytes:
        raise KeyError("secret")

    async with _serving(handler) as served:
        error, trailers = await refusal_of(anext(aiter(served.watch())))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in str(error.details())
        assert reason_of(trailers) == "INTERNAL"
