"""OrderService's mutations become commands, or all their violations."""

import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import AllocationStrategy, Disposition
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.rpc import parse_orders
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2, orders_pb2

ID = "01920000-0000-7000-8000-00000000000a"
LINE = common_pb2.DemandLine(product=common_pb2.ProductKey(sku="MUG"), quantity=2)


def _paths(found: Violations) -> list[str]:
    return [violation.field for violation in found.found]


def test_an_order_line_without_a_location_leaves_it_to_the_strategy() -> None:
    found = Violations()
    command = parse_orders.create_order(
        orders_pb2.CreateOrderRequest(lines=[LINE], labels={"a": "b"}, customer_reference="C 1"),
        found,
    )
    assert not found.found
    assert command == commands.PlaceOrder(
        lines=(commands.DemandLine(ProductKey("", "MUG"), 2, ""),),
        allocation=AllocationStrategy.PRIORITY,
        customer_reference="C 1",
        labels={"a": "b"},
    )


@pytest.mark.parametrize("strategy", list(AllocationStrategy))
def test_every_allocation_strategy_may_be_named(strategy: AllocationStrategy) -> None:
    found = Violations()
    request = orders_pb2.CreateOrderRequest(lines=[LINE])
    request.allocation = common_pb2.AllocationStrategy.ValueType(strategy)
    assert parse_orders.create_order(request, found).allocation is strategy
    assert not found.found


@pytest.mark.parametrize(
    ("locking", "optimistic"),
    [
        (common_pb2.LOCKING_STRATEGY_UNSPECIFIED, False),
        (common_pb2.LOCKING_STRATEGY_PESSIMISTIC, False),
        (common_pb2.LOCKING_STRATEGY_OPTIMISTIC, True),
    ],
)
def test_an_order_waits_in_line_unless_it_is_optimistic(
    locking: common_pb2.LockingStrategy.ValueType, optimistic: bool
) -> None:
    found = Violations()
    request = orders_pb2.CreateOrderRequest(lines=[LINE], locking=locking)
    assert parse_orders.create_order(request, found).optimistic is optimistic
    assert not found.found


def test_an_order_has_1_to_100_lines() -> None:
    for count, paths in ((0, ["lines"]), (1, []), (100, []), (101, ["lines"])):
        found = Violations()
        parse_orders.create_order(orders_pb2.CreateOrderRequest(lines=[LINE] * count), found)
        assert _paths(found) == paths


def test_all_violations_of_an_order_are_found_at_once() -> None:
    found = Violations()
    request = orders_pb2.CreateOrderRequest(
        lines=[LINE, common_pb2.DemandLine(quantity=2**63 - 1, location_id="A")],
        customer_reference="\x00",
        labels={"A": ""},
    )
    request.allocation = common_pb2.AllocationStrategy.ValueType(9)
    request.locking = common_pb2.LockingStrategy.ValueType(9)
    parse_orders.create_order(request, found)
    assert _paths(found) == [
        "lines[1].product",
        "lines[1].quantity",
        "lines[1].location_id",
        "allocation",
        "customer_reference",
        "labels",
        "locking",
    ]


def test_work_on_a_list_that_is_too_long_is_bounded() -> None:
    found = Violations()
    request = orders_pb2.CreateOrderRequest(lines=[common_pb2.DemandLine()] * 100_000)
    parse_orders.create_order(request, found)
    assert len(found.found) == 1 + 2 * 100


@pytest.mark.parametrize("status", ["PARTIALLY_SHIPPED", "PARTIALLY_RETURNED", "UNSPECIFIED"])
def test_a_status_that_is_never_asked_for_is_malformed(status: str) -> None:
    found = Violations()
    number = orders_pb2.OrderStatus.Value(f"ORDER_STATUS_{status}")
    parse_orders.update_order_status(
        orders_pb2.UpdateOrderStatusRequest(order_id=ID, status=number), found
    )
    assert _paths(found) == ["status"]


def test_asking_for_pending_is_well_formed_because_the_state_decides() -> None:
    found = Violations()
    command = parse_orders.update_order_status(
        orders_pb2.UpdateOrderStatusRequest(
            order_id=ID.upper(), status=orders_pb2.ORDER_STATUS_PENDING, expected_version=3
        ),
        found,
    )
    assert not found.found
    assert command == commands.ChangeOrderStatus(ID, OrderStatus.PENDING, "", 3)


def test_no_lines_means_everything_open() -> None:
    found = Violations()
    ship = parse_orders.ship_order(orders_pb2.ShipOrderRequest(order_id=ID), found)
    cancel = parse_orders.cancel_order(orders_pb2.CancelOrderRequest(order_id=ID), found)
    assert not found.found
    assert ship.lines == cancel.lines == ()


def test_a_line_is_named_once_at_most() -> None:
    found = Violations()
    lines = [common_pb2.LineQuantity(line_number=n, quantity=1) for n in (1, 2, 1)]
    parse_orders.ship_order(orders_pb2.ShipOrderRequest(order_id=ID, lines=lines), found)
    assert _paths(found) == ["lines[2].line_number"]


def test_a_recall_takes_the_whole_order() -> None:
    found = Violations()
    lines = [common_pb2.LineQuantity(line_number=1, quantity=1)]
    request = orders_pb2.CancelOrderRequest(order_id=ID, lines=lines, recall=True)
    parse_orders.cancel_order(request, found)
    assert _paths(found) == ["lines"]


def test_a_return_says_what_becomes_of_the_units() -> None:
    found = Violations()
    line = orders_pb2.ReturnLine(line_number=1, quantity=1)
    parse_orders.return_order(orders_pb2.ReturnOrderRequest(order_id=ID, lines=[line]), found)
    parse_orders.return_order(orders_pb2.ReturnOrderRequest(order_id=ID), found)
    assert _paths(found) == ["lines[0].disposition", "lines"]


def test_a_line_may_come_back_in_two_ways() -> None:
    found = Violations()
    lines = [
        orders_pb2.ReturnLine(line_number=1, quantity=1, disposition=disposition)
        for disposition in (
            orders_pb2.RETURN_DISPOSITION_RESTOCK,
            orders_pb2.RETURN_DISPOSITION_DISCARD,
        )
    ]
    command = parse_orders.return_order(
        orders_pb2.ReturnOrderRequest(order_id=ID, lines=lines), found
    )
    assert not found.found
    assert command.lines == (
        commands.ReturnLine(1, 1, Disposition.RESTOCK),
        commands.ReturnLine(1, 1, Disposition.DISCARD),
    )


def test_every_malformed_field_of_a_status_change_is_named() -> None:
    found = Violations()
    request = orders_pb2.CancelOrderRequest(
        order_id="x",
        reason="\x07",
        expected_version=-1,
        lines=[common_pb2.LineQuantity(line_number=0, quantity=-1)],
    )
    parse_orders.cancel_order(request, found)
    assert _paths(found) == [
        "order_id",
        "lines[0].line_number",
        "lines[0].quantity",
        "reason",
        "expected_version",
    ]
