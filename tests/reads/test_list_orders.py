"""Listing orders and their histories, newest first."""

from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.errors import (
    InvalidFields,
    OrderNotFound,
    PageTokenInvalid,
    ProductNotFound,
)
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.v1 import common_pb2, orders_pb2
from inventory_grpc.v1.orders_pb2 import OrderFilter
from tests.reads.shop import CALL, START, Handlers, Shop

PENDING, SHIPPED, CANCELLED = OrderStatus.PENDING, OrderStatus.SHIPPED, OrderStatus.CANCELLED


def moment(microseconds: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(START + timedelta(microseconds=microseconds))
    return stamp


def walk(handlers: Handlers, wanted: OrderFilter, page_size: int = 3) -> list[str]:
    request = orders_pb2.ListOrdersRequest(page_size=page_size, filter=wanted)
    found: list[str] = []
    while True:
        answer = handlers.ListOrders(request, CALL)
        found += [order.order_id for order in answer.orders]
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


def test_orders_come_newest_first_with_their_lines(shop: Shop, handlers: Handlers) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    ids = [shop.order(mug, cup) for _ in range(8)]
    assert walk(handlers, OrderFilter()) == ids[::-1]
    answer = handlers.ListOrders(orders_pb2.ListOrdersRequest(page_size=2), CALL)
    assert [[line.sku for line in order.lines] for order in answer.orders] == [["MUG", "CUP"]] * 2
    for order in answer.orders:
        request = orders_pb2.GetOrderRequest(order_id=order.order_id)
        assert handlers.GetOrder(request, CALL).order == order


def test_an_order_tells_the_hold_it_was(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    hold_id = shop.hold()
    ids = [shop.order(mug, hold_id=hold_id), shop.order(mug)]
    of_one = [
        handlers.GetOrder(orders_pb2.GetOrderRequest(order_id=each), CALL).order for each in ids
    ]
    several = orders_pb2.BatchGetOrdersRequest(order_ids=ids)
    listed = handlers.ListOrders(orders_pb2.ListOrdersRequest(), CALL).orders
    for orders in of_one, handlers.BatchGetOrders(several, CALL).orders, listed[::-1]:
        assert [order.hold_id for order in orders] == [hold_id, ""]


@pytest.mark.parametrize("page_size", [1, 3, 50])
@pytest.mark.parametrize(
    "statuses", [[PENDING], [PENDING, SHIPPED], [SHIPPED, CANCELLED, SHIPPED], list(OrderStatus)]
)
def test_several_states_are_one_list(
    shop: Shop, handlers: Handlers, statuses: list[OrderStatus], page_size: int
) -> None:
    mug = shop.product("MUG")
    orders = [
        (status, shop.order(mug, status=status))
        for status in [PENDING, SHIPPED, CANCELLED, PENDING, PENDING, CANCELLED, SHIPPED, SHIPPED]
    ]
    expected = [order_id for status, order_id in reversed(orders) if status in statuses]
    wanted = OrderFilter(statuses=[int(status) for status in statuses])  # type: ignore[misc]
    assert walk(handlers, wanted, page_size) == expected


@pytest.mark.parametrize("page_size", [1, 50])
def test_an_order_with_several_lines_of_a_product_is_listed_once(
    shop: Shop, handlers: Handlers, page_size: int
) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    one, _two, three, four = (
        shop.order(mug, mug, cup),
        shop.order(cup),
        shop.order(cup, mug, status=SHIPPED),
        shop.order(mug, mug),
    )
    product = common_pb2.ProductKey(sku="MUG")
    assert walk(handlers, OrderFilter(product=product), page_size) == [four, three, one]
    shipped = OrderFilter(product=product, statuses=[orders_pb2.ORDER_STATUS_SHIPPED])
    assert walk(handlers, shipped, page_size) == [three]
    both = [orders_pb2.ORDER_STATUS_SHIPPED, orders_pb2.ORDER_STATUS_PENDING]
    assert walk(handlers, OrderFilter(product=product, statuses=both)) == [four, three, one]


def test_a_reference_matches_exactly(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    for reference in ("A7", "a7", "A77", ""):
        shop.order(mug, reference=reference)
    expected = [shop.order(mug, reference="A7", status=SHIPPED), shop.order(mug, reference="A7")]
    found = walk(handlers, OrderFilter(customer_reference="A7"))
    assert found[:2] == expected[::-1]
    assert len(found) == 3
    shipped = [orders_pb2.ORDER_STATUS_SHIPPED]
    assert walk(handlers, OrderFilter(customer_reference="A7", statuses=shipped)) == expected[:1]


def test_times_are_exact_to_the_microsecond(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    ids = {
        offset: shop.order(mug, at=START + timedelta(microseconds=offset))
        for offset in (-1, 0, 1, 999, 1000, 1001, 5_000_000)
    }
    wanted = OrderFilter(created_after=moment(0), created_before=moment(1000))
    assert set(walk(handlers, wanted)) == {ids[0], ids[1], ids[999]}
    assert set(walk(handlers, OrderFilter(created_after=moment(1001)))) == {
        ids[1001],
        ids[5_000_000],
    }
    assert walk(handlers, OrderFilter(created_before=moment(0))) == [ids[-1]]
    assert walk(handlers, OrderFilter(created_after=moment(9), created_before=moment(9))) == []


def test_the_ends_of_time_are_bounds_like_any_other(shop: Shop, handlers: Handlers) -> None:
    order_id = shop.order(shop.product("MUG"))
    first, last = Timestamp(seconds=-62135596800), Timestamp(seconds=253402300799, nanos=999999999)
    assert walk(handlers, OrderFilter(created_after=first, created_before=last)) == [order_id]
    assert walk(handlers, OrderFilter(created_after=last)) == []
    assert walk(handlers, OrderFilter(created_before=first)) == []


def test_orders_placed_while_paging_make_none_repeat_or_vanish(
    shop: Shop, handlers: Handlers
) -> None:
    mug = shop.product("MUG")
    states = [PENDING, SHIPPED, CANCELLED]
    there = [shop.order(mug, status=states[number % 3]) for number in range(20)]
    request = orders_pb2.ListOrdersRequest(
        page_size=3,
        filter=OrderFilter(statuses=[int(status) for status in states]),  # type: ignore[misc]
    )
    found: list[str] = []
    while True:
        answer = handlers.ListOrders(request, CALL)
        found += [order.order_id for order in answer.orders]
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
        shop.order(mug, status=states[len(found) % 3])
    assert found == there[::-1]


def test_the_total_counts_what_the_filter_finds(shop: Shop, handlers: Handlers) -> None:
    mug, cup = shop.product("MUG"), shop.product("CUP")
    for status in (PENDING, SHIPPED, SHIPPED):
        shop.order(mug, mug, status=status, reference="A7")
    shop.order(cup)
    for wanted, total in (
        (OrderFilter(), 4),
        (OrderFilter(statuses=[orders_pb2.ORDER_STATUS_SHIPPED]), 2),
        (OrderFilter(product=common_pb2.ProductKey(sku="MUG")), 3),
        (OrderFilter(customer_reference="A7"), 3),
        (OrderFilter(created_before=moment(0)), 0),
    ):
        request = orders_pb2.ListOrdersRequest(page_size=1, include_total=True, filter=wanted)
        answer = handlers.ListOrders(request, CALL)
        assert (answer.HasField("total_size"), answer.total_size) == (True, total)


def test_an_unknown_product_in_a_filter_is_named(handlers: Handlers) -> None:
    wanted = OrderFilter(product=common_pb2.ProductKey(sku="NOPE"))
    with pytest.raises(ProductNotFound) as refused:
        handlers.ListOrders(orders_pb2.ListOrdersRequest(filter=wanted), CALL)
    assert refused.value.missing == ["sku:NOPE"]


def test_a_token_holds_for_its_filter_whatever_the_order_of_its_states(
    shop: Shop, handlers: Handlers
) -> None:
    mug = shop.product("MUG")
    for _ in range(3):
        shop.order(mug)
    statuses = [orders_pb2.ORDER_STATUS_PENDING, orders_pb2.ORDER_STATUS_SHIPPED]
    request = orders_pb2.ListOrdersRequest(page_size=1, filter=OrderFilter(statuses=statuses))
    token = handlers.ListOrders(request, CALL).next_page_token

    same = OrderFilter(statuses=[*statuses[::-1], statuses[0]])
    again = orders_pb2.ListOrdersRequest(page_token=token, filter=same)
    assert len(handlers.ListOrders(again, CALL).orders) == 2
    for wanted in (OrderFilter(), OrderFilter(statuses=statuses[:1])):
        with pytest.raises(PageTokenInvalid):
            handlers.ListOrders(orders_pb2.ListOrdersRequest(page_token=token, filter=wanted), CALL)


def test_every_malformed_field_is_named(handlers: Handlers) -> None:
    wanted = OrderFilter(
        statuses=[orders_pb2.ORDER_STATUS_UNSPECIFIED, 99],  # type: ignore[list-item]
        product=common_pb2.ProductKey(product_id="7"),
        customer_reference="x" * 256,
        created_after=Timestamp(nanos=-1),
        created_before=Timestamp(seconds=10**12),
    )
    with pytest.raises(InvalidFields) as refused:
        handlers.ListOrders(orders_pb2.ListOrdersRequest(page_size=-5, filter=wanted), CALL)
    assert {violation.field for violation in refused.value.violations} == {
        "page_size",
        "filter.statuses[0]",
        "filter.statuses[1]",
        "filter.product.product_id",
        "filter.customer_reference",
        "filter.created_after.nanos",
        "filter.created_before.seconds",
    }


def test_the_history_of_an_order_comes_newest_first(shop: Shop, handlers: Handlers) -> None:
    order_id = shop.order(shop.product("MUG"))
    ids = [shop.event(order_id, version) for version in range(1, 12)]
    request = orders_pb2.ListOrderEventsRequest(order_id=order_id, page_size=4, include_total=True)
    found: list[orders_pb2.OrderEvent] = []
    while True:
        answer = handlers.ListOrderEvents(request, CALL)
        assert answer.total_size == 11
        found += answer.events
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert [event.event_id for event in found] == ids[::-1]
    assert [event.order_version for event in found] == list(range(11, 0, -1))
    event = found[0]
    assert [(line.line_number, line.quantity) for line in event.lines] == [(1, 3), (2, 4)]
    assert event.kind == orders_pb2.ORDER_EVENT_KIND_SHIPPED
    assert event.from_status == orders_pb2.ORDER_STATUS_PENDING
    assert (event.actor, event.reason) == ("anonymous", "why")


def test_the_history_of_another_order_needs_another_token(shop: Shop, handlers: Handlers) -> None:
    mug = shop.product("MUG")
    first, second = shop.order(mug), shop.order(mug)
    for order_id in (first, second):
        shop.event(order_id, 1)
        shop.event(order_id, 2)
    request = orders_pb2.ListOrderEventsRequest(order_id=first, page_size=1)
    request.page_token = handlers.ListOrderEvents(request, CALL).next_page_token
    request.order_id = second
    with pytest.raises(PageTokenInvalid):
        handlers.ListOrderEvents(request, CALL)


def test_an_unknown_order_has_no_history(handlers: Handlers) -> None:
    nobody = "0192d0a8-ffff-7000-8000-ffffffffffff"
    with pytest.raises(OrderNotFound):
        handlers.ListOrderEvents(orders_pb2.ListOrderEventsRequest(order_id=nobody), CALL)
