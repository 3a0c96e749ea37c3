"""Plain values in, messages out, nothing lost or guessed on the way."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_grpc.client import decimal, money, new_request_id, product_id, requests, values
from inventory_grpc.client.filters import split
from inventory_grpc.v1.common_pb2 import ProductKey
from inventory_grpc.v1.orders_pb2 import ORDER_STATUS_PENDING, Order, OrderFilter, OrderLine
from inventory_grpc.v1.stock_pb2 import SetStockRequest

_ID = "01920000-0000-7000-8000-0000000000aa"


@given(st.decimals("-999999999999.9999", "999999999999.9999", places=4))
def test_money_and_back_is_the_same_amount(amount: Decimal) -> None:
    sent = money(amount, "EUR")
    assert decimal(sent) == amount
    assert sent.currency_code == "EUR"
    assert sent.units * sent.nanos >= 0
    assert abs(sent.nanos) < 1_000_000_000


def test_money_is_never_a_float() -> None:
    with pytest.raises(TypeError):
        money(0.1, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "0.00000000001"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        money(amount, "EUR")


def test_a_product_is_named_by_sku_by_id_or_by_what_belongs_to_it() -> None:
    by_id = ProductKey(product_id=_ID)
    assert values.product_key("MUG") == ProductKey(sku="MUG")
    assert values.product_key(_ID) == ProductKey(sku=_ID)
    assert values.product_key(product_id(_ID)) == by_id
    assert values.product_key(OrderLine(product_id=_ID, sku="MUG")) == by_id


def test_lines_name_a_location_or_leave_it_to_the_strategy() -> None:
    first, second = values.demand([("MUG", 2), ("CUP", 3, "berlin")])
    assert (first.product.sku, first.quantity, first.location_id) == ("MUG", 2, "")
    assert (second.product.sku, second.quantity, second.location_id) == ("CUP", 3, "berlin")


def test_no_lines_at_all_are_never_taken_for_all_lines() -> None:
    assert values.part(None) == []
    with pytest.raises(ValueError, match="None for everything"):
        values.part({})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        values.moment(datetime(2026, 1, 2))  # noqa: DTZ001
    berlin = datetime.fromisoformat("2026-01-02T01:00:00+01:00")
    stamp = values.moment(berlin)
    assert stamp is not None
    assert stamp.ToDatetime(tzinfo=UTC) == berlin


def test_a_length_of_time_is_seconds_or_a_timedelta() -> None:
    assert values.duration(1.5) == values.duration(timedelta(milliseconds=1500))


def test_an_update_changes_what_is_given_and_nothing_else() -> None:
    request = requests.product_update("MUG", {"name": "Big", "price": None}, clear_price=True)
    assert list(request.update_mask.paths) == ["name", "price"]
    assert (request.product.sku, request.product.name) == ("MUG", "Big")


def test_the_sku_of_a_product_named_by_sku_cannot_change() -> None:
    with pytest.raises(ValueError, match="by its id"):
        requests.product_update("MUG", {"sku": "CUP"}, clear_price=False)
    renamed = requests.product_update(product_id(_ID), {"sku": "CUP"}, clear_price=False)
    assert (renamed.product.product_id, renamed.product.sku) == (_ID, "CUP")


@pytest.mark.parametrize("given_", [(None, None, False), (1, 1, False), (None, 0, True)])
def test_a_count_says_exactly_once_what_is_known(given_: tuple[int, int, bool]) -> None:
    on_hand, version, unchecked = given_
    with pytest.raises(ValueError, match="exactly one"):
        requests.set_precondition(SetStockRequest(), on_hand, version, unchecked=unchecked)


def test_a_filter_takes_what_is_its_own() -> None:
    since = datetime(2026, 1, 2, tzinfo=UTC)
    given_ = {"statuses": ["PENDING"], "product": "MUG", "created_after": since, "page_size": 7}
    matching, rest = split(OrderFilter(), given_)
    assert list(matching.statuses) == [ORDER_STATUS_PENDING]
    assert matching.product.sku == "MUG"
    assert matching.created_after.ToDatetime(tzinfo=UTC) == since
    assert rest == {"page_size": 7}


def test_a_status_that_does_not_exist_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="LOST"):
        split(OrderFilter(), {"statuses": ["LOST"]})
    with pytest.raises(ValueError, match="LOST"):
        requests.status(Order().order_id, "LOST")  # type: ignore[arg-type]


def test_request_ids_follow_each_other() -> None:
    made = [new_request_id() for _ in range(100)]
    assert len(set(made)) == 100
    assert [each[:8] for each in made] == sorted(each[:8] for each in made)
