"""HoldService's mutations become commands, and its lists questions, or all their violations."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import AllocationStrategy, Remainder
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.reads import HoldQuery
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.rpc import parse_holds
from inventory_grpc.rpc.reads import filters
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2, holds_pb2, stock_pb2

ID = "01920000-0000-7000-8000-00000000000a"
LINE = common_pb2.DemandLine(product=common_pb2.ProductKey(sku="MUG"), quantity=2)
MINUTE = Duration(seconds=60)
THIRTY_DAYS = 30 * 24 * 3600


def _paths(found: Violations) -> list[str]:
    return [violation.field for violation in found.found]


def test_by_default_a_hold_waits_in_line_and_takes_all_or_nothing_from_anywhere() -> None:
    found = Violations()
    request = holds_pb2.CreateHoldRequest(lines=[LINE], ttl=MINUTE, owner_reference="cart 7")
    assert parse_holds.create_hold(request, found) == commands.CreateHold(
        lines=(commands.DemandLine(ProductKey("", "MUG"), 2, ""),),
        ttl=timedelta(minutes=1),
        owner_reference="cart 7",
        allow_partial=False,
        allocation=AllocationStrategy.PRIORITY,
        optimistic=False,
    )
    assert not found.found


def test_a_hold_may_be_partial_optimistic_and_from_another_strategy() -> None:
    found = Violations()
    request = holds_pb2.CreateHoldRequest(
        lines=[LINE],
        ttl=MINUTE,
        allow_partial=True,
        allocation=common_pb2.ALLOCATION_STRATEGY_MOST_STOCK,
        locking=common_pb2.LOCKING_STRATEGY_OPTIMISTIC,
    )
    command = parse_holds.create_hold(request, found)
    assert command.allow_partial
    assert command.optimistic
    assert command.allocation is AllocationStrategy.MOST_STOCK
    assert not found.found


def test_a_hold_has_1_to_100_lines() -> None:
    for count, paths in ((0, ["lines"]), (1, []), (100, []), (101, ["lines"])):
        found = Violations()
        request = holds_pb2.CreateHoldRequest(lines=[LINE] * count, ttl=MINUTE)
        parse_holds.create_hold(request, found)
        assert _paths(found) == paths


@pytest.mark.parametrize(
    ("ttl", "length"),
    [
        (Duration(seconds=1), timedelta(seconds=1)),
        (Duration(seconds=1, nanos=1), timedelta(seconds=1)),
        (Duration(seconds=1, nanos=999_999_999), timedelta(seconds=1, microseconds=999_999)),
        (Duration(seconds=THIRTY_DAYS), timedelta(days=30)),
    ],
)
def test_a_hold_lasts_from_1_second_to_30_days(ttl: Duration, length: timedelta) -> None:
    found = Violations()
    request = holds_pb2.CreateHoldRequest(lines=[LINE], ttl=ttl)
    assert parse_holds.create_hold(request, found).ttl == length
    extend = holds_pb2.ExtendHoldRequest(hold_id=ID, ttl=ttl)
    assert parse_holds.extend_hold(extend, found).ttl == length
    assert not found.found


@pytest.mark.parametrize(
    ("ttl", "path"),
    [
        (None, "ttl"),
        (Duration(), "ttl"),
        (Duration(nanos=999_999_999), "ttl"),
        (Duration(seconds=-1), "ttl"),
        (Duration(seconds=-1, nanos=-1), "ttl"),
        (Duration(seconds=THIRTY_DAYS, nanos=1), "ttl"),
        (Duration(seconds=31 * 24 * 3600), "ttl"),
        (Duration(seconds=2**63 - 1), "ttl"),
        (Duration(seconds=-(2**63)), "ttl"),
        (Duration(seconds=1, nanos=1_000_000_000), "ttl.nanos"),
        (Duration(seconds=1, nanos=-(2**31)), "ttl.nanos"),
        (Duration(seconds=2, nanos=-1), "ttl.nanos"),
        (Duration(seconds=-2, nanos=1), "ttl.nanos"),
    ],
)
def test_another_length_of_time_is_malformed(ttl: Duration | None, path: str) -> None:
    found = Violations()
    parse_holds.create_hold(holds_pb2.CreateHoldRequest(lines=[LINE], ttl=ttl), found)
    parse_holds.extend_hold(holds_pb2.ExtendHoldRequest(hold_id=ID, ttl=ttl), found)
    assert _paths(found) == [path, path]


def test_all_violations_of_a_hold_are_found_at_once() -> None:
    found = Violations()
    request = holds_pb2.CreateHoldRequest(
        lines=[LINE, common_pb2.DemandLine(location_id="A")], owner_reference="x" * 256
    )
    request.allocation = common_pb2.AllocationStrategy.ValueType(9)
    request.locking = common_pb2.LockingStrategy.ValueType(9)
    parse_holds.create_hold(request, found)
    assert _paths(found) == [
        "lines[1].product",
        "lines[1].quantity",
        "lines[1].location_id",
        "ttl",
        "owner_reference",
        "allocation",
        "locking",
    ]


def test_a_conversion_without_lines_is_of_everything_and_keeps_what_remains() -> None:
    found = Violations()
    request = holds_pb2.ConvertHoldRequest(
        hold_id=ID.upper(), customer_reference="C 1", labels={"a": "b"}, expected_version=3
    )
    assert parse_holds.convert_hold(request, found) == commands.ConvertHold(
        hold_id=ID,
        lines=(),
        remainder=Remainder.KEEP,
        customer_reference="C 1",
        labels={"a": "b"},
        expected_version=3,
    )
    assert not found.found


def test_a_conversion_may_name_lines_each_once_and_release_the_rest() -> None:
    found = Violations()
    lines = [common_pb2.LineQuantity(line_number=number, quantity=2) for number in (1, 2)]
    request = holds_pb2.ConvertHoldRequest(
        hold_id=ID, lines=lines, remainder=holds_pb2.HOLD_REMAINDER_RELEASE
    )
    command = parse_holds.convert_hold(request, found)
    assert command.lines == (commands.LineQuantity(1, 2), commands.LineQuantity(2, 2))
    assert command.remainder is Remainder.RELEASE
    assert not found.found
    request.lines.append(lines[0])
    parse_holds.convert_hold(request, found)
    assert _paths(found) == ["lines[2].line_number"]


def test_all_violations_of_a_conversion_are_found_at_once() -> None:
    found = Violations()
    request = holds_pb2.ConvertHoldRequest(
        hold_id="x",
        lines=[common_pb2.LineQuantity(line_number=0, quantity=10**9 + 1)],
        customer_reference="\x00",
        labels={"A": ""},
        expected_version=-1,
    )
    request.remainder = holds_pb2.HoldRemainder.ValueType(9)
    parse_holds.convert_hold(request, found)
    assert _paths(found) == [
        "hold_id",
        "lines[0].line_number",
        "lines[0].quantity",
        "remainder",
        "customer_reference",
        "labels",
        "expected_version",
    ]


def test_a_release_takes_a_reason_and_a_version() -> None:
    found = Violations()
    request = holds_pb2.ReleaseHoldRequest(hold_id=ID, reason="left the shop", expected_version=2)
    command = parse_holds.release_hold(request, found)
    assert command == commands.ReleaseHold(ID, "left the shop", 2)
    assert not found.found
    parse_holds.release_hold(
        holds_pb2.ReleaseHoldRequest(reason="x" * 1025, expected_version=-1), found
    )
    assert _paths(found) == ["hold_id", "reason", "expected_version"]


def test_holds_are_listed_by_state_owner_product_and_end() -> None:
    found = Violations()
    moment = datetime(2026, 2, 3, tzinfo=UTC)
    given = holds_pb2.HoldFilter(
        statuses=[holds_pb2.HOLD_STATUS_EXPIRED, holds_pb2.HOLD_STATUS_ACTIVE] * 2,
        owner_reference="cart 7",
        product=common_pb2.ProductKey(sku="MUG"),
    )
    given.expires_before.FromDatetime(moment)
    query = filters.holds(holds_pb2.ListHoldsRequest(filter=given), found)
    assert query == HoldQuery(
        statuses=(HoldStatus.ACTIVE, HoldStatus.EXPIRED),
        owner_reference="cart 7",
        product=ProductKey("", "MUG"),
        expires_before=moment,
    )
    assert filters.holds(holds_pb2.ListHoldsRequest(), found) == HoldQuery()
    assert not found.found


def test_all_violations_of_a_filter_are_found_at_once() -> None:
    found = Violations()
    given = holds_pb2.HoldFilter(
        statuses=[holds_pb2.HOLD_STATUS_UNSPECIFIED],
        owner_reference="x" * 256,
        product=common_pb2.ProductKey(),
    )
    given.expires_before.nanos = -1
    filters.holds(holds_pb2.ListHoldsRequest(filter=given), found)
    assert _paths(found) == [
        "filter.statuses[0]",
        "filter.owner_reference",
        "filter.product",
        "filter.expires_before.nanos",
    ]


def test_movements_may_be_those_of_one_hold() -> None:
    found = Violations()
    for hold_id in (ID.upper(), "x"):
        given = stock_pb2.StockMovementFilter(hold_id=hold_id)
        query = filters.movements(given, found)
        assert query.hold_id == hold_id.lower()
    assert _paths(found) == ["filter.hold_id"]
