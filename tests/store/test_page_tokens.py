"""Page tokens: ours, for this very question, to the last bit."""

import pytest

from inventory_grpc.domain.errors import PageTokenInvalid
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.domain.reads import (
    HoldQuery,
    LocationQuery,
    MovementQuery,
    OrderEventQuery,
    OrderQuery,
    ProductOrder,
    ProductQuery,
    StockLevelQuery,
)
from inventory_grpc.domain.status import HoldStatus, OrderStatus
from inventory_grpc.store.page_tokens import TOKEN_LENGTH_MAX, Query, seal, unseal

KEY = bytes(range(32))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PRODUCT = ProductKey("0192d0a8-0000-7000-8000-000000000001")
POSITIONS = [("a",), ("ab",), ("abc",), ("Käse 🧀", PRODUCT.product_id), ("",)]


@pytest.mark.parametrize("position", POSITIONS)
def test_a_token_opens_where_it_was_made_for(position: tuple[str, ...]) -> None:
    token = seal(KEY, OrderQuery(), position)
    assert tuple(unseal(KEY, OrderQuery(), token)) == position


@pytest.mark.parametrize("position", POSITIONS)
def test_a_token_with_any_one_bit_changed_is_refused(position: tuple[str, ...]) -> None:
    token = seal(KEY, OrderQuery(), position)
    for index, character in enumerate(token):
        for bit in range(6):
            other = ALPHABET[ALPHABET.index(character) ^ (1 << bit)]
            changed = token[:index] + other + token[index + 1 :]
            with pytest.raises(PageTokenInvalid):
                unseal(KEY, OrderQuery(), changed)


@pytest.mark.parametrize("position", POSITIONS)
def test_a_token_cut_or_lengthened_is_refused(position: tuple[str, ...]) -> None:
    token = seal(KEY, OrderQuery(), position)
    longer = [token + "A", token + "=", token + "==", " " + token, token + "\n", token + token]
    for changed in [token[:cut] for cut in range(len(token))] + longer:
        with pytest.raises(PageTokenInvalid):
            unseal(KEY, OrderQuery(), changed)


@pytest.mark.parametrize(
    "nonsense", ["x", "é", "\x00", "%", "A" * (TOKEN_LENGTH_MAX + 1), "-", "AAAA" * 6]
)
def test_nonsense_is_refused(nonsense: str) -> None:
    with pytest.raises(PageTokenInvalid):
        unseal(KEY, OrderQuery(), nonsense)


def test_a_token_of_another_question_is_refused() -> None:
    questions: list[Query] = [
        OrderQuery(),
        OrderQuery(statuses=(OrderStatus.PENDING,)),
        OrderQuery(statuses=(OrderStatus.PENDING, OrderStatus.SHIPPED)),
        OrderQuery(customer_reference="7"),
        OrderQuery(product=PRODUCT),
        HoldQuery(),
        HoldQuery(statuses=(HoldStatus.ACTIVE,)),
        HoldQuery(owner_reference="7"),
        HoldQuery(product=PRODUCT),
        MovementQuery(),
        MovementQuery(hold_id=PRODUCT.product_id),
        MovementQuery(order_id=PRODUCT.product_id),
        MovementQuery(product=PRODUCT),
        MovementQuery(location_id="default"),
        StockLevelQuery(),
        StockLevelQuery(location_id="default"),
        StockLevelQuery(low_stock=True),
        StockLevelQuery(low_stock=False),
        LocationQuery(),
        LocationQuery(show_deleted=True),
        OrderEventQuery(PRODUCT.product_id),
        OrderEventQuery("0192d0a8-0000-7000-8000-000000000002"),
        ProductQuery(),
        ProductQuery(descending=True),
        ProductQuery(order_by=ProductOrder.NAME),
        ProductQuery(words=("a", "b")),
        ProductQuery(words=("a b",)),
        ProductQuery(sku_prefix="a"),
    ]
    for asked in questions:
        token = seal(KEY, asked, ("position",))
        for other in questions:
            if other is not asked:
                with pytest.raises(PageTokenInvalid):
                    unseal(KEY, other, token)


def test_a_token_of_another_database_is_refused() -> None:
    token = seal(KEY, OrderQuery(), ("position",))
    with pytest.raises(PageTokenInvalid):
        unseal(bytes(32), OrderQuery(), token)


def test_the_longest_position_makes_a_token_that_is_taken_back() -> None:
    position = ("🧀" * 255, PRODUCT.product_id)
    query = ProductQuery(order_by=ProductOrder.NAME)
    token = seal(KEY, query, position)
    assert len(token) <= TOKEN_LENGTH_MAX
    assert tuple(unseal(KEY, query, token)) == position
