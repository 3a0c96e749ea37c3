"""Who is held up? Finds the rows that somebody else has locked, without waiting for them."""

from collections.abc import Iterable
from dataclasses import dataclass

from inventory_grpc.store import locks
from inventory_grpc.store.footprint import Footprint, Place, RowLock
from inventory_grpc.store.link import Call, Link
from inventory_grpc.store.reach import Keys
from inventory_grpc.store.statements import array, text_array

_LevelKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Everything a caller can name that stands for a row held by somebody else."""

    levels: frozenset[tuple[str, str]] = frozenset()
    """(product id, SKU, order or hold id, or location; location of the level)"""
    names: frozenset[str] = frozenset()
    """The same without the place."""
    rows: frozenset[str] = frozenset()
    """Ids, SKUs and location ids of held product, location, order and hold rows."""

    def __bool__(self) -> bool:
        return bool(self.levels or self.rows)

    def __or__(self, other: "Blocked") -> "Blocked":
        return Blocked(self.levels | other.levels, self.names | other.names, self.rows | other.rows)

    def holds_up(self, footprint: Footprint) -> bool:
        """Whether a batch with this footprint would have to wait."""
        if not self:
            return False
        return (
            any(map(self._holds_place, footprint.places))
            or not self.names.isdisjoint(_sources(footprint))
            or not self.rows.isdisjoint(_rows(footprint))
        )

    def _holds_place(self, place: Place) -> bool:
        key, location_id = place
        name = key.product_id or key.sku
        return (name, location_id) in self.levels if location_id else name in self.names


def _sources(footprint: Footprint) -> set[str]:
    """What it finds stock levels by, beside places."""
    return footprint.orders | footprint.holds | footprint.emptied_locations


def _rows(footprint: Footprint) -> Iterable[str]:
    yield from footprint.orders
    yield from footprint.holds
    yield from footprint.skus
    if footprint.row_lock:
        yield from footprint.locations
        yield from footprint.whole_locations
        for key in footprint.products | {key for key, _ in footprint.seeds}:
            yield key.product_id or key.sku


def find_blocked(link: Link, whole: Footprint) -> Blocked:
    """Probe a batch's footprint with SKIP LOCKED in a transaction that is rolled back."""
    keys = Keys.of(whole)
    try:
        link.begin(())
        rows = _held_rows(link, whole, keys)
        free = {(row[0], row[1]) for row in link.read(Call(locks.PROBE_LEVELS, keys.wanted))}
        wanted = link.read(Call(locks.LEVELS_OF_PLACES, keys.wanted))
    finally:
        link.rollback()
    held = [(name, product_id, place) for name, product_id, place in wanted
            if (product_id, place) not in free]  # fmt: skip
    levels = {(name, place) for name, _, place in held}
    levels |= {(product_id, place) for _, product_id, place in held}
    return Blocked(frozenset(levels), frozenset(name for name, _ in levels), rows)


def _held_rows(link: Link, whole: Footprint, keys: Keys) -> frozenset[str]:
    """Names of product, location, order and hold rows that exist and cannot be locked now."""
    places = text_array(whole.locations | whole.whole_locations)
    orders, holds = array(whole.orders), array(whole.holds)
    free = {row[0] for row in link.read(Call(locks.PROBE_ORDERS, (orders,)))}
    free |= {row[0] for row in link.read(Call(locks.PROBE_HOLDS, (holds,)))}
    if whole.row_lock is not RowLock.NONE:
        free |= {row[0] for row in link.read(Call(locks.PROBE_PRODUCTS, keys.rows))}
        free |= {row[0] for row in link.read(Call(locks.PROBE_LOCATIONS, (places,)))}
    there = link.read(Call(locks.ROWS_OF_NAMES, (orders, holds, *keys.rows, places)))
    return frozenset(name for row in there if row[0] not in free for name in row)
