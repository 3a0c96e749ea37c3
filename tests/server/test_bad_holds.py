"""What a hold's state, the stock or a budget refuses, over a real port; it changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.v1 import errors_pb2, holds_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.common_pb2 import DemandLine, LineQuantity, Money, ProductKey
from tests.conftest import Database
from tests.server.bad_requests import (
    HOLDS,
    MUG,
    NOT_FOUND,
    PRECONDITION,
    STOCK,
    UNKNOWN_ID,
    Bad,
    a_hold,
    an_order,
)
from tests.server.harness import Server, poll_until, reason_of, rich_status, running
from tests.server.refusals import contents, mismatch

CUP = ProductKey(sku="CUP")


@dataclass(frozen=True)
class Holds:
    """One hold in each state."""

    server: Server
    active: holds_pb2.Hold
    mixed: holds_pb2.Hold
    """Active, of products priced in two currencies."""
    converted_id: str
    order_id: str
    released_id: str
    expired: holds_pb2.Hold
    """By time: its units have gone back to the others, its own end is not written."""


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    """It writes no expiry by itself, and lets a caller hold 20 units."""
    flags = ("--no-migrate", "--hold-sweep-seconds", "0", "--hold-units-per-caller-max", "20")
    with running(tmp_path / "log", *flags, database_url=database.url) as each:
        yield each


@pytest.fixture
def holds(server: Server) -> Holds:
    for sku, currency in (("MUG", "EUR"), ("CUP", "USD")):
        price = Money(currency_code=currency, units=2)
        server.products.CreateProduct(
            products_pb2.CreateProductRequest(
                product=products_pb2.Product(sku=sku, name=sku, price=price),
                initial_stock=[products_pb2.InitialStock(quantity=10)],
            )
        )
    expired = server.holds.CreateHold(a_hold(1, Duration(seconds=1))).hold
    asked = holds_pb2.GetHoldRequest(hold_id=expired.hold_id)
    poll_until(lambda: server.holds.GetHold(asked).hold.status == holds_pb2.HOLD_STATUS_EXPIRED)
    converted_id = server.holds.CreateHold(a_hold(1)).hold.hold_id
    order_id = server.holds.ConvertHold(
        holds_pb2.ConvertHoldRequest(hold_id=converted_id)
    ).order.order_id
    released_id = server.holds.CreateHold(a_hold(1)).hold.hold_id
    server.holds.ReleaseHold(holds_pb2.ReleaseHoldRequest(hold_id=released_id))
    active = server.holds.CreateHold(a_hold(3)).hold
    both = [DemandLine(product=key, quantity=1) for key in (MUG, CUP)]
    mixed = server.holds.CreateHold(
        holds_pb2.CreateHoldRequest(lines=both, ttl=Duration(seconds=60))
    ).hold
    return Holds(server, active, mixed, converted_id, order_id, released_id, expired)


def test_an_unknown_hold_is_not_found_by_any_method(holds: Holds, database: Database) -> None:
    _refused(holds, database, *_each_method(UNKNOWN_ID, NOT_FOUND, "HOLD_NOT_FOUND", {}))


def test_a_hold_at_its_end_is_not_extended_converted_or_released(
    holds: Holds, database: Database
) -> None:
    ends = {
        "HOLD_CONVERTED": {"hold_id": holds.converted_id, "order_id": holds.order_id},
        "HOLD_RELEASED": {"hold_id": holds.released_id},
        "HOLD_EXPIRED": {"hold_id": holds.expired.hold_id},
    }
    for reason, facts in ends.items():
        bad = _each_method(facts["hold_id"], PRECONDITION, reason, facts, reads=False)
        _refused(holds, database, *bad)


def test_what_a_hold_does_not_have_cannot_be_converted(holds: Holds, database: Database) -> None:
    hold_id = holds.active.hold_id
    _refused(
        holds,
        database,
        *(
            Bad(
                f"{units} units of line {number}",
                f"{HOLDS}/ConvertHold",
                holds_pb2.ConvertHoldRequest(
                    hold_id=hold_id, lines=[LineQuantity(line_number=number, quantity=units)]
                ),
                PRECONDITION,
                "QUANTITY_EXCEEDED",
                facts={
                    "hold_id": hold_id,
                    "line_number": str(number),
                    "requested": str(units),
                    "possible": str(possible),
                },
                detail="PreconditionFailure",
            )
            for number, units, possible in ((1, 4, 3), (2, 1, 0))
        ),
        Bad(
            "an order in two currencies",
            f"{HOLDS}/ConvertHold",
            holds_pb2.ConvertHoldRequest(hold_id=holds.mixed.hold_id),
            PRECONDITION,
            "CURRENCY_MISMATCH",
            detail="PreconditionFailure",
        ),
    )


def test_a_stale_version_changes_no_hold(holds: Holds, database: Database) -> None:
    # Which comes before its state: the caller must read again in any case.
    for hold_id, version in ((holds.active.hold_id, 1), (holds.released_id, 2)):
        facts = {"expected_version": "9", "current_version": str(version)}
        aborted = grpc.StatusCode.ABORTED
        bad = _each_method(hold_id, aborted, "VERSION_MISMATCH", facts, reads=False, expected=9)
        _refused(holds, database, *bad)


def test_what_is_not_there_is_held_neither_in_whole_nor_in_part(
    holds: Holds, database: Database
) -> None:
    _refused(holds, database, _too_many("more than there is", a_hold(6)))
    holds.server.orders.CreateOrder(an_order(5))
    _refused(holds, database, _too_many("any part of nothing", a_hold(1, allow_partial=True)))


def test_who_is_refused_learns_when_the_next_hold_would_expire(holds: Holds) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        holds.server.orders.CreateOrder(an_order(10))
    detail = errors_pb2.InsufficientStock()
    assert rich_status(refused.value).details[1].Unpack(detail)
    [shortage] = detail.shortages
    assert shortage.next_hold_expiry == holds.active.expire_time


def test_a_caller_holds_no_more_than_its_budget(holds: Holds, database: Database) -> None:
    holds.server.stock.AdjustStock(
        stock_pb2.AdjustStockRequest(
            product=MUG, delta=100, reason=stock_pb2.ADJUSTMENT_REASON_RECEIVED
        )
    )
    before = contents(database)
    with pytest.raises(grpc.RpcError) as refused:
        holds.server.holds.CreateHold(a_hold(16, request_id=UNKNOWN_ID))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(refused.value) == "HOLD_BUDGET_EXCEEDED"
    # Not even the refusal is kept: the same call may succeed later.
    assert contents(database) == before
    status = rich_status(refused.value)
    info, quota = error_details_pb2.ErrorInfo(), error_details_pb2.QuotaFailure()
    assert status.details[0].Unpack(info)
    assert dict(info.metadata) == {
        "limit": "caller_units",
        "requested": "16",
        "allowed": "20",
        "in_use": "5",
    }
    assert status.details[1].Unpack(quota)
    assert quota.violations[0].subject == "caller:anonymous"
    assert status.details[2].Is(error_details_pb2.RetryInfo.DESCRIPTOR)
    release = holds_pb2.ReleaseHoldRequest(hold_id=holds.active.hold_id)
    holds.server.holds.ReleaseHold(release)
    held = holds.server.holds.CreateHold(a_hold(16, request_id=UNKNOWN_ID)).hold
    assert held.lines[0].quantity == 16


def test_an_extension_may_be_as_long_as_a_hold(holds: Holds) -> None:
    hold_id, month = holds.active.hold_id, Duration(seconds=30 * 24 * 3600)
    request = holds_pb2.ExtendHoldRequest(hold_id=hold_id, ttl=month, validate_only=True)
    extended = holds.server.holds.ExtendHold(request).hold
    assert extended.version == holds.active.version + 1


def _too_many(title: str, request: holds_pb2.CreateHoldRequest) -> Bad:
    facts = {"shortages_total": "1"}
    return Bad(
        title, f"{HOLDS}/CreateHold", request, PRECONDITION, "INSUFFICIENT_STOCK",
        facts=facts, detail="InsufficientStock",
    )  # fmt: skip


def _each_method(
    hold_id: str,
    code: grpc.StatusCode,
    reason: str,
    facts: dict[str, str],
    *,
    reads: bool = True,
    expected: int = 0,
) -> list[Bad]:
    """The same refusal by every method that names a hold."""
    details = {NOT_FOUND: "ResourceInfo", PRECONDITION: "PreconditionFailure"}
    extend = holds_pb2.ExtendHoldRequest(
        hold_id=hold_id, ttl=Duration(seconds=1), expected_version=expected
    )
    convert = holds_pb2.ConvertHoldRequest(hold_id=hold_id, expected_version=expected)
    release = holds_pb2.ReleaseHoldRequest(hold_id=hold_id, expected_version=expected)
    sent = {f"{HOLDS}/ExtendHold": extend, f"{HOLDS}/ConvertHold": convert}
    sent |= {f"{HOLDS}/ReleaseHold": release}
    if reads:
        movements = stock_pb2.StockMovementFilter(hold_id=hold_id)
        sent |= {
            f"{HOLDS}/GetHold": holds_pb2.GetHoldRequest(hold_id=hold_id),
            f"{STOCK}/ListStockMovements": stock_pb2.ListStockMovementsRequest(filter=movements),
        }
    return [
        Bad(method, method, request, code, reason, facts=facts, detail=details.get(code, ""))
        for method, request in sent.items()
    ]


def _refused(holds: Holds, database: Database, *bads: Bad) -> None:
    before = contents(database)
    wrong = [(bad.title, wrong) for bad in bads if (wrong := mismatch(holds.server, bad))]
    assert not wrong
    after = contents(database)
    # The refusals themselves are kept, so that a retry answers the same.
    for kept in ("stored_answers", "commits"):
        del before[kept], after[kept]
    assert after == before
