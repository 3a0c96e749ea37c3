"""The short way through an allocation takes what the long one would."""

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_grpc.domain import allocation
from inventory_grpc.domain.allocation import Share, allocate
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
) -> list[Share] | list[Shortage]:
    made = books(*_SITES)
    made.sites[deleted] = Site(0, deleted, True)
    for sku in "AB":
        level(made, sku, "nowhere", on_hand=9)
    for (sku, place), units in levels.items():
        level(made, sku, place, on_hand=units, backorder_limit=1)
    found = [made.items[f"id-{line.product.sku}"] for line in lines]
    try:
        return allocate(made, NOW, lines, found, strategy)
    except InsufficientStock as refused:
        return list(refused.shortages)


@settings(max_examples=500, deadline=None)
@given(_levels, _lines, st.sampled_from(_STRATEGIES), st.sampled_from((*_SITES, "nowhere")))
def test_the_short_way_takes_what_the_long_one_would(
    levels: dict[tuple[str, str], int],
    lines: list[DemandLine],
    strategy: AllocationStrategy,
    deleted: str,
) -> None:
    short = _allocated(levels, lines, strategy, deleted)
    with patch.object(allocation, "_undivided", return_value=None):
        assert _allocated(levels, lines, strategy, deleted) == short
