"""A stream that works long for its next message shares its thread, and ends with its call."""

import asyncio
import threading
from collections.abc import Generator

import grpc

from inventory_grpc.rpc.blocking import ReadCall
from inventory_grpc.v1 import stock_pb2, stock_pb2_grpc
from inventory_grpc.v1.common_pb2 import ProductKey
from inventory_grpc.v1.stock_pb2 import CheckConsistencyRequest as Request
from inventory_grpc.v1.stock_pb2 import CheckConsistencyResponse as Response
from tests.unit.rpc.guarded import serving

METHOD = "/inventory.v1.StockService/CheckConsistency"
_SERVICE = stock_pb2.DESCRIPTOR.services_by_name["StockService"]
_SUMMARY = Response(summary=Response.Summary(products=1))

Answers = Generator[Response | None]


def _call(channel: grpc.aio.Channel, raw: bytes = b"") -> grpc.aio.UnaryStreamCall[bytes, Response]:
    method: grpc.aio.UnaryStreamMultiCallable[bytes, Response] = channel.unary_stream(
        METHOD, response_deserializer=Response.FromString
    )
    return method(raw, timeout=30)


async def test_pauses_send_nothing_and_do_not_end_the_stream() -> None:
    def handler(request: Request, call: ReadCall) -> Answers:
        yield None
        yield None
        yield _SUMMARY
        yield None

    async with serving(_SERVICE, stock_pb2_grpc.add_StockServiceServicer_to_server, handler) as (
        _,
        channel,
    ):
        assert [each async for each in _call(channel)] == [_SUMMARY]


async def test_others_get_the_thread_in_a_pause_and_a_cancelled_stream_is_closed_in_one() -> None:
    paused, closed = threading.Event(), threading.Event()

    def handler(request: Request, call: ReadCall) -> Answers:
        if request.products:
            yield _SUMMARY
            return
        try:
            while True:
                paused.set()
                yield None
        finally:
            closed.set()

    # There is one thread.
    async with serving(_SERVICE, stock_pb2_grpc.add_StockServiceServicer_to_server, handler) as (
        _,
        channel,
    ):
        endless = _call(channel)
        reading = asyncio.ensure_future(endless.read())
        assert await asyncio.to_thread(paused.wait, 10)
        other = Request(products=[ProductKey(sku="A")]).SerializeToString()
        assert [each async for each in _call(channel, other)] == [_SUMMARY]
        reading.cancel()
        endless.cancel()
        assert await asyncio.to_thread(closed.wait, 10)
