"""Calls to a real server as its callers make them, and what such calls may be told."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from inventory_grpc.engine.request import Answer
from inventory_grpc.v1 import common_pb2, holds_pb2, orders_pb2, stock_pb2
from tests.concurrency.harness import reason_of

CONNECTIONS: Final = 4
_SECONDS_MAX: Final = 30
_REPLAYED: Final = "idempotent-replay"

_RESOLVED: Final = {"HOLD_EXPIRED", "HOLD_CONVERTED", "HOLD_RELEASED", "VERSION_MISMATCH"}
_FULFILMENT: Final = {"INVALID_TRANSITION", "QUANTITY_EXCEEDED"}


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the contract."""

    path: str
    response: Callable[[bytes], Any]
    refusals: set[str]
    """The reasons for which a well-formed call may be refused while others want the same stock and
    nothing is broken."""


def _method(service: str, response: type[Message], refusals: set[str]) -> Method:
    name = response.__name__.removesuffix("Response")
    return Method(f"/inventory.v1.{service}/{name}", response.FromString, refusals)


METHODS: Final[Mapping[type[Message], Method]] = {
    holds_pb2.CreateHoldRequest: _method(
        "HoldService", holds_pb2.CreateHoldResponse, {"INSUFFICIENT_STOCK"}
    ),
    holds_pb2.ExtendHoldRequest: _method("HoldService", holds_pb2.ExtendHoldResponse, _RESOLVED),
    holds_pb2.ConvertHoldRequest: _method(
        "HoldService", holds_pb2.ConvertHoldResponse, _RESOLVED | {"QUANTITY_EXCEEDED"}
    ),
    holds_pb2.ReleaseHoldRequest: _method("HoldService", holds_pb2.ReleaseHoldResponse, _RESOLVED),
    orders_pb2.CreateOrderRequest: _method(
        "OrderService", orders_pb2.CreateOrderResponse, {"INSUFFICIENT_STOCK"}
    ),
    # What is on backorder is not on hand yet.
    orders_pb2.ShipOrderRequest: _method(
        "OrderService", orders_pb2.ShipOrderResponse, _FULFILMENT | {"INSUFFICIENT_STOCK"}
    ),
    orders_pb2.CancelOrderRequest: _method(
        "OrderService", orders_pb2.CancelOrderResponse, _FULFILMENT
    ),
    stock_pb2.AdjustStockRequest: _method("StockService", stock_pb2.AdjustStockResponse, set()),
}


def may_be_refused(request: Message, reason: str) -> bool:
    """Whether that is an answer for this call; only OPTIMISTIC ones may meet too many others."""
    locking = getattr(request, "locking", None)
    if reason == "CONTENTION":
        return locking == common_pb2.LOCKING_STRATEGY_OPTIMISTIC
    return reason in METHODS[type(request)].refusals


class Shop:
    """One server over several connections."""

    def __init__(self, channels: Sequence[grpc.aio.Channel]) -> None:
        self._channels = cycle(channels)

    async def send(self, request: Message) -> Answer:
        """The answer, or the typed refusal; anything else raises what the call raised."""
        method = METHODS[type(request)]
        send: grpc.aio.UnaryUnaryMultiCallable[Message, bytes] = next(self._channels).unary_unary(
            method.path, request_serializer=type(request).SerializeToString
        )
        call = send(request, timeout=_SECONDS_MAX)
        try:
            body = await call
        except grpc.aio.AioRpcError as error:
            answer = _refusal(error)
        else:
            answer = Answer(0, body, _REPLAYED in dict(await call.trailing_metadata()))
        reason = reason_of(answer)
        assert reason == "OK" or may_be_refused(request, reason), f"{method.path}: {reason}"
        return answer

    async def inconsistencies(self) -> list[stock_pb2.CheckConsistencyResponse.Violation]:
        """What CheckConsistency finds now."""
        check: grpc.aio.UnaryStreamMultiCallable[
            stock_pb2.CheckConsistencyRequest, stock_pb2.CheckConsistencyResponse
        ] = next(self._channels).unary_stream(
            "/inventory.v1.StockService/CheckConsistency",
            request_serializer=stock_pb2.CheckConsistencyRequest.SerializeToString,
            response_deserializer=stock_pb2.CheckConsistencyResponse.FromString,
        )
        call = check(stock_pb2.CheckConsistencyRequest(), timeout=_SECONDS_MAX)
        *found, last = [item async for item in call]
        assert last.summary.violations == len(found)
        assert last.summary.movements
        return [item.violation for item in found]


def _refusal(error: grpc.aio.AioRpcError) -> Answer:
    """Raises the error again when it is none of the service's own."""
    trailers = dict(error.trailing_metadata() or ())
    status = trailers.get("grpc-status-details-bin")
    if not isinstance(status, bytes):
        raise error
    return Answer(error.code().value[0], status, _REPLAYED in trailers)


@asynccontextmanager
async def shop_at(target: str) -> AsyncIterator[Shop]:
    """Connections to the server until the end of the block."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with AsyncExitStack() as stack:
        yield Shop(
            [
                await stack.enter_async_context(grpc.aio.insecure_channel(target, options))
                for _ in range(CONNECTIONS)
            ]
        )
