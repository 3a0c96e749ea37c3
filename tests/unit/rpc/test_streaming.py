"""What happens to a stream before, between and after its messages, over a real port."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager

import grpc
import pytest

from inventory_grpc.domain.errors import DatabaseUnavailable, ProductNotFound
from inventory_grpc.rpc.blocking import ReadCall
from inventory_grpc.v1 import stock_pb2, stock_pb2_grpc
from inventory_grpc.v1.common_pb2 import ProductKey
from inventory_grpc.v1.stock_pb2 import CheckConsistencyRequest as Request
from inventory_grpc.v1.stock_pb2 import CheckConsistencyResponse as Response
from tests.unit.rpc.guarded import Admission, reason_of, refusal_of, serving

METHOD = "/inventory.v1.StockService/CheckConsistency"
_SERVICE = stock_pb2.DESCRIPTOR.services_by_name["StockService"]
_UNREAD = 100_000
"""More messages than fit into the buffers between a handler and a client that does not read."""

Answers = Generator[Response | None]
Stream = grpc.aio.UnaryStreamCall[bytes, Response]


class _Served:
    def __init__(self, admission: Admission, channel: grpc.aio.Channel) -> None:
        self.admission = admission
        self._channel = channel

    def call(self, raw: bytes = b"", timeout: float = 10) -> Stream:
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, Response] = self._channel.unary_stream(
            METHOD, response_deserializer=Response.FromString
        )
        return stream(raw, timeout=timeout)


@asynccontextmanager
async def _serving(handler: Callable[[Request, ReadCall], Answers]) -> AsyncIterator[_Served]:
    add = stock_pb2_grpc.add_StockServiceServicer_to_server
    async with serving(_SERVICE, add, handler) as (admission, channel):
        yield _Served(admission, channel)


def _violation(number: int) -> Response:
    return Response(violation=Response.Violation(first_bad_version=number))


async def test_the_messages_of_a_stream_are_made_in_threads_and_arrive_in_order() -> None:
    made_in: set[bool] = set()

    def handler(request: Request, call: ReadCall) -> Answers:
        for number in range(50):
            made_in.add(threading.current_thread() is threading.main_thread())
            yield _violation(number)

    async with _serving(handler) as served:
        assert [each async for each in served.call()] == [_violation(n) for n in range(50)]
    assert made_in == {False}


async def test_undecodable_bytes_and_calls_that_may_not_start_are_refused() -> None:
    def handler(request: Request, call: ReadCall) -> Answers:
        yield _violation(1)

    async with _serving(handler) as served:
        _, malformed = await refusal_of(served.call(b"\xff").read())
        served.admission.refusal = DatabaseUnavailable(retry_after_ms=70)
        _, away = await refusal_of(served.call().read())
    assert reason_of(malformed) == "MALFORMED_REQUEST"
    assert reason_of(away) == "DATABASE_UNAVAILABLE"
    assert away["grpc-retry-pushback-ms"] == "70"


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ProductNotFound(["sku:A"]), grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND"),
        (RuntimeError("password=secret"), grpc.StatusCode.INTERNAL, "INTERNAL"),
    ],
)
async def test_a_refusal_or_a_bug_ends_the_stream_after_what_was_sent(
    before: int, error: Exception, code: grpc.StatusCode, reason: str
) -> None:
    def handler(request: Request, call: ReadCall) -> Answers:
        for number in range(before):
            yield _violation(number)
        raise error

    async with _serving(handler) as served:
        stream = served.call()
        for number in range(before):
            assert await stream.read() == _violation(number)
        ended, trailers = await refusal_of(stream.read())
    assert ended.code() is code
    assert reason_of(trailers) == reason
    assert "secret" not in str(ended.details()) + str(trailers)


async def test_a_stream_that_is_cancelled_while_a_message_is_made_is_closed_after_it() -> None:
    making, cancelled, closed = threading.Event(), threading.Event(), threading.Event()
    in_main: list[bool] = []

    def handler(request: Request, call: ReadCall) -> Answers:
        try:
            yield _violation(1)
            making.set()
            assert cancelled.wait(10)
            yield _violation(2)
        finally:
            in_main.append(threading.current_thread() is threading.main_thread())
            closed.set()

    async with _serving(handler) as served:
        stream = served.call()
        assert await stream.read() == _violation(1)
        assert await asyncio.to_thread(making.wait, 10)
        stream.cancel()
        await served.admission.left.wait()
        assert not closed.is_set()
        cancelled.set()
        assert await asyncio.to_thread(closed.wait, 10)
    assert in_main == [False]


async def test_a_client_that_does_not_read_holds_no_thread_and_is_closed_when_it_goes() -> None:
    closed = threading.Event()

    def handler(request: Request, call: ReadCall) -> Answers:
        if request.products:
            yield _violation(1)
            return
        try:
            for _ in range(_UNREAD):
                yield Response(violation=Response.Violation(invariant="x" * 1000))
        finally:
            closed.set()

    short = Request(products=[ProductKey(sku="MUG")]).SerializeToString()
    async with _serving(handler) as served:
        idle = served.call(timeout=60)
        await idle.read()
        # There is one thread, and this needs it.
        assert [each async for each in served.call(short)] == [_violation(1)]
        assert not closed.is_set()
        served.admission.left.clear()
        idle.cancel()
        await served.admission.left.wait()
        assert await asyncio.to_thread(closed.wait, 10)


async def test_a_stream_that_works_long_shares_its_thread_and_ends_with_its_caller() -> None:
    closed = threading.Event()

    def handler(request: Request, call: ReadCall) -> Answers:
        if request.products:
            yield _violation(1)
            return
        try:
            yield _violation(2)
            while True:
                yield None
        finally:
            closed.set()

    short = Request(products=[ProductKey(sku="MUG")]).SerializeToString()
    async with _serving(handler) as served:
        busy = served.call()
        assert await busy.read() == _violation(2)
        assert [each async for each in served.call(short)] == [_violation(1)]
        busy.cancel()
        assert await asyncio.to_thread(closed.wait, 10)


async def test_a_stream_past_its_deadline_is_answered_with_the_code_alone() -> None:
    over = threading.Event()

    def handler(request: Request, call: ReadCall) -> Answers:
        assert over.wait(10)
        yield _violation(1)

    async with _serving(handler) as served:
        error, trailers = await refusal_of(served.call(timeout=0.2).read())
        over.set()
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "grpc-status-details-bin" not in trailers
