"""Domain data on the wire."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from inventory_grpc.domain import model
from inventory_grpc.domain.results import Conversion, StockChange, Transfer
from inventory_grpc.domain.status import HoldStatus, OrderStatus
from inventory_grpc.rpc import convert, encode
from inventory_grpc.v1 import holds_pb2, orders_pb2, products_pb2, stock_pb2

ID = "01920000-0000-7000-8000-00000000000a"
NOW = datetime(2026, 2, 3, 4, 5, 6, 999_999, tzinfo=UTC)
LEVEL = model.StockLevel(ID, "MUG", "default", 10, 4, 1, 2, 3, None, 0, 7, NOW)
MOVEMENT = model.StockMovement(
    movement_id=ID,
    product_id=ID,
    sku="MUG",
    location_id="default",
    kind=model.MovementKind.ADJUSTED,
    on_hand_delta=-3,
    allocated_delta=0,
    held_delta=0,
    on_hand_after=10,
    allocated_after=4,
    held_after=1,
    shortfall_after=0,
    stock_version=7,
    line_number=0,
    order_id="",
    hold_id="",
    transfer_id="",
    request_id=ID,
    actor="anonymous",
    reason=model.AdjustmentReason.LOST,
    note="gone",
    occur_time=NOW,
)
ORDER = model.Order(
    order_id=ID,
    status=OrderStatus.PARTIALLY_SHIPPED,
    lines=(
        model.OrderLine(1, 0, ID, "MUG", "default", 5, model.Money("EUR", Decimal("2.50")), 1),
        model.OrderLine(2, 0, ID, "CUP", "berlin", 5, None, 0, 1, 0),
    ),
    total=model.Money("EUR", Decimal("12.5")),
    customer_reference="C",
    labels={"a": "b"},
    version=3,
    create_time=NOW,
    update_time=NOW,
    status_reason="",
    hold_id=ID,
)
HOLD = model.Hold(
    hold_id=ID,
    status=HoldStatus.EXPIRED,
    lines=(
        model.HoldLine(1, 1, ID, "MUG", "berlin", 7, 4, converted=1, released=2, expired=1),
        model.HoldLine(2, 1, ID, "MUG", "paris", 7, 3),
    ),
    owner_reference="cart 7",
    expire_time=NOW,
    order_ids=(ID, ID.replace("a", "b")),
    version=3,
    create_time=NOW,
    update_time=NOW,
    caller="anonymous",
)


@pytest.mark.parametrize(
    ("amount", "units", "nanos"),
    [
        ("0", 0, 0),
        ("12.5", 12, 500_000_000),
        ("0.0001", 0, 100_000),
        ("999999999999.9999", 999_999_999_999, 999_900_000),
        ("-3.25", -3, -250_000_000),
        ("-0.0001", 0, -100_000),
        ("1E+3", 1000, 0),
    ],
)
def test_money_goes_out_exactly(amount: str, units: int, nanos: int) -> None:
    sent = convert.money(model.Money("EUR", Decimal(amount)))
    assert (sent.currency_code, sent.units, sent.nanos) == ("EUR", units, nanos)


def test_a_moment_goes_out_to_the_microsecond() -> None:
    assert convert.timestamp(NOW).ToDatetime(tzinfo=UTC) == NOW
    before_epoch = datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)
    assert convert.timestamp(before_epoch).ToDatetime(tzinfo=UTC) == before_epoch


def test_an_order_goes_out_whole() -> None:
    sent = orders_pb2.CreateOrderResponse.FromString(
        encode.order_in(orders_pb2.CreateOrderResponse)(ORDER)
    ).order
    assert sent.status == orders_pb2.ORDER_STATUS_PARTIALLY_SHIPPED
    assert [line.sku for line in sent.lines] == ["MUG", "CUP"]
    assert sent.lines[0].unit_price.units == 2
    assert sent.lines[0].shipped_quantity == 1
    assert sent.lines[1].cancelled_quantity == 1
    assert not sent.lines[1].HasField("unit_price")
    assert sent.total.nanos == 500_000_000
    assert dict(sent.labels) == {"a": "b"}
    assert sent.update_time.ToDatetime(tzinfo=UTC) == NOW


def test_a_hold_goes_out_whole() -> None:
    sent = holds_pb2.CreateHoldResponse.FromString(
        encode.hold_in(holds_pb2.CreateHoldResponse)(HOLD)
    ).hold
    assert sent.status == holds_pb2.HOLD_STATUS_EXPIRED
    assert [(line.location_id, line.quantity) for line in sent.lines] == [
        ("berlin", 4),
        ("paris", 3),
    ]
    assert {line.requested_quantity for line in sent.lines} == {7}
    assert (sent.lines[0].converted_quantity, sent.lines[0].released_quantity) == (1, 2)
    assert tuple(sent.order_ids) == HOLD.order_ids
    assert sent.expire_time.ToDatetime(tzinfo=UTC) == NOW


def test_a_conversion_answers_the_hold_and_its_order() -> None:
    sent = holds_pb2.ConvertHoldResponse.FromString(encode.conversion(Conversion(HOLD, ORDER)))
    assert sent.hold == convert.hold(HOLD)
    assert sent.order == convert.order(ORDER)
    assert sent.order.hold_id == sent.hold.hold_id


def test_a_movement_names_the_order_and_the_hold_it_belongs_to() -> None:
    sent = convert.movement(
        replace(MOVEMENT, kind=model.MovementKind.ALLOCATED, order_id="order", hold_id="hold")
    )
    assert (sent.kind, sent.order_id, sent.hold_id) == (
        stock_pb2.MOVEMENT_KIND_ALLOCATED,
        "order",
        "hold",
    )


def test_every_field_of_an_answer_is_filled_from_what_the_domain_knows() -> None:
    """No field that the domain has is forgotten: each message is full but for what is unset."""
    product = model.Product(
        ID, "MUG", "Mug", "d", ORDER.total, {"a": "b"}, 1, NOW, NOW, NOW, model.ProductStock(1)
    )
    location = model.Location("berlin", "Berlin", 1, {"a": "b"}, 1, NOW, NOW, NOW)
    event = model.OrderEvent(
        ID,
        ID,
        model.OrderEventKind.SHIPPED,
        OrderStatus.PENDING,
        OrderStatus.SHIPPED,
        ((1, 2),),
        "r",
        "a",
        ID,
        2,
        NOW,
    )
    unset = {
        "Product": set(),
        "Location": set(),
        "OrderEvent": set(),
        "StockLevel": {"low_stock_threshold", "shortfall"},
        "StockMovement": {
            "allocated_delta",
            "held_delta",
            "shortfall_after",
            "line_number",
            "order_id",
            "hold_id",
            "transfer_id",
        },
        "Order": {"status_reason"},
        "Hold": set(),
        "HoldLine": set(),
    }
    for message in (
        convert.product(product),
        convert.location(location),
        convert.order_event(event),
        convert.stock_level(LEVEL),
        convert.movement(MOVEMENT),
        convert.order(ORDER),
        convert.hold(HOLD),
        convert.hold_line(HOLD.lines[0]),
    ):
        filled = {field.name for field, _ in message.ListFields()}
        descriptor = message.DESCRIPTOR
        assert set(descriptor.fields_by_name) - filled == unset[descriptor.name]


def test_a_threshold_of_zero_is_not_an_absent_one() -> None:
    assert not convert.stock_level(LEVEL).HasField("low_stock_threshold")
    zero = model.StockLevel(ID, "MUG", "default", low_stock_threshold=0)
    assert convert.stock_level(zero).HasField("low_stock_threshold")
    assert convert.stock_level(zero).version == 0
    assert not convert.stock_level(zero).HasField("update_time")


def test_a_product_without_stock_still_shows_its_zeros() -> None:
    product = model.Product("", "MUG", "Mug", "", None, {}, 1, NOW, NOW, None, model.ProductStock())
    sent = products_pb2.CreateProductResponse.FromString(
        encode.product_in(products_pb2.CreateProductResponse)(product)
    ).product
    assert sent.HasField("stock")
    assert not sent.HasField("price")
    assert not sent.HasField("delete_time")


def test_stock_changes_and_transfers_go_out_whole() -> None:
    change = stock_pb2.AdjustStockResponse.FromString(
        encode.stock_change_in(stock_pb2.AdjustStockResponse)(StockChange(LEVEL, MOVEMENT))
    )
    assert change.stock_level.available == 3
    assert change.movement.reason == stock_pb2.ADJUSTMENT_REASON_LOST
    policy = stock_pb2.SetStockPolicyResponse.FromString(
        encode.stock_policy(StockChange(LEVEL, MOVEMENT))
    )
    assert policy.stock_level == change.stock_level
    transfer = stock_pb2.TransferStockResponse.FromString(
        encode.transfer(Transfer(ID, (LEVEL, LEVEL), (MOVEMENT, MOVEMENT)))
    )
    assert transfer.transfer_id == ID
    assert len(transfer.stock_levels) == len(transfer.movements) == 2


def test_a_result_of_another_kind_is_a_bug() -> None:
    with pytest.raises(TypeError):
        encode.order_in(orders_pb2.CreateOrderResponse)(StockChange(LEVEL, MOVEMENT))
    with pytest.raises(TypeError):
        encode.hold_in(holds_pb2.CreateHoldResponse)(Conversion(HOLD, ORDER))


def test_answers_may_be_encoded_in_any_thread() -> None:
    encode_order = encode.order_in(orders_pb2.CreateOrderResponse)
    expected, encoded = encode_order(ORDER), set[bytes]()
    threads = [threading.Thread(target=lambda: encoded.add(encode_order(ORDER))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert encoded == {expected}
