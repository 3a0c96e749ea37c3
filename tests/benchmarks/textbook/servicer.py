"""CreateOrder as a textbook has it: a session and a transaction a call, a lock a line.

It does the same work as the service that is measured (stored answer, prices, stock, ledger,
history) and is written to be read, not to be slow: rows are locked in order, nothing is read twice.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b

import grpc
import uuid_utils
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from inventory_grpc.v1 import common_pb2, orders_pb2
from tests.benchmarks.textbook.models import (
    Order,
    OrderEvent,
    OrderLine,
    Product,
    StockLevel,
    StockMovement,
    StoredAnswer,
)

_CALLER = "anonymous"
_LOCATION = "default"
_CREATED = _PENDING = 1
_ALLOCATED = 8


class Refused(Exception):
    """The order cannot be placed; carries the code to end the call with."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class TextbookOrders:
    """The one method of OrderService that is compared."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create_order(
        self, request: orders_pb2.CreateOrderRequest, context: grpc.ServicerContext
    ) -> orders_pb2.CreateOrderResponse:
        try:
            with Session(self._engine) as session, session.begin():
                return _placed(session, request)
        except Refused as refused:
            context.abort(refused.code, str(refused))


def _placed(
    session: Session, request: orders_pb2.CreateOrderRequest
) -> orders_pb2.CreateOrderResponse:
    stored = session.get(StoredAnswer, (_CALLER, request.request_id))
    if stored is not None:
        return orders_pb2.CreateOrderResponse.FromString(stored.answer)
    now = datetime.now(UTC)
    products = _products(session, [line.product.product_id for line in request.lines])
    order = _order(request, products, now)
    session.add(order)
    for line in sorted(order.lines, key=lambda line: line.product_id):
        _allocate(session, order, line, request.request_id, now)
    session.add(_created(order, request.request_id, now))
    response = _response(order, products)
    session.add(_stored_answer(request, response, now))
    return response


def _products(session: Session, product_ids: Sequence[str]) -> dict[str, Product]:
    found = session.scalars(
        select(Product).where(Product.product_id.in_(product_ids), Product.delete_time.is_(None))
    )
    products = {product.product_id: product for product in found}
    missing = [product_id for product_id in product_ids if product_id not in products]
    if missing:
        raise Refused(grpc.StatusCode.NOT_FOUND, f"no product {', '.join(missing)}")
    return products


def _order(
    request: orders_pb2.CreateOrderRequest, products: dict[str, Product], now: datetime
) -> Order:
    lines = [
        _line(number, line, products[line.product.product_id])
        for number, line in enumerate(request.lines, start=1)
    ]
    priced = [line for line in lines if line.unit_price_amount is not None]
    return Order(
        order_id=_new_id(),
        status=_PENDING,
        lines=lines,
        customer_reference=request.customer_reference,
        labels=dict(request.labels),
        total_amount=sum((_amount(line) for line in priced), Decimal(0)) if priced else None,
        total_currency=priced[0].unit_price_currency if priced else None,
        version=1,
        create_time=now,
        update_time=now,
        status_reason="",
        commit_id=_new_id(),
    )


def _line(number: int, line: common_pb2.DemandLine, product: Product) -> OrderLine:
    return OrderLine(
        line_number=number,
        requested_line=number - 1,
        product_id=product.product_id,
        location_id=line.location_id or _LOCATION,
        quantity=line.quantity,
        unit_price_amount=product.price_amount,
        unit_price_currency=product.price_currency,
        shipped=0,
        cancelled=0,
        returned=0,
    )


def _amount(line: OrderLine) -> Decimal:
    return (line.unit_price_amount or Decimal(0)) * line.quantity


def _allocate(
    session: Session, order: Order, line: OrderLine, request_id: str, now: datetime
) -> None:
    """Lock the line's stock level, promise its units, write the ledger."""
    level = session.get(StockLevel, (line.product_id, line.location_id), with_for_update=True)
    if level is None or level.available < line.quantity:
        raise Refused(grpc.StatusCode.FAILED_PRECONDITION, "not enough stock")
    level.allocated += line.quantity
    level.version += 1
    level.update_time = now
    session.add(_allocated(level, order, line, request_id, now))


def _allocated(
    level: StockLevel, order: Order, line: OrderLine, request_id: str, now: datetime
) -> StockMovement:
    return StockMovement(
        product_id=level.product_id,
        location_id=level.location_id,
        stock_version=level.version,
        movement_id=_new_id(),
        kind=_ALLOCATED,
        on_hand_delta=0,
        allocated_delta=line.quantity,
        held_delta=0,
        on_hand_after=level.on_hand,
        allocated_after=level.allocated,
        held_after=level.held,
        shortfall_after=level.shortfall,
        line_number=line.line_number,
        order_id=order.order_id,
        request_id=request_id,
        actor=_CALLER,
        reason=0,
        note="",
        occur_time=now,
        commit_id=order.commit_id,
    )


def _created(order: Order, request_id: str, now: datetime) -> OrderEvent:
    return OrderEvent(
        order_id=order.order_id,
        order_version=1,
        event_id=_new_id(),
        kind=_CREATED,
        to_status=order.status,
        lines=[[line.line_number, line.quantity] for line in order.lines],
        reason="",
        actor=_CALLER,
        request_id=request_id,
        occur_time=now,
        commit_id=order.commit_id,
    )


def _stored_answer(
    request: orders_pb2.CreateOrderRequest,
    response: orders_pb2.CreateOrderResponse,
    now: datetime,
) -> StoredAnswer:
    fingerprint = blake2b(request.SerializeToString(deterministic=True), digest_size=16)
    return StoredAnswer(
        caller=_CALLER,
        request_id=request.request_id,
        fingerprint=fingerprint.digest(),
        code=0,
        answer=response.SerializeToString(),
        create_time=now,
    )


def _response(order: Order, products: dict[str, Product]) -> orders_pb2.CreateOrderResponse:
    response = orders_pb2.CreateOrderResponse()
    answer = response.order
    answer.order_id = order.order_id
    answer.status = orders_pb2.ORDER_STATUS_PENDING
    answer.version = order.version
    answer.create_time.FromDatetime(order.create_time)
    answer.update_time.FromDatetime(order.update_time)
    if order.total_amount is not None and order.total_currency is not None:
        answer.total.CopyFrom(_money(order.total_amount, order.total_currency))
    for line in order.lines:
        added = answer.lines.add(
            line_number=line.line_number,
            requested_line=line.requested_line,
            product_id=line.product_id,
            sku=products[line.product_id].sku,
            location_id=line.location_id,
            quantity=line.quantity,
        )
        if line.unit_price_amount is not None and line.unit_price_currency is not None:
            added.unit_price.CopyFrom(_money(line.unit_price_amount, line.unit_price_currency))
    return response


def _money(amount: Decimal, currency: str) -> common_pb2.Money:
    units, nanos = divmod(int(amount * 10_000), 10_000)
    return common_pb2.Money(currency_code=currency, units=units, nanos=nanos * 100_000)


def _new_id() -> str:
    return str(uuid_utils.uuid7())
