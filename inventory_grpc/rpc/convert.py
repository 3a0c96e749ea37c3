"""Domain to protobuf.

Every function fills ``into``, a fresh message (for example ``response.orders.add()``), and returns
it; without ``into`` it makes one. Attributes are set one by one because that costs half of what
keyword constructors do (9 instead of 15 µs for an order of two lines).
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain import model
from inventory_grpc.v1 import (
    common_pb2,
    holds_pb2,
    locations_pb2,
    orders_pb2,
    products_pb2,
    stock_pb2,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=64)
def timestamp(moment: datetime) -> Timestamp:
    """A shared Timestamp: copy it into a field, never change it.

    Everything of one transaction carries the same time, so most calls find it made already.
    """
    seconds, microseconds = divmod((moment - _EPOCH) // _MICROSECOND, 1_000_000)
    return Timestamp(seconds=seconds, nanos=microseconds * 1000)


def money(source: model.Money, into: common_pb2.Money | None = None) -> common_pb2.Money:
    """Exact to the four decimals that amounts are kept to."""
    target = common_pb2.Money() if into is None else into
    target.currency_code = source.currency
    target.units, target.nanos = _units_and_nanos(source.amount)
    return target


@lru_cache(maxsize=4096)
def _units_and_nanos(amount: Decimal) -> tuple[int, int]:
    """Kept, because what is ordered often has the same price each time."""
    scaled = int(amount.scaleb(4))
    units, fraction = divmod(abs(scaled), 10_000)
    sign = -1 if scaled < 0 else 1
    return sign * units, sign * fraction * 100_000


def product_key(
    source: model.ProductKey, into: common_pb2.ProductKey | None = None
) -> common_pb2.ProductKey:
    """The key with whichever of the two it has."""
    target = common_pb2.ProductKey() if into is None else into
    if source.product_id:
        target.product_id = source.product_id
    else:
        target.sku = source.sku
    return target


def product(
    source: model.Product, into: products_pb2.Product | None = None
) -> products_pb2.Product:
    """The whole product, with its stock summed over locations."""
    target = products_pb2.Product() if into is None else into
    target.product_id = source.product_id
    target.sku = source.sku
    target.name = source.name
    target.description = source.description
    if source.price is not None:
        money(source.price, target.price)
    if source.labels:
        target.labels.update(source.labels)
    stock = target.stock
    stock.on_hand = source.stock.on_hand
    stock.allocated = source.stock.allocated
    stock.held = source.stock.held
    stock.available = source.stock.available
    stock.SetInParent()
    target.version = source.version
    target.create_time.CopyFrom(timestamp(source.create_time))
    target.update_time.CopyFrom(timestamp(source.update_time))
    if source.delete_time is not None:
        target.delete_time.CopyFrom(timestamp(source.delete_time))
    return target


def location(
    source: model.Location, into: locations_pb2.Location | None = None
) -> locations_pb2.Location:
    """The whole location."""
    target = locations_pb2.Location() if into is None else into
    target.location_id = source.location_id
    target.display_name = source.display_name
    target.priority = source.priority
    if source.labels:
        target.labels.update(source.labels)
    target.version = source.version
    target.create_time.CopyFrom(timestamp(source.create_time))
    target.update_time.CopyFrom(timestamp(source.update_time))
    if source.delete_time is not None:
        target.delete_time.CopyFrom(timestamp(source.delete_time))
    return target


def stock_level(
    source: model.StockLevel, into: stock_pb2.StockLevel | None = None
) -> stock_pb2.StockLevel:
    """The whole level."""
    target = stock_pb2.StockLevel() if into is None else into
    target.product_id = source.product_id
    target.sku = source.sku
    target.location_id = source.location_id
    target.on_hand = source.on_hand
    target.allocated = source.allocated
    target.held = source.held
    target.safety_stock = source.safety_stock
    target.backorder_limit = source.backorder_limit
    if source.low_stock_threshold is not None:
        target.low_stock_threshold = source.low_stock_threshold
    target.available = source.available
    target.shortfall = source.shortfall
    target.version = source.version
    if source.update_time is not None:
        target.update_time.CopyFrom(timestamp(source.update_time))
    return target


def movement(
    source: model.StockMovement, into: stock_pb2.StockMovement | None = None
) -> stock_pb2.StockMovement:
    """The whole ledger row."""
    target = stock_pb2.StockMovement() if into is None else into
    target.movement_id = source.movement_id
    target.product_id = source.product_id
    target.sku = source.sku
    target.location_id = source.location_id
    target.kind = stock_pb2.MovementKind.ValueType(source.kind)
    target.on_hand_delta = source.on_hand_delta
    target.allocated_delta = source.allocated_delta
    target.held_delta = source.held_delta
    target.on_hand_after = source.on_hand_after
    target.allocated_after = source.allocated_after
    target.held_after = source.held_after
    target.shortfall_after = source.shortfall_after
    target.stock_version = source.stock_version
    target.line_number = source.line_number
    target.order_id = source.order_id
    target.hold_id = source.hold_id
    target.transfer_id = source.transfer_id
    target.request_id = source.request_id
    target.actor = source.actor
    target.reason = stock_pb2.AdjustmentReason.ValueType(source.reason)
    target.note = source.note
    target.occur_time.CopyFrom(timestamp(source.occur_time))
    return target


def order(source: model.Order, into: orders_pb2.Order | None = None) -> orders_pb2.Order:
    """The whole order with its lines."""
    target = orders_pb2.Order() if into is None else into
    target.order_id = source.order_id
    target.status = orders_pb2.OrderStatus.ValueType(source.status)
    lines = target.lines
    for line in source.lines:
        order_line(line, lines.add())
    if source.total is not None:
        money(source.total, target.total)
    target.customer_reference = source.customer_reference
    if source.labels:
        target.labels.update(source.labels)
    target.hold_id = source.hold_id
    target.version = source.version
    target.create_time.CopyFrom(timestamp(source.create_time))
    target.update_time.CopyFrom(timestamp(source.update_time))
    target.status_reason = source.status_reason
    return target


def order_line(
    source: model.OrderLine, into: orders_pb2.OrderLine | None = None
) -> orders_pb2.OrderLine:
    """One line of an order."""
    target = orders_pb2.OrderLine() if into is None else into
    target.line_number = source.line_number
    target.requested_line = source.requested_line
    target.product_id = source.product_id
    target.sku = source.sku
    target.location_id = source.location_id
    target.quantity = source.quantity
    if source.unit_price is not None:
        money(source.unit_price, target.unit_price)
    target.shipped_quantity = source.shipped
    target.cancelled_quantity = source.cancelled
    target.returned_quantity = source.returned
    return target


def order_event(
    source: model.OrderEvent, into: orders_pb2.OrderEvent | None = None
) -> orders_pb2.OrderEvent:
    """One entry of an order's history."""
    target = orders_pb2.OrderEvent() if into is None else into
    target.event_id = source.event_id
    target.order_id = source.order_id
    target.kind = orders_pb2.OrderEventKind.ValueType(source.kind)
    if source.from_status is not None:
        target.from_status = orders_pb2.OrderStatus.ValueType(source.from_status)
    target.to_status = orders_pb2.OrderStatus.ValueType(source.to_status)
    for line_number, quantity in source.lines:
        target.lines.add(line_number=line_number, quantity=quantity)
    target.reason = source.reason
    target.actor = source.actor
    target.request_id = source.request_id
    target.order_version = source.order_version
    target.occur_time.CopyFrom(timestamp(source.occur_time))
    return target


def hold(source: model.Hold, into: holds_pb2.Hold | None = None) -> holds_pb2.Hold:
    """The whole hold with its lines, its status as it is given."""
    target = holds_pb2.Hold() if into is None else into
    target.hold_id = source.hold_id
    target.status = holds_pb2.HoldStatus.ValueType(source.status)
    lines = target.lines
    for line in source.lines:
        hold_line(line, lines.add())
    target.owner_reference = source.owner_reference
    target.expire_time.CopyFrom(timestamp(source.expire_time))
    target.order_ids.extend(source.order_ids)
    target.version = source.version
    target.create_time.CopyFrom(timestamp(source.create_time))
    target.update_time.CopyFrom(timestamp(source.update_time))
    return target


def hold_line(source: model.HoldLine, into: holds_pb2.HoldLine | None = None) -> holds_pb2.HoldLine:
    """One line of a hold; what went back by itself is what the other quantities leave."""
    target = holds_pb2.HoldLine() if into is None else into
    target.line_number = source.line_number
    target.requested_line = source.requested_line
    target.product_id = source.product_id
    target.sku = source.sku
    target.location_id = source.location_id
    target.requested_quantity = source.requested_quantity
    target.quantity = source.quantity
    target.converted_quantity = source.converted
    target.released_quantity = source.released
    return target
