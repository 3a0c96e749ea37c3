"""The door comes first, and who observes the calls misses none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from inventory_grpc.domain.errors import (
    DomainError,
    PermissionDenied,
    RateLimited,
    SkuTaken,
    Unauthenticated,
)
from inventory_grpc.rpc.calls import current
from inventory_grpc.rpc.reply import Context
from inventory_grpc.v1 import locations_pb2, locations_pb2_grpc, orders_pb2, orders_pb2_grpc
from inventory_grpc.v1.locations_pb2 import GetLocationRequest as Request
from tests.unit.rpc.guarded import (
    CALLER,
    Admission,
    Journal,
    reason_of,
    refusal_of,
    serving,
)

if TYPE_CHECKING:
    from inventory_grpc.rpc.guard import MethodHandler

METHOD = "/inventory.v1.LocationService/GetLocation"
MALFORMED = b"\xff"
_SERVICE = locations_pb2.DESCRIPTOR.services_by_name["LocationService"]

Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
Send = Callable[[bytes, float], Awaitable[bytes]]


@asynccontextmanager
async def _serving(
    handler: Callable[..., object], journal: Journal | None = None
) -> AsyncIterator[tuple[Admission, Send]]:
    add = locations_pb2_grpc.add_LocationServiceServicer_to_server
    async with serving(_SERVICE, add, handler, journal=journal) as (door, channel):
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        yield door, lambda raw, timeout: call(raw, timeout=timeout)


async def _answer(request: Request, context: Context) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("refusal", "code", "reason"),
    [
        (Unauthenticated("no key"), grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
        (PermissionDenied("shop", "admin"), grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
        (RateLimited("shop", "calls", 5, 70), grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED"),
    ],
)
async def test_who_may_not_enter_learns_nothing_of_the_request(
    refusal: DomainError, code: grpc.StatusCode, reason: str
) -> None:
    async with _serving(_answer) as (door, send):
        door.refusal = refusal
        error, trailers = await refusal_of(send(MALFORMED, 10))
    assert error.code() is code
    assert reason_of(trailers) == reason


async def test_a_request_is_not_decoded_before_its_caller_has_entered() -> None:
    decoded: list[bytes] = []

    def decode(raw: bytes) -> Request:
        decoded.append(raw)
        return Request.FromString(raw)

    def add(servicer: Any, server: Any) -> None:
        handler: MethodHandler = grpc.unary_unary_rpc_method_handler(servicer.GetLocation, decode)
        server.add_registered_method_handlers(_SERVICE.full_name, {"GetLocation": handler})

    async with serving(_SERVICE, add, _answer) as (door, channel):
        call: Call = channel.unary_unary(METHOD)
        door.refusal = Unauthenticated("no credential")
        await refusal_of(call(b"", timeout=10))
        assert decoded == []
        door.refusal = None
        await call(b"", timeout=10)
        assert decoded == [b""]


async def test_who_calls_too_often_is_told_when_to_come_back() -> None:
    async with _serving(_answer) as (door, send):
        door.refusal = RateLimited("shop", "calls", 5, 70)
        _, trailers = await refusal_of(send(b"", 10))
    assert trailers["grpc-retry-pushback-ms"] == "70"


async def test_a_bug_of_the_door_is_a_bug_like_any_other() -> None:
    async with _serving(_answer) as (door, send):
        door.refusal = ZeroDivisionError("secret")
        error, trailers = await refusal_of(send(b"", 10))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert reason_of(trailers) == "INTERNAL"
    assert "secret" not in str(error.details())


async def test_a_handler_knows_who_calls() -> None:
    callers = []

    async def handler(request: Request, context: Context) -> bytes:
        callers.append(current.get().caller)
        return b""

    async with _serving(handler) as (_, send):
        await send(b"", 10)
    assert callers == [CALLER]


async def _refuse(request: Request, context: Context) -> bytes:
    raise SkuTaken("MUG", "1")


async def _break(request: Request, context: Context) -> bytes:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("handler", "raw", "ends"),
    [
        (_answer, b"", ("OK", "")),
        (_answer, MALFORMED, ("INVALID_ARGUMENT", "MALFORMED_REQUEST")),
        (_refuse, b"", ("ALREADY_EXISTS", "SKU_TAKEN")),
        (_break, b"", ("INTERNAL", "INTERNAL")),
    ],
)
async def test_how_a_call_ended_is_observed(
    handler: Callable[..., object], raw: bytes, ends: tuple[str, str]
) -> None:
    journal = Journal()
    async with _serving(handler, journal) as (_, send):
        if ends[0] == "OK":
            await send(raw, 10)
        else:
            await refusal_of(send(raw, 10))
    (call,) = journal.ended
    assert (_name(call.code), call.reason, call.caller) == (*ends, CALLER)


async def test_a_call_that_its_caller_gave_up_is_observed_too() -> None:
    journal, entered, ended = Journal(), asyncio.Event(), asyncio.Event()

    async def handler(request: Request, context: Context) -> bytes:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    async with _serving(handler, journal) as (door, send):
        waiting = asyncio.ensure_future(send(b"", 10))
        await entered.wait()
        waiting.cancel()
        await ended.wait()
        await door.left.wait()
    assert [_name(call.code) for call in journal.ended] == ["CANCELLED"]


async def test_a_call_that_was_not_let_in_is_observed_too() -> None:
    journal = Journal()
    async with _serving(_answer, journal) as (door, send):
        door.refusal = Unauthenticated("no credential")
        await refusal_of(send(b"", 10))
    (call,) = journal.ended
    assert (_name(call.code), call.reason) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


def _name(number: int) -> str:
    return next(code.name for code in grpc.StatusCode if code.value[0] == number)


async def test_each_row_of_a_batch_counts_once_it_is_known_how_many_there_are() -> None:
    service = orders_pb2.DESCRIPTOR.services_by_name["OrderService"]
    add = orders_pb2_grpc.add_OrderServiceServicer_to_server
    batch = orders_pb2.BatchCreateOrdersRequest(requests=[orders_pb2.CreateOrderRequest()] * 7)

    async def paid(request: object, context: Context) -> bytes:
        rows_at_work.append(list(door.rows))
        return b""

    rows_at_work: list[list[int]] = []
    async with serving(service, add, paid) as (door, channel):
        call: Call = channel.unary_unary(f"/{service.full_name}/BatchCreateOrders")
        single: Call = channel.unary_unary(f"/{service.full_name}/CreateOrder")
        await call(batch.SerializeToString(), timeout=10)
        await refusal_of(call(MALFORMED, timeout=10))
        await single(b"", timeout=10)
    assert rows_at_work == [[7], [7]]
    assert door.rows == [7]
