"""What an order costs."""

from decimal import Decimal

import pytest

from inventory_grpc.domain.errors import CurrencyMismatch, TotalTooLarge
from inventory_grpc.domain.model import Money
from tests.unit.domain.harness import books, eur, level, place, product


def test_prices_are_those_of_the_moment_and_add_up_exactly() -> None:
    made = books()
    product(made, "A", price=eur("0.1001"))
    level(made, "A", on_hand=10**9)
    level(made, "free", on_hand=9)
    order = place(made, ("A", 3), ("free", 1))
    assert order.total == eur("0.3003")
    assert [line.unit_price for line in order.lines] == [eur("0.1001"), None]


def test_an_order_without_any_price_has_no_total() -> None:
    made = books()
    level(made, "A", on_hand=1)
    assert place(made, ("A", 1)).total is None


def test_currencies_must_agree() -> None:
    made = books()
    product(made, "A", price=eur("1"))
    product(made, "B", price=Money("USD", Decimal(1)))
    with pytest.raises(CurrencyMismatch) as refused:
        place(made, ("B", 1), ("A", 1))
    assert refused.value.currencies == ["EUR", "USD"]


def test_the_largest_total_is_the_largest_amount_of_money() -> None:
    made = books()
    product(made, "A", price=eur("999999999999.9999"))
    level(made, "A", on_hand=2)
    assert place(made, ("A", 1)).total == eur("999999999999.9999")
    with pytest.raises(TotalTooLarge):
        place(made, ("A", 1), ("A", 1))
