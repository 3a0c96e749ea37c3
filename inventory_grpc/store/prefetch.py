"""Prefetch: lock everything a batch needs, then read it into the books, in a few round trips.

The first string opens the transaction, locks, and reads stock levels with their products and
locations, stored answers and the clock; a second and third statement read whole products, locations
and orders where a command needs them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.entries import AnswerKey, Item, Site, StaleBooksError, StoredAnswer
from inventory_grpc.domain.model import (
    Location,
    Money,
    Order,
    OrderLine,
    Product,
    ProductKey,
    ProductStock,
    StockLevel,
)
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.store import locks
from inventory_grpc.store.book_reads import READ, READ_LOCATIONS, READ_ORDERS, READ_PRODUCTS
from inventory_grpc.store.footprint import Footprint, Place
from inventory_grpc.store.link import Call, Link, Row
from inventory_grpc.store.locks import Reach
from inventory_grpc.store.statements import Value, array, text_array


@dataclass(frozen=True, slots=True)
class Keys:
    """A footprint as the arguments of its statements."""

    reach: Reach
    found: tuple[Value, ...]
    """What the stock levels of this reach are found by."""
    wanted: tuple[Value, ...]
    """The same for the widest reach."""
    seeds: tuple[Value, ...]
    rows: tuple[Value, ...]
    """Products to lock as rows: ids, SKUs, orders coming back."""

    @classmethod
    def of(cls, footprint: Footprint) -> "Keys":
        """Ids and SKUs apart, because they are found by different indexes."""
        back = sorted(footprint.order_seeds)
        back_orders, back_places = array(o for o, _ in back), text_array(p for _, p in back)
        orders = array(footprint.orders)
        emptied = text_array(footprint.emptied_locations)
        reach = _reach(footprint)
        wanted = (*_places(footprint.places), orders, back_orders, back_places, emptied)
        rows = footprint.products | {key for key, _ in footprint.seeds}
        return cls(
            reach,
            wanted[: len(locks.WANTED_TYPES[reach])],
            wanted,
            (*_places(footprint.seeds), back_orders, back_places),
            (
                array(key.product_id for key in rows if key.product_id),
                text_array(key.sku for key in rows if key.sku),
                back_orders,
            ),
        )


def _reach(footprint: Footprint) -> Reach:
    if footprint.emptied_locations:
        return Reach.LOCATIONS
    return Reach.LINES if footprint.orders or footprint.order_seeds else Reach.PLACES


def _places(places: Iterable[Place]) -> tuple[str, str, str, str]:
    ids = [(key.product_id, place) for key, place in places if key.product_id]
    skus = [(key.sku, place) for key, place in places if key.sku]
    return (
        array(product_id for product_id, _ in ids),
        text_array(place for _, place in ids),
        text_array(sku for sku, _ in skus),
        text_array(place for _, place in skus),
    )


def lock_and_read(
    link: Link, footprint: Footprint, answer_keys: Sequence[AnswerKey]
) -> tuple[Books, datetime]:
    """The books of one attempt and the database's clock, read after the locks.

    Leaves the transaction open. Raises StaleBooksError if rows appeared between lock and read.
    """
    keys = Keys.of(footprint)
    books = Books()
    calls = [
        *_lock_calls(footprint, keys),
        Call(READ[keys.reach], _read_arguments(footprint, keys, answer_keys)),
    ]
    exact = keys.reach is not Reach.LOCATIONS
    now, locked = _enter(books, link.begin(calls), exact=exact)
    if footprint.products or footprint.skus:
        _enter_products(books, link.read(Call(READ_PRODUCTS, _product_arguments(footprint))))
        _check_locked(books, footprint.products, locked)
    if footprint.whole_locations:
        _enter_locations(
            books, link.read(Call(READ_LOCATIONS, (text_array(footprint.whole_locations),)))
        )
    if footprint.orders:
        _enter_orders(books, link.read(Call(READ_ORDERS, (array(footprint.orders),))))
    return books, now


def _lock_calls(footprint: Footprint, keys: Keys) -> list[Call]:
    """In the one order in which everybody locks."""
    calls: list[Call] = []
    if footprint.orders:
        calls.append(Call(locks.LOCK_ORDERS, (array(footprint.orders),)))
    if footprint.row_lock:
        calls.append(Call(locks.LOCK_PRODUCTS[footprint.row_lock], keys.rows))
        places = footprint.locations | footprint.whole_locations
        calls.append(Call(locks.LOCK_LOCATIONS[footprint.row_lock], (text_array(places),)))
    if footprint.seeds or footprint.order_seeds:
        calls.append(Call(locks.SEED_LEVELS, keys.seeds))
    calls.append(Call(locks.LOCK_LEVELS[keys.reach], keys.found))
    return calls


def _read_arguments(
    footprint: Footprint, keys: Keys, answer_keys: Sequence[AnswerKey]
) -> tuple[Value, ...]:
    return (
        *keys.found,
        text_array(footprint.locations),
        text_array(caller for caller, _ in answer_keys),
        array(request_id for _, request_id in answer_keys),
    )


def _product_arguments(footprint: Footprint) -> tuple[Value, ...]:
    skus = footprint.skus | {key.sku for key in footprint.products if key.sku}
    return (
        array(key.product_id for key in footprint.products if key.product_id),
        text_array(skus),
    )


def _enter(books: Books, rows: Sequence[Row], *, exact: bool) -> tuple[datetime, str]:
    """The clock, and which products are locked as rows. All levels locked are read if ``exact``."""
    now: datetime | None = None
    products = ""
    locked = levels = 0
    for row in rows:
        tag = row[0]
        if tag == 1:
            levels += _enter_level(books, row)
        elif tag == 2:
            books.sites[row[1]] = Site(row[7], row[1], row[8])
        elif tag == 3:
            answer = StoredAnswer(bytes(row[17]), row[16], bytes(row[18]))
            books.answers[row[1], row[2]] = answer
        else:
            products, locked, now = row[1] or "", row[16], row[19]
    if now is None or levels > locked or (exact and levels < locked):
        raise StaleBooksError(locked, levels)
    return now, products


def _check_locked(books: Books, keys: Iterable[ProductKey], locked: str) -> None:
    """Raises StaleBooksError if a SKU names another product than the one that was locked."""
    for key in keys:
        item = books.item(key)
        if item is not None and item.product_id not in locked:
            raise StaleBooksError(key)


def _enter_level(books: Books, row: Row) -> bool:
    """Returns whether the row has a level, and not just a product without one."""
    product_id = row[1]
    if product_id not in books.items:
        books.open_item(Item(product_id, row[2], _money(row[3], row[4]), row[5]))
    location_id = row[6]
    if location_id is None:
        return False
    if location_id not in books.sites:
        books.sites[location_id] = Site(row[7], location_id, row[8])
    books.open_level(StockLevel(product_id, row[2], location_id, *row[9:17]))
    return True


def _enter_products(books: Books, rows: Sequence[Row]) -> None:
    for product_id, sku, name, text, amount, currency, *rest in rows:
        labels, version, create_time, update_time, delete_time = rest
        price = _money(amount, currency)
        books.products[product_id] = Product(
            product_id, sku, name, text, price, labels, version,
            create_time, update_time, delete_time, ProductStock(),
        )  # fmt: skip
        if product_id not in books.items:
            books.open_item(Item(product_id, sku, price, delete_time is not None))


def _enter_locations(books: Books, rows: Sequence[Row]) -> None:
    for row in rows:
        location = Location(*row)
        books.locations[location.location_id] = location
        deleted = location.delete_time is not None
        books.sites[location.location_id] = Site(location.priority, location.location_id, deleted)


def _enter_orders(books: Books, rows: Sequence[Row]) -> None:
    lines: dict[str, list[OrderLine]] = {}
    for row in rows:
        lines.setdefault(row[0], []).append(_order_line(row[10:]))
    for row in rows:
        if row[0] not in books.orders:
            books.orders[row[0]] = _order(row, tuple(lines[row[0]]))


def _order_line(row: Sequence[Any]) -> OrderLine:
    number, requested, product_id, sku, location_id, quantity, amount, currency, *counts = row
    shipped, cancelled, returned = counts
    return OrderLine(
        number, requested, product_id, sku, location_id, quantity, _money(amount, currency),
        shipped, cancelled, returned,
    )  # fmt: skip


def _order(row: Row, lines: tuple[OrderLine, ...]) -> Order:
    order_id, status, reference, labels, amount, currency, version, created, updated, why = row[:10]
    return Order(
        order_id, OrderStatus(status), lines, _money(amount, currency), reference, labels, version,
        created, updated, why,
    )  # fmt: skip


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(currency, amount)
