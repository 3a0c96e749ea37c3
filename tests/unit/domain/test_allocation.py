"""From where an order's units are taken, and what a refusal says."""

import pytest

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import AllocationStrategy
from inventory_grpc.domain.entries import Site
from inventory_grpc.domain.errors import InsufficientStock, LocationNotFound, ProductNotFound
from tests.unit.domain.harness import books, counters, level, place, product, taken

MOST_STOCK = AllocationStrategy.MOST_STOCK
SINGLE = AllocationStrategy.SINGLE_LOCATION


def shop(**units: int) -> Books:
    """Product A with these units; the location named first is asked first."""
    made = books(*units)
    for name, count in units.items():
        level(made, "A", name, on_hand=count)
    return made


class TestPriority:
    def test_the_first_location_that_covers_the_demand_serves_all_of_it(self) -> None:
        assert taken(place(shop(near=3, far=9), ("A", 5))) == [(0, "A", "far", 5)]

    def test_nobody_covering_it_the_nearest_gives_first(self) -> None:
        order = place(shop(near=3, mid=1, far=4), ("A", 7))
        assert taken(order) == [(0, "A", "near", 3), (0, "A", "mid", 1), (0, "A", "far", 3)]
        assert [line.line_number for line in order.lines] == [1, 2, 3]

    def test_equal_priorities_are_asked_by_name(self) -> None:
        made = shop(b=5, a=5)
        made.sites.update({name: Site(1, name, False) for name in "ab"})
        assert taken(place(made, ("A", 2))) == [(0, "A", "a", 2)]

    def test_a_deleted_location_is_not_asked(self) -> None:
        made = shop(near=9, far=9)
        made.sites["near"] = Site(0, "near", True)
        assert taken(place(made, ("A", 2))) == [(0, "A", "far", 2)]

    def test_what_the_first_line_took_is_not_there_for_the_second(self) -> None:
        made = shop(near=3, far=3)
        order = place(made, ("A", 2, "near"), ("A", 3))
        assert taken(order) == [(0, "A", "near", 2), (1, "A", "far", 3)]


class TestMostStock:
    def test_the_fullest_location_is_asked_first(self) -> None:
        assert taken(place(shop(near=3, far=9), ("A", 2), strategy=MOST_STOCK)) == [
            (0, "A", "far", 2)
        ]

    def test_available_counts_not_on_hand(self) -> None:
        made = books("near", "far")
        level(made, "A", "near", on_hand=9, allocated=7)
        level(made, "A", "far", on_hand=3)
        assert taken(place(made, ("A", 1), strategy=MOST_STOCK)) == [(0, "A", "far", 1)]

    def test_piece_by_piece_it_takes_from_the_fullest_down(self) -> None:
        order = place(shop(a=1, b=3, c=2), ("A", 6), strategy=MOST_STOCK)
        assert taken(order) == [(0, "A", "b", 3), (0, "A", "c", 2), (0, "A", "a", 1)]


class TestSingleLocation:
    def test_all_lines_come_from_the_first_location_that_has_everything(self) -> None:
        made = shop(near=9, far=9)
        level(made, "B", "far", on_hand=1)
        order = place(made, ("A", 1), ("B", 1), strategy=SINGLE)
        assert {line.location_id for line in order.lines} == {"far"}

    def test_no_location_having_everything_it_is_refused_though_the_sum_would_do(self) -> None:
        with pytest.raises(InsufficientStock) as refused:
            place(shop(near=3, far=3), ("A", 4), strategy=SINGLE)
        [shortage] = refused.value.shortages
        assert (shortage.requested, shortage.available) == (4, 3)

    def test_lines_bound_to_two_locations_contradict_it(self) -> None:
        with pytest.raises(InsufficientStock) as refused:
            place(shop(near=3, far=4), ("A", 1, "near"), ("A", 1, "far"), strategy=SINGLE)
        shown = [(each.location_id, each.on_hand) for each in refused.value.shortages]
        assert shown == [("near", 3), ("far", 4)]

    def test_a_bound_line_binds_the_free_ones(self) -> None:
        made = shop(near=9, far=9)
        order = place(made, ("A", 1), ("A", 1, "far"), strategy=SINGLE)
        assert {line.location_id for line in order.lines} == {"far"}


class TestBackorders:
    def test_they_are_used_only_when_everything_there_is_has_gone(self) -> None:
        made = books("near", "far")
        level(made, "A", "near", on_hand=2, backorder_limit=10)
        level(made, "A", "far", on_hand=2, backorder_limit=10)
        assert taken(place(made, ("A", 5))) == [(0, "A", "near", 3), (0, "A", "far", 2)]

    def test_nothing_is_promised_beyond_the_limit(self) -> None:
        made = books()
        level(made, "A", on_hand=2, backorder_limit=3)
        place(made, ("A", 5))
        assert counters(made, "A") == (2, 5, 0)
        with pytest.raises(InsufficientStock) as refused:
            place(made, ("A", 1))
        assert refused.value.shortages[0].available == 0

    def test_a_shortfall_is_served_before_new_promises(self) -> None:
        made = books()
        level(made, "A", on_hand=1, allocated=4, backorder_limit=2, shortfall=1)
        with pytest.raises(InsufficientStock):
            place(made, ("A", 1))

    def test_safety_stock_is_never_promised(self) -> None:
        made = books()
        level(made, "A", on_hand=5, safety_stock=3)
        with pytest.raises(InsufficientStock) as refused:
            place(made, ("A", 3))
        assert (refused.value.shortages[0].available, refused.value.shortages[0].safety_stock) == (
            2, 3,
        )  # fmt: skip


class TestRefusals:
    def test_every_shortage_is_listed_with_its_first_line_and_the_whole_demand(self) -> None:
        made = books()
        level(made, "A", on_hand=3, allocated=1)
        level(made, "B", on_hand=1)
        level(made, "C", on_hand=9)
        with pytest.raises(InsufficientStock) as refused:
            place(made, ("C", 1), ("A", 2), ("B", 2), ("A", 1))
        found = [
            (each.line_index, each.sku, each.requested, each.available, each.on_hand)
            for each in refused.value.shortages
        ]
        assert found == [(1, "A", 3, 2, 3), (2, "B", 2, 1, 1)]

    def test_a_demand_that_is_refused_takes_nothing_from_those_after_it(self) -> None:
        with pytest.raises(InsufficientStock) as refused:
            place(shop(near=3, far=3), ("A", 6), ("A", 4, "near"))
        assert [each.line_index for each in refused.value.shortages] == [1]

    def test_a_product_that_never_had_stock_has_none(self) -> None:
        made = books()
        product(made, "A")
        for line in (("A", 1), ("A", 1, "default")):
            with pytest.raises(InsufficientStock) as refused:
                place(made, line)
            assert refused.value.shortages[0].available == 0

    def test_all_unknown_products_are_named_before_any_location(self) -> None:
        made = books()
        level(made, "A", on_hand=1)
        product(made, "gone", deleted=True)
        with pytest.raises(ProductNotFound) as refused:
            place(made, ("A", 1, "nowhere"), ("gone", 1), ("X", 1), ("X", 2))
        assert refused.value.missing == ["sku:gone", "sku:X"]
        with pytest.raises(LocationNotFound) as unknown:
            place(made, ("A", 1, "nowhere"), ("A", 1, "elsewhere"))
        assert unknown.value.missing == ["nowhere", "elsewhere"]
