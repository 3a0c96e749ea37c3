"""What may become of an order, and what each change does to counters and ledger."""

from dataclasses import replace

import pytest

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import (
    CancelOrder,
    ChangeOrderStatus,
    Disposition,
    LineQuantity,
    ReturnLine,
    ReturnOrder,
    ShipOrder,
)
from inventory_grpc.domain.errors import (
    InsufficientStock,
    InvalidTransition,
    LocationNotFound,
    OrderNotFound,
    QuantityExceeded,
    VersionMismatch,
)
from inventory_grpc.domain.model import MovementKind, Order, OrderEventKind, OrderLine
from inventory_grpc.domain.status import OrderStatus
from tests.unit.domain.harness import (
    NOW,
    books,
    counters,
    ledger,
    level,
    ordered,
    place,
)

S = OrderStatus
ASKED_FOR = (S.PENDING, S.CONFIRMED, S.SHIPPED, S.DELIVERED, S.CANCELLED, S.RETURNED)
ALLOWED = {
    S.PENDING: {S.CONFIRMED, S.SHIPPED, S.CANCELLED},
    S.CONFIRMED: {S.SHIPPED, S.CANCELLED},
    S.PARTIALLY_SHIPPED: {S.SHIPPED, S.CANCELLED},
    S.SHIPPED: {S.DELIVERED, S.CANCELLED},
    S.DELIVERED: {S.RETURNED},
    S.PARTIALLY_RETURNED: {S.RETURNED},
    S.CANCELLED: set(),
    S.RETURNED: set(),
}
"""The contract's table, written out once more."""

DONE = {
    S.PENDING: (0, 0, 0), S.CONFIRMED: (0, 0, 0), S.PARTIALLY_SHIPPED: (4, 0, 0),
    S.SHIPPED: (10, 0, 0), S.DELIVERED: (10, 0, 0), S.PARTIALLY_RETURNED: (10, 0, 3),
    S.CANCELLED: (0, 10, 0), S.RETURNED: (10, 0, 10),
}  # fmt: skip
"""(shipped, cancelled, returned) of a line of 10 in each state."""


def with_order(status: OrderStatus) -> Books:
    """One order of 10 in that state, at version 5; 100 on hand."""
    made = books("default", "shop")
    shipped, cancelled, returned = DONE[status]
    level(made, "A", on_hand=100, allocated=10 - shipped - cancelled)
    level(made, "A", "shop")
    line = OrderLine(1, 0, "id-A", "A", "default", 10, None, shipped, cancelled, returned)
    made.orders["o"] = Order("o", status, (line,), None, "", {}, 5, NOW, NOW, "")
    return made


def ask(made: Books, wanted: OrderStatus, version: int = 0) -> Order:
    return ordered(made, ChangeOrderStatus("o", wanted, "why", version))


def ship(made: Books, *lines: tuple[int, int]) -> Order:
    return ordered(made, ShipOrder("o", tuple(LineQuantity(*line) for line in lines), "", 0))


def cancel(made: Books, *lines: tuple[int, int], recall: bool = False) -> Order:
    units = tuple(LineQuantity(*line) for line in lines)
    return ordered(made, CancelOrder("o", units, "", recall, 0))


def give_back(made: Books, *lines: tuple[int, int, Disposition, str]) -> Order:
    return ordered(made, ReturnOrder("o", tuple(ReturnLine(*line) for line in lines), "", 0))


RESTOCK, DISCARD = Disposition.RESTOCK, Disposition.DISCARD


class TestTransitions:
    @pytest.mark.parametrize("wanted", ASKED_FOR)
    @pytest.mark.parametrize("current", list(S))
    def test_exactly_those_of_the_table_are_allowed(
        self, current: OrderStatus, wanted: OrderStatus
    ) -> None:
        made = with_order(current)
        if wanted in ALLOWED[current]:
            after = ask(made, wanted)
            assert (after.status, after.version, after.status_reason) == (wanted, 6, "why")
            [event] = made.events
            assert (event.from_status, event.to_status, event.order_version) == (current, wanted, 6)
            return
        with pytest.raises(InvalidTransition) as refused:
            ask(made, wanted)
        assert (refused.value.current, refused.value.wanted) == (current, wanted)
        assert set(refused.value.allowed) == ALLOWED[current]

    @pytest.mark.parametrize("current", list(S))
    def test_a_stale_version_is_refused_before_the_state_is_looked_at(
        self, current: OrderStatus
    ) -> None:
        with pytest.raises(VersionMismatch):
            ask(with_order(current), S.CONFIRMED, version=4)

    def test_an_unknown_order_is_not_found(self) -> None:
        with pytest.raises(OrderNotFound):
            ask(books(), S.CONFIRMED)


class TestShip:
    def test_it_takes_from_on_hand_what_was_allocated(self) -> None:
        made = with_order(S.PENDING)
        assert ship(made).status is S.SHIPPED
        assert counters(made, "A") == (90, 0, 0)
        assert ledger(made) == [("A", "default", MovementKind.SHIPPED, -10, -10)]

    def test_a_part_leaves_the_rest_open(self) -> None:
        made = with_order(S.PENDING)
        after = ship(made, (1, 4))
        assert (after.status, after.lines[0].open) == (S.PARTIALLY_SHIPPED, 6)
        assert counters(made, "A") == (96, 6, 0)
        assert made.events[0].lines == ((1, 4),)

    @pytest.mark.parametrize(("line", "possible"), [((1, 7), 6), ((2, 1), 0)])
    def test_no_more_than_is_open(self, line: tuple[int, int], possible: int) -> None:
        with pytest.raises(QuantityExceeded) as refused:
            ship(with_order(S.PARTIALLY_SHIPPED), line)
        assert (refused.value.requested, refused.value.possible) == (line[1], possible)

    def test_no_more_than_is_on_hand_of_all_lines_together(self) -> None:
        made = books()
        level(made, "A", on_hand=6, backorder_limit=10)
        order = place(made, ("A", 4), ("A", 4))
        with pytest.raises(InsufficientStock) as refused:
            ordered(made, ShipOrder(order.order_id, (), "", 0))
        [shortage] = refused.value.shortages
        assert (shortage.line_index, shortage.requested, shortage.available) == (0, 8, 6)

    def test_a_shortage_names_the_line_of_the_request_that_asks_for_it(self) -> None:
        made = books()
        for sku in "ABC":
            level(made, sku, on_hand=5)
        order_id = place(made, ("A", 5), ("B", 5), ("C", 5)).order_id
        level(made, "C", on_hand=1, allocated=5, shortfall=4)
        some = tuple(LineQuantity(number, 2) for number in (2, 3))
        for lines, index in ((some, 1), ((), 2)):
            with pytest.raises(InsufficientStock) as refused:
                ordered(made, ShipOrder(order_id, lines, "", 0))
            assert [each.line_index for each in refused.value.shortages] == [index]


class TestCancel:
    def test_it_gives_back_what_is_open_where_it_is_held(self) -> None:
        made = with_order(S.CONFIRMED)
        assert cancel(made).status is S.CANCELLED
        assert counters(made, "A") == (100, 0, 0)
        assert ledger(made) == [("A", "default", MovementKind.DEALLOCATED, 0, -10)]

    def test_a_part_leaves_the_state_as_it_was(self) -> None:
        made = with_order(S.CONFIRMED)
        assert cancel(made, (1, 3)).status is S.CONFIRMED
        assert counters(made, "A") == (100, 7, 0)

    def test_the_rest_of_a_partly_shipped_order_leaves_it_shipped(self) -> None:
        made = with_order(S.PARTIALLY_SHIPPED)
        after = cancel(made)
        assert (after.status, after.lines[0].shipped, after.lines[0].cancelled) == (S.SHIPPED, 4, 6)

    def test_with_nothing_open_it_needs_a_recall(self) -> None:
        made = with_order(S.SHIPPED)
        with pytest.raises(InvalidTransition, match="set recall"):
            cancel(made)
        after = cancel(made, recall=True)
        assert (after.status, after.lines[0].returned) == (S.CANCELLED, 10)
        assert ledger(made) == [("A", "default", MovementKind.RETURNED, 10, 0)]

    def test_a_recall_does_both(self) -> None:
        made = with_order(S.PARTIALLY_SHIPPED)
        after = cancel(made, recall=True)
        line = after.lines[0]
        assert (line.shipped, line.cancelled, line.returned) == (4, 6, 4)
        assert counters(made, "A") == (104, 0, 0)
        assert made.events[0].kind is OrderEventKind.RECALLED

    def test_a_recall_of_what_never_left_is_a_cancellation(self) -> None:
        made = with_order(S.PENDING)
        cancel(made, recall=True)
        assert made.events[0].kind is OrderEventKind.CANCELLED

    def test_nothing_comes_back_to_a_place_that_is_closed(self) -> None:
        with pytest.raises(LocationNotFound):
            cancel(with_closed_default(S.SHIPPED), recall=True)
        with pytest.raises(LocationNotFound):
            give_back(with_closed_default(S.DELIVERED), (1, 1, RESTOCK, ""))

    @pytest.mark.parametrize("wanted", [S.CANCELLED, S.RETURNED])
    @pytest.mark.parametrize("current", [S.SHIPPED, S.DELIVERED])
    def test_the_closed_place_is_told_before_a_stale_version_and_that_before_the_state(
        self, current: OrderStatus, wanted: OrderStatus
    ) -> None:
        with pytest.raises(LocationNotFound):
            ask(with_closed_default(current), wanted, version=4)
        with pytest.raises(VersionMismatch):
            ask(with_order(current), wanted, version=4)

    @pytest.mark.parametrize("current", [S.CANCELLED, S.RETURNED])
    def test_a_closed_place_does_not_matter_once_everything_is_back(
        self, current: OrderStatus
    ) -> None:
        for wanted in (S.CANCELLED, S.RETURNED):
            with pytest.raises(InvalidTransition):
                ask(with_closed_default(current), wanted)


def with_closed_default(status: OrderStatus) -> Books:
    made = with_order(status)
    made.sites["default"] = made.sites["default"]._replace(deleted=True)
    return made


class TestReturn:
    @pytest.mark.parametrize("line", [1, 99])
    @pytest.mark.parametrize("disposition", Disposition)
    def test_a_location_that_is_named_must_exist_whatever_becomes_of_the_units(
        self, disposition: Disposition, line: int
    ) -> None:
        with pytest.raises(LocationNotFound) as refused:
            give_back(with_order(S.DELIVERED), (line, 1, disposition, "nowhere"))
        assert refused.value.missing == ["nowhere"]

    def test_a_part_comes_back_where_it_was_taken(self) -> None:
        made = with_order(S.DELIVERED)
        assert give_back(made, (1, 4, RESTOCK, "")).status is S.PARTIALLY_RETURNED
        assert counters(made, "A") == (104, 0, 0)

    def test_or_where_the_caller_says(self) -> None:
        made = with_order(S.PARTIALLY_RETURNED)
        assert give_back(made, (1, 7, RESTOCK, "shop")).status is S.RETURNED
        assert ledger(made) == [("A", "shop", MovementKind.RETURNED, 7, 0)]

    def test_what_is_discarded_leaves_no_movement(self) -> None:
        made = with_order(S.DELIVERED)
        after = give_back(made, (1, 4, DISCARD, ""), (1, 6, DISCARD, "shop"))
        assert (after.status, made.movements) == (S.RETURNED, [])
        assert made.events[0].lines == ((1, 10),)

    def test_lines_of_the_same_number_add_up(self) -> None:
        with pytest.raises(QuantityExceeded) as refused:
            give_back(with_order(S.PARTIALLY_RETURNED), (1, 4, RESTOCK, ""), (1, 4, DISCARD, ""))
        assert (refused.value.requested, refused.value.possible) == (8, 7)

    def test_a_deleted_product_is_taken_back(self) -> None:
        made = with_order(S.DELIVERED)
        made.items["id-A"] = replace(made.items["id-A"], deleted=True)
        assert ask(made, S.RETURNED).status is S.RETURNED

    @pytest.mark.parametrize("current", [S.PENDING, S.SHIPPED, S.CANCELLED, S.RETURNED])
    def test_only_what_was_delivered_can_be_returned(self, current: OrderStatus) -> None:
        with pytest.raises(InvalidTransition):
            give_back(with_order(current), (1, 1, RESTOCK, ""))
