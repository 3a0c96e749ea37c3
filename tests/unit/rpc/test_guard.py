"""What happens to a call before and after its handler, over a real port."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import pytest

from inventory_grpc.domain.errors import DomainError, Draining, Overloaded, SkuTaken
from inventory_grpc.rpc.blocking import ReadCall
from inventory_grpc.rpc.reply import Context
from inventory_grpc.v1 import locations_pb2, locations_pb2_grpc
from inventory_grpc.v1.locations_pb2 import GetLocationRequest as Request
from inventory_grpc.v1.locations_pb2 import GetLocationResponse as Response
from tests.unit.rpc.guarded import Admission, reason_of, refusal_of, serving

METHOD = "/inventory.v1.LocationService/GetLocation"
_SERVICE = locations_pb2.DESCRIPTOR.services_by_name["LocationService"]


class _Served:
    def __init__(self, admission: Admission, channel: grpc.aio.Channel) -> None:
        self.admission = admission
        self._call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)

    def call(self, raw: bytes = b"", timeout: float = 10) -> Awaitable[bytes]:
        return self._call(raw, timeout=timeout)


@asynccontextmanager
async def _serving(handler: Callable[..., object]) -> AsyncIterator[_Served]:
    add = locations_pb2_grpc.add_LocationServiceServicer_to_server
    async with serving(_SERVICE, add, handler) as (admission, channel):
        yield _Served(admission, channel)


async def _answer(request: Request, context: Context) -> bytes:
    return Response(location=locations_pb2.Location(location_id="a")).SerializeToString()


async def test_bytes_and_messages_are_answered_alike() -> None:
    async def message(request: Request, context: Context) -> Response:
        return Response(location=locations_pb2.Location(location_id="a"))

    answers = []
    for handler in (_answer, message):
        async with _serving(handler) as served:
            answers.append(await served.call())
    assert answers[0] == answers[1] != b""


@pytest.mark.parametrize(
    "raw", [b"\xff", b"\x0a\x05ab", b"\x0a\x02\xed\xa0", b"\x0a\x01\xff", b"\x0b" * 300]
)
async def test_undecodable_bytes_and_invalid_utf8_are_malformed_requests(raw: bytes) -> None:
    async with _serving(_answer) as served:
        error, trailers = await refusal_of(served.call(raw))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(trailers) == "MALFORMED_REQUEST"


async def test_a_refusal_is_answered_with_its_status() -> None:
    async def handler(request: Request, context: Context) -> bytes:
        raise SkuTaken("MUG", "1")

    async with _serving(handler) as served:
        error, trailers = await refusal_of(served.call())
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert error.details() == "another product has the SKU MUG"
    assert reason_of(trailers) == "SKU_TAKEN"
    assert "grpc-retry-pushback-ms" not in trailers


@pytest.mark.parametrize(
    "refusal", [Overloaded("in_flight", retry_after_ms=70), Draining(retry_after_ms=70)]
)
async def test_a_call_that_may_not_start_is_told_when_to_come_back(refusal: DomainError) -> None:
    async with _serving(_answer) as served:
        served.admission.refusal = refusal
        error, trailers = await refusal_of(served.call())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert reason_of(trailers) == refusal.reason
    assert trailers["grpc-retry-pushback-ms"] == "70"


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_bug_is_opaque_to_the_caller_and_complete_in_the_log(
    blocking: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: Request, context: Context) -> bytes:
        raise RuntimeError("password=secret")

    def blocking_handler(request: Request, call: ReadCall) -> Response:
        raise RuntimeError("password=secret")

    async with _serving(blocking_handler if blocking else handler) as served:
        error, trailers = await refusal_of(served.call())
    assert error.code() is grpc.StatusCode.INTERNAL
    assert reason_of(trailers) == "INTERNAL"
    assert "secret" not in str(error.details()) + str(trailers)
    (record,) = [each for each in caplog.records if each.name.startswith("inventory_grpc")]
    assert record.exc_info is not None
    assert "secret" in caplog.text
    assert METHOD in record.getMessage()
    incident = str(error.details()).split("incident ")[1].split(";")[0]
    assert incident in record.getMessage()


async def test_a_plain_handler_runs_in_a_thread_and_knows_its_time() -> None:
    seen: list[tuple[bool, float]] = []

    def handler(request: Request, call: ReadCall) -> Response:
        in_main = threading.current_thread() is threading.main_thread()
        seen.append((in_main, call.time_remaining()))
        return Response()

    async with _serving(handler) as served:
        await served.call(timeout=5)
        await served.call(timeout=5000)
    assert [in_main for in_main, _ in seen] == [False, False]
    assert 0 < seen[0][1] < 6
    assert 50 < seen[1][1] <= 60


async def test_a_cancelled_call_ends_its_handler_and_is_no_incident(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def handler(request: Request, context: Context) -> bytes:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    async with _serving(handler) as served:
        call = asyncio.ensure_future(served.call())
        await started.wait()
        call.cancel()
        await ended.wait()
    assert not caplog.records


async def test_a_deadline_that_passes_is_answered_with_the_code_alone() -> None:
    async def handler(request: Request, context: Context) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with _serving(handler) as served:
        error, trailers = await refusal_of(served.call(timeout=0.05))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "grpc-status-details-bin" not in trailers


async def test_work_that_was_dropped_for_want_of_time_is_a_deadline_that_is_over() -> None:
    async def handler(request: Request, context: Context) -> bytes:
        dropped: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        dropped.cancel()
        return await dropped

    async with _serving(handler) as served:
        error, trailers = await refusal_of(served.call())
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "grpc-status-details-bin" not in trailers
