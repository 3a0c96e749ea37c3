"""Results to the bytes of their responses; serialized once, then stored and sent as they are.

These run in the committer's thread, between decision and commit.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from inventory_grpc.domain import model
from inventory_grpc.domain.results import Conversion, Result, StockChange, Transfer
from inventory_grpc.rpc import convert, wire
from inventory_grpc.v1 import holds_pb2, locations_pb2, orders_pb2, products_pb2, stock_pb2

Encode = Callable[[Result], bytes]

_RESUME_TOKEN: Final = 15
"""The same field of every mutation's response, behind all others."""

_Expected = TypeVar("_Expected")


class _OrderResponse(Protocol):
    @property
    def order(self) -> orders_pb2.Order: ...
    def SerializeToString(self) -> bytes: ...  # noqa: N802 - protobuf's name


class _HoldResponse(Protocol):
    @property
    def hold(self) -> holds_pb2.Hold: ...
    def SerializeToString(self) -> bytes: ...  # noqa: N802 - protobuf's name


class _ProductResponse(Protocol):
    @property
    def product(self) -> products_pb2.Product: ...
    def SerializeToString(self) -> bytes: ...  # noqa: N802 - protobuf's name


class _LocationResponse(Protocol):
    @property
    def location(self) -> locations_pb2.Location: ...
    def SerializeToString(self) -> bytes: ...  # noqa: N802 - protobuf's name


class _StockChangeResponse(Protocol):
    @property
    def stock_level(self) -> stock_pb2.StockLevel: ...
    @property
    def movement(self) -> stock_pb2.StockMovement: ...
    def SerializeToString(self) -> bytes: ...  # noqa: N802 - protobuf's name


def order_in(response: Callable[[], _OrderResponse]) -> Encode:
    """For responses that carry an order."""

    def encode(result: Result) -> bytes:
        message = response()
        convert.order(_expect(model.Order, result), message.order)
        return message.SerializeToString()

    return encode


def hold_in(response: Callable[[], _HoldResponse]) -> Encode:
    """For responses that carry a hold."""

    def encode(result: Result) -> bytes:
        message = response()
        convert.hold(_expect(model.Hold, result), message.hold)
        return message.SerializeToString()

    return encode


def product_in(response: Callable[[], _ProductResponse]) -> Encode:
    """For responses that carry a product."""

    def encode(result: Result) -> bytes:
        message = response()
        convert.product(_expect(model.Product, result), message.product)
        return message.SerializeToString()

    return encode


def location_in(response: Callable[[], _LocationResponse]) -> Encode:
    """For responses that carry a location."""

    def encode(result: Result) -> bytes:
        message = response()
        convert.location(_expect(model.Location, result), message.location)
        return message.SerializeToString()

    return encode


def stock_change_in(response: Callable[[], _StockChangeResponse]) -> Encode:
    """For responses that carry a level and the movement that changed it."""

    def encode(result: Result) -> bytes:
        message, change = response(), _expect(StockChange, result)
        convert.stock_level(change.level, message.stock_level)
        convert.movement(change.movement, message.movement)
        return message.SerializeToString()

    return encode


def stock_policy(result: Result) -> bytes:
    """SetStockPolicy answers the level alone."""
    message = stock_pb2.SetStockPolicyResponse()
    convert.stock_level(_expect(StockChange, result).level, message.stock_level)
    return message.SerializeToString()


def transfer(result: Result) -> bytes:
    """TransferStock answers every level and movement of the transfer."""
    message, source = stock_pb2.TransferStockResponse(), _expect(Transfer, result)
    message.transfer_id = source.transfer_id
    for level in source.levels:
        convert.stock_level(level, message.stock_levels.add())
    for movement in source.movements:
        convert.movement(movement, message.movements.add())
    return message.SerializeToString()


def conversion(result: Result) -> bytes:
    """ConvertHold answers the hold and the order made of it."""
    message, source = holds_pb2.ConvertHoldResponse(), _expect(Conversion, result)
    convert.hold(source.hold, message.hold)
    convert.order(source.order, message.order)
    return message.SerializeToString()


def resume_token(token: str) -> bytes:
    """``resume_token`` as it stands in the bytes of any mutation's response, at their end."""
    return wire.delimited(_RESUME_TOKEN, token.encode())


def _expect(kind: type[_Expected], result: object) -> _Expected:
    """The result as what its command promises; anything else is a bug."""
    if not isinstance(result, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(result).__name__}")
    return result
