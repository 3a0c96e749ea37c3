"""What customers were told, held against the serial model of what happened."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.engine.request import Answer
from inventory_grpc.v1 import common_pb2, errors_pb2, holds_pb2, orders_pb2
from tests.concurrency.harness import error_info, query, reason_of, shortages_of
from tests.concurrency.serial_replay import History
from tests.concurrency.serial_stock import Reservation
from tests.concurrency.shop_traffic import PLACES, Memory
from tests.conftest import Database

_RESOLVED: Final = {
    "HOLD_EXPIRED": HoldStatus.EXPIRED,
    "HOLD_CONVERTED": HoldStatus.CONVERTED,
    "HOLD_RELEASED": HoldStatus.RELEASED,
}


def check_units(history: History, memory: Memory, stock: int) -> None:
    """Every unit that was put in is on hand or shipped, and promised at most once."""
    assert {sku for sku, _ in history.shelves} == set(PLACES)
    promised: Counter[tuple[str, int]] = Counter()
    for (sku, place), shelf in history.shelves.items():
        assert shelf.held == shelf.open_holds.total() == 0
        assert shelf.allocated == shelf.open_orders.total()
        assert shelf.on_hand + shelf.shipped == shelf.put_in
        assert shelf.put_in == stock + memory.restocked[sku, place]
        promised += shelf.open_orders
    assert promised == +Counter(
        {
            (order_id, line.line_number): line.quantity - line.shipped_quantity
            - line.cancelled_quantity
            for order_id in memory.orders
            for line in memory.order(order_id).lines
        }
    )  # fmt: skip
    shipped = sum(
        line.shipped_quantity for order_id in memory.orders for line in memory.order(order_id).lines
    )
    assert shipped == sum(shelf.shipped for shelf in history.shelves.values())


def check_answers(database: Database, history: History, memory: Memory) -> None:
    """Every version of every hold and order was told once, and is what the model came to."""
    assert set(memory.holds) == set(history.holds)
    for hold_id, versions in memory.holds.items():
        for version, hold in versions.items():
            assert _told(hold) == history.told[hold_id, version]
        _check_heard_of_all(history.holds[hold_id], set(versions))
        _check_granted(history, memory.asked[hold_id], versions[1])
    for request, response in memory.converted:
        _check_converted(memory, request, response)
    stored = query(database, "SELECT order_id::text, version, status FROM orders")
    told = [(each, memory.order(each)) for each in memory.orders]
    assert sorted(stored) == sorted((each, order.version, order.status) for each, order in told)
    assert all(len(memory.orders[each]) == order.version for each, order in told)
    from_holds = {(each, order.hold_id) for each, order in told if order.hold_id}
    assert from_holds == {
        (order_id, hold_id)
        for hold_id, hold in history.holds.items()
        for order_id in hold.order_ids
    }


def _check_heard_of_all(hold: Reservation, versions: set[int]) -> None:
    """Of all its versions; but its expiry, the last one, is told to nobody."""
    unheard = 1 if hold.status is HoldStatus.EXPIRED else 0
    assert versions == set(range(1, hold.version - unheard + 1))


def _told(hold: holds_pb2.Hold) -> object:
    lines = [
        (line.line_number, line.quantity, line.converted_quantity, line.released_quantity)
        for line in hold.lines
    ]
    return hold.status, lines, list(hold.order_ids), hold.expire_time.ToDatetime(UTC)


def _check_granted(
    history: History, request: holds_pb2.CreateHoldRequest, hold: holds_pb2.Hold
) -> None:
    """All of it; with allow_partial perhaps less, but then nothing was left."""
    wanted: Counter[str] = Counter()
    for asked in request.lines:
        wanted[asked.product.sku] += asked.quantity
    got: Counter[str] = Counter()
    for line in hold.lines:
        got[line.sku] += line.quantity
    assert got <= wanted
    if got != wanted:
        assert request.allow_partial
    for sku in (wanted - got) & got:
        [first, *others] = PLACES[sku]
        if not others:
            assert history.shelves[sku, first].left_by_hold[hold.hold_id] == 0


def _check_converted(
    memory: Memory,
    request: holds_pb2.ConvertHoldRequest,
    response: holds_pb2.ConvertHoldResponse,
) -> None:
    """What was asked for became the order; the rest was kept or given back, as asked."""
    before = memory.holds[request.hold_id][response.hold.version - 1]
    left = {
        line.line_number: (line.product_id, line.location_id, _open(line)) for line in before.lines
    }
    asked = {line.line_number: line.quantity for line in request.lines} or {
        number: units for number, (_, _, units) in left.items() if units
    }
    assert [
        (line.product_id, line.location_id, line.quantity) for line in response.order.lines
    ] == [(*left[number][:2], asked[number]) for number in sorted(asked)]
    assert response.order.hold_id == request.hold_id
    remainder = {number: units - asked.get(number, 0) for number, (_, _, units) in left.items()}
    if request.remainder == holds_pb2.HOLD_REMAINDER_RELEASE:
        remainder = dict.fromkeys(remainder, 0)
    assert {line.line_number: _open(line) for line in response.hold.lines} == remainder
    is_over = not any(remainder.values())
    assert int(response.hold.status) == (HoldStatus.CONVERTED if is_over else HoldStatus.ACTIVE)


def _open(line: holds_pb2.HoldLine) -> int:
    return line.quantity - line.converted_quantity - line.released_quantity


def check_ends(database: Database, history: History) -> None:
    """Every hold came to its end, in the tables as in the model."""
    stored = query(
        database,
        "SELECT hold_id::text, status, version, jsonb_object_agg(line_number,"
        " jsonb_build_array(quantity, converted, released, expired))"
        " FROM holds JOIN hold_lines USING (hold_id) GROUP BY hold_id",
    )
    assert {hold_id: tuple(rest) for hold_id, *rest in stored} == {
        hold_id: (hold.status, hold.version, _lines(hold.granted, hold.converted, hold.released))
        for hold_id, hold in history.holds.items()
    }
    assert HoldStatus.ACTIVE not in {hold.status for hold in history.holds.values()}
    assert query(database, "SELECT 1 FROM hold_budgets WHERE units <> 0") == []


def _lines(
    granted: Mapping[int, int], converted: Mapping[int, int], released: Mapping[int, int]
) -> dict[str, list[int]]:
    return {
        str(line): [
            units,
            converted[line],
            released[line],
            units - converted[line] - released[line],
        ]
        for line, units in granted.items()
    }


def check_refusals(history: History, memory: Memory) -> None:
    """Each was true: of the hold it was about, or of the stock at some step of the ledger."""
    seen = {sku: _seen(history, sku) for sku in PLACES}
    ends = {
        hold.expire_time.ToDatetime(UTC)
        for versions in memory.holds.values()
        for hold in versions.values()
    }
    for request, answer in memory.refused:
        if reason_of(answer) in _RESOLVED:
            _check_resolved(history, request.hold_id, answer)
        elif reason_of(answer) == "INSUFFICIENT_STOCK" and hasattr(request, "allocation"):
            for shortage in shortages_of(answer):
                _check_short(request, shortage, seen[shortage.sku])
                if shortage.HasField("next_hold_expiry"):
                    assert shortage.next_hold_expiry.ToDatetime(UTC) in ends


def _check_short(
    request: holds_pb2.CreateHoldRequest | orders_pb2.CreateOrderRequest,
    shortage: errors_pb2.StockShortage,
    seen: set[tuple[int, ...]],
) -> None:
    # All of it may be there, but not all in one place.
    if request.allocation != common_pb2.ALLOCATION_STRATEGY_SINGLE_LOCATION:
        assert shortage.available < shortage.requested, shortage
        if len(PLACES[shortage.sku]) == 1:
            state = shortage.on_hand, shortage.allocated, shortage.held, shortage.available
            assert state in seen, shortage


def _seen(history: History, sku: str) -> set[tuple[int, ...]]:
    """All that a refusal can have seen where the product has one place only."""
    shelf = history.shelves[sku, PLACES[sku][0]]
    return {(*counters, max(0, shelf.promisable(counters))) for counters in shelf.seen}


def _check_resolved(history: History, hold_id: str, answer: Answer) -> None:
    hold = history.holds[hold_id]
    assert hold.status is _RESOLVED[reason_of(answer)]
    facts: Mapping[str, Any] = error_info(answer).metadata
    assert facts["hold_id"] == hold_id
    if hold.status is HoldStatus.CONVERTED:
        assert facts["order_id"] == hold.order_ids[-1]
    if hold.status is HoldStatus.EXPIRED:
        assert facts["expire_time"] == hold.expire_time.isoformat()
