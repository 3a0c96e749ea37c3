"""Existence: every name in a command is looked up before anything else is decided."""

from collections.abc import Iterable, Sequence

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import DemandLine
from inventory_grpc.domain.entries import Item
from inventory_grpc.domain.errors import (
    HoldNotFound,
    LocationNotFound,
    OrderNotFound,
    ProductNotFound,
    VersionMismatch,
)
from inventory_grpc.domain.model import Hold, Order, ProductKey


def items(books: Books, keys: Iterable[ProductKey]) -> list[Item]:
    """The live products, in order. Raises ProductNotFound with every unknown key."""
    found: list[Item] = []
    missing: dict[ProductKey, None] = {}
    for key in keys:
        item = books.item(key)
        if item is None:
            missing[key] = None
        else:
            found.append(item)
    if missing:
        raise ProductNotFound.of(*missing)
    return found


def demanded(books: Books, lines: Sequence[DemandLine]) -> list[Item]:
    """The live product of each line. Raises ProductNotFound with every unknown key, or else
    LocationNotFound with every unknown or deleted location."""
    found = items(books, [line.product for line in lines])
    check_locations(books, [line.location_id for line in lines])
    return found


def item(books: Books, key: ProductKey) -> Item:
    """The live product. Raises ProductNotFound."""
    return items(books, (key,))[0]


def check_locations(books: Books, location_ids: Iterable[str]) -> None:
    """Raises LocationNotFound with every unknown or deleted one; the empty id is none."""
    missing = [name for name in location_ids if name and books.site(name) is None]
    if missing:
        raise LocationNotFound(list(dict.fromkeys(missing)))


def order(books: Books, order_id: str) -> Order:
    """The order. Raises OrderNotFound."""
    found = books.orders.get(order_id)
    if found is None:
        raise OrderNotFound([order_id])
    return found


def hold(books: Books, hold_id: str) -> Hold:
    """The hold. Raises HoldNotFound."""
    found = books.holds.get(hold_id)
    if found is None:
        raise HoldNotFound([hold_id])
    return found


def check_version(expected: int, current: int) -> None:
    """Raises VersionMismatch; 0 expects nothing."""
    if expected and expected != current:
        raise VersionMismatch(expected, current)
