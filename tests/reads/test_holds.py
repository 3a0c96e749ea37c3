"""Holds as they are read: their status is that of the moment, and each list agrees with it."""

import random
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.errors import (
    HoldNotFound,
    InvalidFields,
    PageTokenInvalid,
    ProductNotFound,
)
from inventory_grpc.domain.status import HoldStatus
from inventory_grpc.store.queries import hold_pages
from inventory_grpc.v1 import common_pb2, holds_pb2
from inventory_grpc.v1.holds_pb2 import HoldFilter
from tests.conftest import Database
from tests.reads.shop import CALL, HOUR, Call, Handlers, Held, Shop

NOBODY = "0192d0a8-ffff-7000-8000-ffffffffffff"
ACTIVE, CONVERTED, RELEASED, EXPIRED = HoldStatus
DUE = -HOUR


def get(handlers: Handlers, hold_id: str) -> holds_pb2.Hold:
    return handlers.GetHold(holds_pb2.GetHoldRequest(hold_id=hold_id), CALL).hold


def walk(handlers: Handlers, wanted: HoldFilter, page_size: int = 3) -> list[str]:
    """All pages, each with the same total."""
    request = holds_pb2.ListHoldsRequest(page_size=page_size, filter=wanted, include_total=True)
    found: list[str] = []
    totals = set()
    while True:
        answer = handlers.ListHolds(request, CALL)
        found += [hold.hold_id for hold in answer.holds]
        totals.add(answer.total_size)
        if not answer.next_page_token:
            assert totals == {len(found)}
            return found
        request.page_token = answer.next_page_token


def states(*statuses: HoldStatus) -> HoldFilter:
    return HoldFilter(statuses=[holds_pb2.HoldStatus.ValueType(status) for status in statuses])


def from_now(span: timedelta) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + span)
    return stamp


def outlived(shop: Shop, *lines: Held, **hold: Any) -> str:
    """A hold of which the last line expired by a clock that then stepped back by two hours."""
    last = replace(lines[-1], expired=2)
    hold_id = shop.hold(*lines[:-1], last, **hold)
    late = datetime.now(UTC) + 2 * HOUR
    shop.movement(last.product_id, shop.made, kind=7, hold_id=hold_id, at=late)
    return hold_id


def test_a_hold_shows_its_lines_in_order_with_the_skus_of_now(
    shop: Shop, handlers: Handlers
) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    lines = Held(cup, quantity=9, converted=4, released=3), Held(mug, "berlin", 7)
    hold_id = shop.hold(*lines, reference="A7")
    shop.run("UPDATE products SET sku = 'CUP-2' WHERE product_id = %s", [cup])

    hold = get(handlers, hold_id.upper())

    assert hold.hold_id == hold_id
    assert hold.status == holds_pb2.HOLD_STATUS_ACTIVE
    assert (hold.owner_reference, hold.version) == ("A7", 3)
    assert hold.create_time.ToDatetime(tzinfo=UTC) == shop.moment
    first, second = hold.lines
    assert first == holds_pb2.HoldLine(
        line_number=1,
        product_id=cup,
        sku="CUP-2",
        location_id="default",
        requested_quantity=1000,
        quantity=9,
        converted_quantity=4,
        released_quantity=3,
    )
    assert (second.line_number, second.requested_line) == (2, 1)
    assert (second.sku, second.location_id, second.quantity) == ("MUG", "berlin", 7)


def test_a_hold_names_the_orders_it_became_oldest_first(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    hold_id, other = shop.hold(Held(mug), Held(mug)), shop.hold(Held(mug))
    became = [shop.order(mug, hold_id=hold_id) for _ in range(3)]
    shop.order(mug, hold_id=other)
    shop.order(mug)
    assert list(get(handlers, hold_id).order_ids) == became
    listed = handlers.ListHolds(holds_pb2.ListHoldsRequest(), CALL).holds
    assert [len(hold.order_ids) for hold in listed] == [1, 3]
    assert listed[1] == get(handlers, hold_id)


def test_an_unknown_hold_is_named(handlers: Handlers) -> None:
    with pytest.raises(HoldNotFound) as refused:
        get(handlers, NOBODY)
    assert refused.value.missing == [NOBODY]


@pytest.mark.parametrize(
    ("stored", "ends_in", "line_expired", "shown"),
    [
        (ACTIVE, HOUR, False, ACTIVE),
        (ACTIVE, DUE, False, EXPIRED),
        (ACTIVE, HOUR, True, EXPIRED),
        (EXPIRED, DUE, True, EXPIRED),
        (EXPIRED, HOUR, True, EXPIRED),
        (CONVERTED, DUE, False, CONVERTED),
        (CONVERTED, HOUR, False, CONVERTED),
        (RELEASED, DUE, False, RELEASED),
        (RELEASED, HOUR, False, RELEASED),
    ],
)
def test_a_hold_is_expired_from_its_time_on_or_once_a_line_has_expired(
    shop: Shop,
    handlers: Handlers,
    stored: HoldStatus,
    ends_in: timedelta,
    line_expired: bool,
    shown: HoldStatus,
) -> None:
    mug = shop.product("MUG")
    make = partial(outlived, shop) if line_expired else shop.hold
    hold_id = make(Held(mug), Held(mug), status=stored, ends_in=ends_in, reference="A7")
    assert get(handlers, hold_id).status == int(shown)
    for status in HoldStatus:
        for wanted in (
            HoldFilter(),
            HoldFilter(owner_reference="A7"),
            HoldFilter(product=common_pb2.ProductKey(sku="MUG")),
            HoldFilter(expires_before=from_now(2 * HOUR)),
        ):
            wanted.MergeFrom(states(status))
            assert walk(handlers, wanted) == ([hold_id] if status is shown else [])


def test_holds_come_newest_first(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    ids = [shop.hold(Held(mug), Held(mug)) for _ in range(8)]
    assert walk(handlers, HoldFilter()) == ids[::-1]
    assert walk(handlers, HoldFilter(), page_size=8) == ids[::-1]


@pytest.fixture
def crowd(shop: Shop, handlers: Handlers) -> list[holds_pb2.Hold]:
    """Holds of all sorts, newest first."""
    seed = random.randrange(2**32)  # noqa: S311 - repeatable on purpose
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    products = [shop.product("MUG"), shop.product("CUP")]
    ids = []
    for _ in range(40):
        lines = [Held(chance.choice(products)) for _ in range(chance.choice([1, 2]))]
        hold = {
            "status": chance.choice([ACTIVE, ACTIVE, *HoldStatus]),
            "reference": chance.choice(["", "A7"]),
            "ends_in": chance.choice([DUE, DUE / 2, HOUR / 2, HOUR]),
        }
        outlives = chance.random() < 0.2
        ids.append(outlived(shop, *lines, **hold) if outlives else shop.hold(*lines, **hold))
    return [get(handlers, hold_id) for hold_id in reversed(ids)]


@pytest.mark.parametrize("few", [0, 3, 500])
def test_every_list_has_exactly_the_holds_that_show_what_it_asks_for(
    handlers: Handlers, crowd: list[holds_pb2.Hold], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether those that end soon are taken for few or for many."""
    monkeypatch.setattr(hold_pages, "FEW", few)
    soon = from_now(0.75 * HOUR)
    for size in range(len(HoldStatus) + 1):
        for statuses in combinations(HoldStatus, size):
            for wanted in (
                HoldFilter(),
                HoldFilter(owner_reference="A7"),
                HoldFilter(product=common_pb2.ProductKey(sku="MUG")),
                HoldFilter(expires_before=soon),
                HoldFilter(expires_before=from_now(0.75 * DUE)),
                HoldFilter(expires_before=soon, owner_reference="A7"),
            ):
                wanted.MergeFrom(states(*statuses))
                expected = [hold.hold_id for hold in crowd if matches(hold, wanted)]
                assert walk(handlers, wanted, page_size=7) == expected, wanted


def matches(hold: holds_pb2.Hold, wanted: HoldFilter) -> bool:
    return (
        (not wanted.statuses or hold.status in wanted.statuses)
        and wanted.owner_reference in ("", hold.owner_reference)
        and (
            not wanted.HasField("product")
            or wanted.product.sku in [line.sku for line in hold.lines]
        )
        and (
            not wanted.HasField("expires_before")
            or hold.expire_time.ToNanoseconds() < wanted.expires_before.ToNanoseconds()
        )
    )


@pytest.mark.parametrize("statuses", [(), (ACTIVE,), (EXPIRED,), (ACTIVE, CONVERTED)])
def test_holds_made_while_paging_make_none_repeat_or_vanish(
    shop: Shop, handlers: Handlers, statuses: tuple[HoldStatus, ...]
) -> None:
    mug = shop.product("MUG")
    ends = {ACTIVE: HOUR, CONVERTED: HOUR, EXPIRED: DUE}
    stored = {ACTIVE: ACTIVE, CONVERTED: CONVERTED, EXPIRED: ACTIVE}
    shown = [status for _ in range(6) for status in ends]
    made = [
        (status, shop.hold(Held(mug), status=stored[status], ends_in=ends[status]))
        for status in shown
    ]
    expected = [each for status, each in reversed(made) if not statuses or status in statuses]
    request = holds_pb2.ListHoldsRequest(page_size=2, filter=states(*statuses))
    found: list[str] = []
    while True:
        answer = handlers.ListHolds(request, CALL)
        found += [hold.hold_id for hold in answer.holds]
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
        shop.hold(Held(mug))
        shop.hold(Held(mug), ends_in=DUE)
    assert found == expected


def test_a_page_token_opens_its_own_list_only(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    for _ in range(3):
        shop.hold(Held(mug), reference="A7")
    request = holds_pb2.ListHoldsRequest(page_size=1, filter=states(ACTIVE, EXPIRED))
    request.page_token = handlers.ListHolds(request, CALL).next_page_token
    request.filter.CopyFrom(states(EXPIRED, ACTIVE, ACTIVE))
    assert len(handlers.ListHolds(request, CALL).holds) == 1
    for wanted in (states(ACTIVE), HoldFilter(owner_reference="A7"), HoldFilter()):
        request.filter.CopyFrom(wanted)
        with pytest.raises(PageTokenInvalid):
            handlers.ListHolds(request, CALL)


def test_an_unknown_product_in_a_filter_is_refused(handlers: Handlers) -> None:
    with pytest.raises(ProductNotFound):
        walk(handlers, HoldFilter(product=common_pb2.ProductKey(sku="NOPE")))


def test_every_malformed_field_is_named(handlers: Handlers) -> None:
    wanted = HoldFilter(
        statuses=[holds_pb2.HOLD_STATUS_UNSPECIFIED, 99],  # type: ignore[list-item]
        product=common_pb2.ProductKey(product_id="7"),
        owner_reference="x" * 256,
        expires_before=Timestamp(nanos=-1),
    )
    with pytest.raises(InvalidFields) as refused:
        handlers.ListHolds(holds_pb2.ListHoldsRequest(page_size=-5, filter=wanted), CALL)
    assert {violation.field for violation in refused.value.violations} == {
        "page_size",
        "filter.statuses[0]",
        "filter.statuses[1]",
        "filter.product.product_id",
        "filter.owner_reference",
        "filter.expires_before.nanos",
    }


def test_reading_holds_waits_for_nobody_who_changes_them(
    database: Database, shop: Shop, handlers: Handlers
) -> None:
    """Also not to write the ends of those that are due."""
    mug = shop.product("MUG")
    shop.level(mug, on_hand=9, held=5)
    hold_id = shop.hold(Held(mug), ends_in=DUE)
    with closing(database.connect("owner")) as writer, writer.cursor() as cursor:
        for table in ("holds", "hold_lines", "stock_levels", "products"):
            cursor.execute(f"SELECT FROM {table} FOR UPDATE")
        short = Call(seconds=5)
        request = holds_pb2.GetHoldRequest(hold_id=hold_id)
        assert handlers.GetHold(request, short).hold.status == holds_pb2.HOLD_STATUS_EXPIRED
        listed = handlers.ListHolds(holds_pb2.ListHoldsRequest(filter=states(EXPIRED)), short)
        assert [hold.hold_id for hold in listed.holds] == [hold_id]
