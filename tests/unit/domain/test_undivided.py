"""The short way through an allocation takes what the long one would."""

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_grpc.domain import allocation
from inventory_grpc.domain.allocation import Share, allocate
from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import AllocationStrategy, DemandLine
from inventory_grpc.domain.entries import Site
from inventory_grpc.domain.errors import InsufficientStock, Shortage
from tests.unit.domain.harness import NOW, books, key, level

_SITES = ("a", "b", "c")
_STRATEGIES = [AllocationStrategy.PRIORITY, AllocationStrategy.MOST_STOCK]

_PLACES = [(sku, site) for sku in "AB" for site in _SITES]
_levels = st.fixed_dictionaries({}, optional={place: st.integers(0, 4) for place in _PLACES})
_lines = st.lists(
    st.builds(
        lambda sku, units, place: DemandLine(key(sku), units, place),
        st.sampled_from("AB"),
        st.integers(1, 5),
        st.sampled_from(("", *_SITES)),
    ),
    min_size=1,
    max_size=3,
)


def _allocated(
    levels: dict[tuple[str, str], int],
    lines: list[DemandLine],
    strategy: AllocationStrategy,
    deleted: str,
    *,
    partial: bool,
) -> list[Share] | list[Shortage]:
    made = books(*_SITES)
    made.sites[deleted] = Site(0, deleted, True)
    for sku in "AB":
        level(made, sku, "nowhere", on_hand=9)
    for (sku, place), units in levels.items():
        level(made, sku, place, on_hand=units, backorder_limit=1)
    found = [made.items[f"id-{line.product.sku}"] for line in lines]
    try:
        return allocate(made, NOW, lines, found, strategy, partial=partial)
    except InsufficientStock as refused:
        return list(refused.shortages)


@settings(max_examples=500, deadline=None)
@given(
    _levels,
    _lines,
    st.sampled_from(_STRATEGIES),
    st.sampled_from((*_SITES, "nowhere")),
    st.booleans(),
)
def test_the_short_way_takes_what_the_long_one_would(
    levels: dict[tuple[str, str], int],
    lines: list[DemandLine],
    strategy: AllocationStrategy,
    deleted: str,
    partial: bool,
) -> None:
    short = _allocated(levels, lines, strategy, deleted, partial=partial)
    with patch.object(allocation, "_undivided", return_value=None):
        assert _allocated(levels, lines, strategy, deleted, partial=partial) == short


def test_the_short_way_is_for_orders_of_different_products_that_one_place_has_enough_of() -> None:
    made = books("near", "far")
    level(made, "A", "near", on_hand=1)
    level(made, "B", "far", on_hand=2)
    assert _undivided(made, ("A", 1), ("B", 2)) == [("A", "near", 1), ("B", "far", 2)]
    assert _undivided(made, ("A", 1), ("B", 3)) is None
    assert _undivided(made, ("B", 1), ("B", 1)) is None


def _undivided(made: Books, *wanted: tuple[str, int]) -> list[tuple[str, str, int]] | None:
    lines = [DemandLine(key(sku), units) for sku, units in wanted]
    found = [made.items[f"id-{sku}"] for sku, _ in wanted]
    shares = allocation._undivided(made, lines, found, AllocationStrategy.PRIORITY)
    if shares is None:
        return None
    return [(share.item.sku, share.location_id, share.quantity) for share in shares]
