"""Prefetch: lock everything a batch needs, then read it into the books, in a few round trips.

The first string opens the transaction, locks, and reads stock levels with their products,
locations and due lines, stored answers and the clock; further statements read whole products,
locations, orders and holds, and what callers hold, where a command needs them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.entries import (
    AnswerKey,
    DueLine,
    Item,
    Site,
    StaleBooksError,
    StoredAnswer,
)
from inventory_grpc.domain.model import (
    Hold,
    HoldLine,
    Location,
    Money,
    Order,
    OrderLine,
    Product,
    ProductKey,
    ProductStock,
    StockLevel,
)
from inventory_grpc.domain.status import HoldStatus, OrderStatus
from inventory_grpc.store import locks
from inventory_grpc.store.book_reads import (
    DUE_LINES_ENOUGH,
    DUE_LINES_MAX,
    READ,
    READ_BUDGETS,
    READ_HOLDS,
    READ_LOCATIONS,
    READ_ORDERS,
    READ_PRODUCTS,
)
from inventory_grpc.store.footprint import Footprint
from inventory_grpc.store.ledger_facts import enter_facts
from inventory_grpc.store.link import Call, Link, Row
from inventory_grpc.store.reach import Keys, Reach
from inventory_grpc.store.statements import Value, array, text_array


def lock_and_read(
    link: Link,
    footprint: Footprint,
    answer_keys: Sequence[AnswerKey],
    *,
    hold_callers: Mapping[str, int] | None = None,
    locking: bool = True,
) -> tuple[Books, datetime]:
    """The books of one attempt and the database's clock, read after the locks.

    ``hold_callers`` are those whose budget has to be known: exactly, if they hold more than so many
    units already, else no more than an upper bound. Without ``locking`` nothing is locked
    or made: that does for commands of places only, and what they write has to be verified.

    Leaves the transaction open. Raises StaleBooksError if rows appeared between lock and read.
    """
    keys = Keys.of(footprint)
    books = Books()
    calls = [
        *(_lock_calls(footprint, keys) if locking else ()),
        Call(READ[keys.reach], _read_arguments(footprint, keys, answer_keys)),
    ]
    seen = _enter(books, link.begin(calls))
    if locking:
        _check_levels(seen, exact=keys.reach is not Reach.LOCATIONS)
    if footprint.products or footprint.skus:
        _enter_products(books, link.read(Call(READ_PRODUCTS, _product_arguments(footprint))))
        _check_products(books, footprint.products, seen.products_locked)
    if footprint.whole_locations:
        _enter_locations(
            books, link.read(Call(READ_LOCATIONS, (text_array(footprint.whole_locations),)))
        )
    if footprint.orders:
        _enter_orders(books, link.read(Call(READ_ORDERS, (array(footprint.orders),))))
    if footprint.holds:
        _enter_holds(books, link.read(Call(READ_HOLDS, (array(footprint.holds),))))
    if hold_callers:
        enough = array(hold_callers.values())
        arguments = (text_array(hold_callers), enough, seen.now.isoformat())
        books.held_by_caller.update(dict.fromkeys(hold_callers, 0))
        books.held_by_caller.update(link.read(Call(READ_BUDGETS, arguments)))
    if footprint.repairs:
        enter_facts(books, link, footprint.repairs)
    return books, seen.now


def _lock_calls(footprint: Footprint, keys: Keys) -> list[Call]:
    """In the one order in which everybody locks."""
    calls: list[Call] = []
    if footprint.orders:
        calls.append(Call(locks.LOCK_ORDERS, (array(footprint.orders),)))
    if footprint.holds:
        calls.append(Call(locks.LOCK_HOLDS, (array(footprint.holds),)))
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


class _Seen(NamedTuple):
    """What a read tells beside the books."""

    now: datetime
    levels_read: int
    levels_locked: int
    products_locked: str


def _enter(books: Books, rows: Sequence[Row]) -> _Seen:
    levels = 0
    clock: Row = ()
    due: dict[tuple[str, int], DueLine] = {}
    for row in rows:
        tag = row[0]
        if tag == 1:
            levels += _enter_level(books, row)
            if row[19] and len(due) < DUE_LINES_ENOUGH:
                due.update(_due_lines(row))
                books.more_due |= len(row[19]) == DUE_LINES_MAX
            elif row[19]:
                books.more_due = True
        elif tag == 2:
            books.sites[row[1]] = Site(row[7], row[1], row[8])
        elif tag == 3:
            answer = StoredAnswer(bytes(row[17]), row[16], bytes(row[18]))
            books.answers[row[1], row[2]] = answer
        else:
            clock = row
    books.due = sorted(due.values(), key=_by_time)
    return _Seen(clock[20], levels, clock[16] or 0, clock[1] or "")


def _due_lines(row: Row) -> Iterable[tuple[tuple[str, int], DueLine]]:
    """By key: a level comes twice where a product is named with a place and without."""
    for hold_id, number, converted, released, units, expire_time, expired in row[19]:
        yield (
            (hold_id, number),
            DueLine(
                hold_id, number, row[1], row[6], converted, released, units,
                datetime.fromisoformat(expire_time), expired,
            ),
        )  # fmt: skip


def _by_time(due: DueLine) -> tuple[datetime, str, int]:
    return due.expire_time, due.hold_id, due.line_number


def _check_levels(seen: _Seen, *, exact: bool) -> None:
    """Raises StaleBooksError if levels are read that are not locked; or fewer, if ``exact``."""
    read, locked = seen.levels_read, seen.levels_locked
    if read > locked or (exact and read < locked):
        raise StaleBooksError(locked, read)


def _check_products(books: Books, keys: Iterable[ProductKey], locked: str) -> None:
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
    if row[20] is not None:
        books.next_expiries[product_id, location_id] = row[20]
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
        lines.setdefault(row[0], []).append(_order_line(row[11:]))
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
    order_id, status, reference, labels, amount, currency, version, *rest = row[:11]
    created, updated, why, hold_id = rest
    return Order(
        order_id, OrderStatus(status), lines, _money(amount, currency), reference, labels, version,
        created, updated, why, hold_id or "",
    )  # fmt: skip


def _enter_holds(books: Books, rows: Sequence[Row]) -> None:
    lines: dict[str, list[HoldLine]] = {}
    for row in rows:
        lines.setdefault(row[0], []).append(HoldLine(*row[9:]))
    for row in rows:
        if row[0] not in books.holds:
            books.holds[row[0]] = _hold(row, tuple(lines[row[0]]))


def _hold(row: Row, lines: tuple[HoldLine, ...]) -> Hold:
    hold_id, status, caller, reference, expires, version, created, updated, orders = row[:9]
    return Hold(
        hold_id, HoldStatus(status), lines, reference, expires, tuple(orders), version,
        created, updated, caller,
    )  # fmt: skip


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(currency, amount)
