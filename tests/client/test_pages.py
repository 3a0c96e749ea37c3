"""Lists are read page by page, and only as far as somebody looks."""

from threading import Barrier

import grpc

from inventory_grpc.client import InventoryClient
from inventory_grpc.v1.orders_pb2 import (
    CreateOrderResponse,
    GetOrderResponse,
    ListOrdersResponse,
    Order,
)
from tests.client.fakes import ORDERS, Fake, faked

_LIST = ORDERS["ListOrders"]


def _page(*order_ids: str, then: str = "") -> ListOrdersResponse:
    orders = [Order(order_id=order_id) for order_id in order_ids]
    return ListOrdersResponse(orders=orders, next_page_token=then, total_size=9)


def _ids(client: InventoryClient) -> list[str]:
    listed = client.list_orders(statuses=["PENDING"], page_size=2, include_total=True)
    return [order.order_id for order in listed]


def test_every_page_is_asked_for_with_the_token_of_the_one_before(fake: Fake) -> None:
    listed = fake.call(_ids)
    # A page may be empty and still not be the last.
    pages = [_page("a", "b", then="1"), _page(then="2"), _page("c")]
    asked = [fake.answer(_LIST, page)[0] for page in pages]
    assert listed.result(10) == ["a", "b", "c"]
    assert [each.page_token for each in asked] == ["", "1", "2"]
    for each in asked:
        each.page_token = ""
    assert asked[0] == asked[1] == asked[2]
    assert (asked[0].page_size, asked[0].include_total) == (2, True)


def test_a_page_that_fails_is_asked_for_again(fake: Fake) -> None:
    listed = fake.call(_ids)
    fake.answer(_LIST, _page("a", then="1"))
    assert fake.refuse(_LIST, grpc.StatusCode.UNAVAILABLE).page_token == "1"  # noqa: S105
    assert fake.answer(_LIST, _page("b"))[0].page_token == "1"  # noqa: S105
    assert listed.result(10) == ["a", "b"]


def test_a_page_that_nobody_looks_at_is_not_asked_for(fake: Fake) -> None:
    first = fake.call(lambda client: next(iter(client.list_orders())))
    fake.answer(_LIST, _page("a", "b", then="1"))
    assert first.result(10).order_id == "a"
    total = fake.call(lambda client: client.list_orders(page_token="7").first_page())  # noqa: S106
    asked, _ = fake.answer(_LIST, _page("c", then="8"))
    assert (asked.page_token, total.result(10).total_size) == ("7", 9)


def test_two_loops_over_one_list_do_not_disturb_each_other(fake: Fake) -> None:
    listed = fake.client.list_orders()
    loops = [fake.call(lambda _: [each.order_id for each in listed]) for _ in range(2)]
    for page in (_page("a", then="1"), _page("a", then="1"), _page("b"), _page("b")):
        fake.answer(_LIST, page)
    assert [loop.result(10) for loop in loops] == [["a", "b"], ["a", "b"]]


def test_reads_include_what_the_same_thread_wrote_before() -> None:
    with faked(read_your_writes=True) as fake:
        done = fake.call(_write_then_read)
        fake.answer(ORDERS["CreateOrder"], CreateOrderResponse(resume_token="written"))  # noqa: S106
        asked = [
            fake.answer(_LIST, _page("a", then="1"))[0],
            fake.answer(_LIST, _page("b"))[0],
            fake.answer(ORDERS["GetOrder"], GetOrderResponse())[0],
        ]
        done.result(10)
    assert [each.min_token for each in asked] == ["written", "written", "given"]


def test_what_another_thread_wrote_is_not_taken_for_it() -> None:
    both_wrote = Barrier(2)

    def write_then_read(client: InventoryClient) -> None:
        client.create_order([("MUG", 1)])
        both_wrote.wait(10)
        client.get_order("a")

    with faked(read_your_writes=True) as fake:
        done = [fake.call(write_then_read) for _ in range(2)]
        for token in ("one", "two"):
            fake.answer(ORDERS["CreateOrder"], CreateOrderResponse(resume_token=token))
        asked = [fake.answer(ORDERS["GetOrder"], GetOrderResponse())[0] for _ in range(2)]
        for each in done:
            each.result(10)
    assert {each.min_token for each in asked} == {"one", "two"}


def test_unless_asked_for_no_read_waits_for_a_write(fake: Fake) -> None:
    done = fake.call(_write_then_read)
    fake.answer(ORDERS["CreateOrder"], CreateOrderResponse(resume_token="written"))  # noqa: S106
    assert fake.answer(_LIST, _page("a"))[0].min_token == ""
    assert fake.answer(ORDERS["GetOrder"], GetOrderResponse())[0].min_token == "given"  # noqa: S105
    done.result(10)


def _write_then_read(client: InventoryClient) -> None:
    client.create_order([("MUG", 1)])
    _ids(client)
    client.get_order("a", min_token="given")  # noqa: S106
