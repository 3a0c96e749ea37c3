"""StockService's mutations become commands, or all their violations."""

import pytest

from inventory_grpc.domain import commands
from inventory_grpc.domain.model import AdjustmentReason, ProductKey
from inventory_grpc.rpc import parse_stock
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2, stock_pb2

MUG = common_pb2.ProductKey(sku="MUG")
KEY = ProductKey("", "MUG")


def _paths(found: Violations) -> list[str]:
    return [violation.field for violation in found.found]


def _adjust(delta: int, reason: int) -> tuple[commands.AdjustStock, list[str]]:
    found = Violations()
    request = stock_pb2.AdjustStockRequest(product=MUG, delta=delta)
    request.reason = stock_pb2.AdjustmentReason.ValueType(reason)
    return parse_stock.adjust_stock(request, found), _paths(found)


def test_an_adjustment_without_a_location_is_at_default() -> None:
    command, violations = _adjust(5, AdjustmentReason.RECEIVED)
    assert not violations
    assert command == commands.AdjustStock(KEY, "default", 5, AdjustmentReason.RECEIVED, "", 0)


@pytest.mark.parametrize("delta", [0, 1_000_000_001, -1_000_000_001, 2**63 - 1, -(2**63)])
def test_an_adjustment_is_of_1_to_a_billion_units(delta: int) -> None:
    assert _adjust(delta, AdjustmentReason.OTHER)[1] == ["delta"]


@pytest.mark.parametrize(
    ("reason", "up", "down"),
    [
        (AdjustmentReason.RECEIVED, True, False),
        (AdjustmentReason.FOUND, True, False),
        (AdjustmentReason.RETURNED, True, False),
        (AdjustmentReason.DAMAGED, False, True),
        (AdjustmentReason.LOST, False, True),
        (AdjustmentReason.CORRECTION, True, True),
        (AdjustmentReason.OTHER, True, True),
    ],
)
def test_the_direction_of_an_adjustment_suits_its_reason(
    reason: AdjustmentReason, up: bool, down: bool
) -> None:
    assert _adjust(1, reason)[1] == ([] if up else ["delta"])
    assert _adjust(-1, reason)[1] == ([] if down else ["delta"])


@pytest.mark.parametrize("reason", [0, 8, -1])
def test_an_adjustment_needs_a_reason(reason: int) -> None:
    assert _adjust(-1, reason)[1] == ["reason"]


def test_a_count_needs_a_number_and_a_precondition() -> None:
    found = Violations()
    parse_stock.set_stock(stock_pb2.SetStockRequest(product=MUG), found)
    assert _paths(found) == ["on_hand", "precondition"]


def test_a_count_of_nothing_is_a_count() -> None:
    found = Violations()
    request = stock_pb2.SetStockRequest(product=MUG, on_hand=0, unchecked=True)
    expected = commands.SetStock(KEY, "default", 0, None, None, "")
    assert parse_stock.set_stock(request, found) == expected
    assert not found.found


def test_a_count_may_expect_units_or_a_version_and_zero_is_an_expectation() -> None:
    found = Violations()
    by_units = stock_pb2.SetStockRequest(product=MUG, on_hand=3, expected_on_hand=0)
    by_version = stock_pb2.SetStockRequest(product=MUG, on_hand=3, expected_version=0)
    assert parse_stock.set_stock(by_units, found).expected_on_hand == 0
    assert parse_stock.set_stock(by_units, found).expected_version is None
    assert parse_stock.set_stock(by_version, found).expected_version == 0
    assert not found.found


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (stock_pb2.SetStockRequest(product=MUG, on_hand=1, unchecked=False), "unchecked"),
        (stock_pb2.SetStockRequest(product=MUG, on_hand=-1, unchecked=True), "on_hand"),
        (stock_pb2.SetStockRequest(product=MUG, on_hand=10**9 + 1, unchecked=True), "on_hand"),
        (stock_pb2.SetStockRequest(product=MUG, on_hand=1, expected_version=-1), None),
        (stock_pb2.SetStockRequest(product=MUG, on_hand=1, expected_on_hand=-1), None),
    ],
)
def test_a_malformed_count_is_refused(
    request_: stock_pb2.SetStockRequest, path: str | None
) -> None:
    found = Violations()
    parse_stock.set_stock(request_, found)
    assert _paths(found) == [path or str(request_.WhichOneof("precondition"))]


def test_a_policy_changes_what_is_set_and_nothing_else() -> None:
    found = Violations()
    request = stock_pb2.SetStockPolicyRequest(product=MUG, safety_stock=0)
    expected = commands.SetStockPolicy(KEY, "default", 0, None, None, False, 0)
    assert parse_stock.set_stock_policy(request, found) == expected
    clear = stock_pb2.SetStockPolicyRequest(product=MUG, clear_low_stock_threshold=True)
    assert parse_stock.set_stock_policy(clear, found).clear_low_stock_threshold
    assert not found.found


def test_a_policy_must_change_something_and_not_contradict_itself() -> None:
    found = Violations()
    parse_stock.set_stock_policy(stock_pb2.SetStockPolicyRequest(product=MUG), found)
    parse_stock.set_stock_policy(
        stock_pb2.SetStockPolicyRequest(
            product=MUG, backorder_limit=-1, low_stock_threshold=1, clear_low_stock_threshold=True
        ),
        found,
    )
    assert _paths(found) == ["safety_stock", "backorder_limit", "clear_low_stock_threshold"]


def test_a_transfer_goes_to_another_location() -> None:
    line = stock_pb2.TransferLine(product=MUG, quantity=3)
    found = Violations()
    command = parse_stock.transfer_stock(
        stock_pb2.TransferStockRequest(to_location_id="berlin", lines=[line]), found
    )
    assert not found.found
    assert command == commands.TransferStock(
        "default", "berlin", (commands.DemandLine(KEY, 3),), ""
    )
    same = stock_pb2.TransferStockRequest(from_location_id="default", lines=[line])
    parse_stock.transfer_stock(same, found)
    parse_stock.transfer_stock(stock_pb2.TransferStockRequest(to_location_id="berlin"), found)
    assert _paths(found) == ["to_location_id", "lines"]
