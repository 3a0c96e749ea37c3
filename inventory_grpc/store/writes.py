"""Writing the books back: one set-based statement per table, in one string with COMMIT.

Rows that another transaction could meet on a unique key are inserted in the order of that key.
No UPDATE touches a row that was not locked, and each matches the version that was read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.model import Location, Money, Order, OrderLine, Product, StockLevel
from inventory_grpc.store import tables
from inventory_grpc.store.link import Call
from inventory_grpc.store.statements import (
    Statement,
    Value,
    array,
    bytes_array,
    insert_rows,
    text_array,
    update_rows,
)

_PRODUCT: Final = (
    "sku", "name", "description", "price_amount", "price_currency", "labels", "version",
    "delete_time",
)  # fmt: skip
INSERT_PRODUCTS: Final = insert_rows(
    "insert_products",
    tables.products,
    ("product_id", *_PRODUCT),
    ("create_time", "update_time", "commit_id"),
    "v.sku",
)
UPDATE_PRODUCTS: Final = update_rows(
    "update_products",
    tables.products,
    ("product_id",),
    _PRODUCT,
    ("update_time", "commit_id"),
    "version",
)

_LOCATION: Final = ("display_name", "priority", "labels", "version", "delete_time")
INSERT_LOCATIONS: Final = insert_rows(
    "insert_locations",
    tables.locations,
    ("location_id", *_LOCATION),
    ("create_time", "update_time", "commit_id"),
    "v.location_id",
)
UPDATE_LOCATIONS: Final = update_rows(
    "update_locations",
    tables.locations,
    ("location_id",),
    _LOCATION,
    ("update_time", "commit_id"),
    "version",
)

_LEVEL_KEY: Final = ("product_id", "location_id")
_LEVEL: Final = (
    "on_hand", "allocated", "held", "safety_stock", "backorder_limit", "low_stock_threshold",
    "shortfall", "version",
)  # fmt: skip
INSERT_LEVELS: Final = insert_rows(
    "insert_levels",
    tables.stock_levels,
    (*_LEVEL_KEY, *_LEVEL),
    ("update_time",),
    "v.product_id, v.location_id",
)
UPDATE_LEVELS: Final = update_rows(
    "update_levels", tables.stock_levels, _LEVEL_KEY, _LEVEL, ("update_time",), "version"
)

_MOVEMENT: Final = (
    "movement_id", "product_id", "location_id", "kind",
    "on_hand_delta", "allocated_delta", "held_delta",
    "on_hand_after", "allocated_after", "held_after", "shortfall_after", "stock_version",
    "line_number", "order_id", "transfer_id", "request_id", "actor", "reason", "note",
)  # fmt: skip
INSERT_MOVEMENTS: Final = insert_rows(
    "insert_movements", tables.stock_movements, _MOVEMENT, ("occur_time", "commit_id")
)

_ORDER: Final = ("status", "version", "status_reason")
INSERT_ORDERS: Final = insert_rows(
    "insert_orders",
    tables.orders,
    ("order_id", *_ORDER, "customer_reference", "labels", "total_amount", "total_currency"),
    ("create_time", "update_time", "commit_id"),
)
UPDATE_ORDERS: Final = update_rows(
    "update_orders",
    tables.orders,
    ("order_id",),
    _ORDER,
    ("update_time", "commit_id"),
    "version",
)

_LINE_KEY: Final = ("order_id", "line_number")
_LINE_COUNTS: Final = ("shipped", "cancelled", "returned")
INSERT_LINES: Final = insert_rows(
    "insert_lines",
    tables.order_lines,
    (
        *_LINE_KEY, "requested_line", "product_id", "location_id", "quantity",
        "unit_price_amount", "unit_price_currency", *_LINE_COUNTS,
    ),
)  # fmt: skip
UPDATE_LINES: Final = update_rows("update_lines", tables.order_lines, _LINE_KEY, _LINE_COUNTS)

INSERT_EVENTS: Final = insert_rows(
    "insert_events",
    tables.order_events,
    (
        "order_id", "order_version", "event_id", "kind", "from_status", "to_status", "lines",
        "reason", "actor", "request_id",
    ),
    ("occur_time", "commit_id"),
)  # fmt: skip

INSERT_COMMIT: Final = Statement(
    "insert_commit",
    # Taken after the locks, so that its order agrees with the order of conflicts.
    "INSERT INTO commits (commit_id, commit_seq) VALUES (:commit_id, nextval('commit_seq'))",
    {"commit_id": "uuid"},
)

INSERT_ANSWERS: Final = insert_rows(
    "insert_answers",
    tables.stored_answers,
    ("caller", "request_id", "fingerprint", "code", "answer"),
    ("create_time",),
    "v.caller, v.request_id",
)

ALL: Final = (
    UPDATE_PRODUCTS,
    INSERT_PRODUCTS,
    UPDATE_LOCATIONS,
    INSERT_LOCATIONS,
    UPDATE_LEVELS,
    INSERT_LEVELS,
    INSERT_MOVEMENTS,
    INSERT_ORDERS,
    INSERT_LINES,
    UPDATE_ORDERS,
    UPDATE_LINES,
    INSERT_EVENTS,
    INSERT_COMMIT,
    INSERT_ANSWERS,
)


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What all rows of one transaction share."""

    now: str
    commit_id: str


def write_calls(books: Books, now: datetime, commit_id: str) -> list[Call]:
    """The statements that write what changed, in order; none if nothing did."""
    stamp = _Stamp(now.isoformat(), commit_id)
    calls = [
        *_product_calls(books, stamp),
        *_location_calls(books, stamp),
        *_level_calls(books, stamp),
        *_movement_calls(books, stamp),
        *_order_calls(books, stamp),
    ]
    if calls:
        calls.append(Call(INSERT_COMMIT, (commit_id,)))
    if books.new_answers:
        calls.append(_answer_call(books, stamp))
    return calls


def _product_calls(books: Books, stamp: _Stamp) -> list[Call]:
    read = books.versions_read
    changed = [product for key, product in books.products.items() if key in read]
    old = [product for product in changed if read[product.product_id]]
    new = [product for product in changed if not read[product.product_id]]
    calls: list[Call] = []
    # Updates first: they may free a SKU that an insert takes.
    if old:
        versions = array(read[product.product_id] for product in old)
        calls.append(
            Call(
                UPDATE_PRODUCTS,
                (*_product_columns(old), versions, stamp.now, stamp.commit_id, len(old)),
            )
        )
    if new:
        calls.append(
            Call(INSERT_PRODUCTS, (*_product_columns(new), stamp.now, stamp.now, stamp.commit_id))
        )
    return calls


def _product_columns(products: Sequence[Product]) -> tuple[Value, ...]:
    return (
        array(product.product_id for product in products),
        text_array(product.sku for product in products),
        text_array(product.name for product in products),
        text_array(product.description for product in products),
        *_amounts([product.price for product in products]),
        text_array(_json(product.labels) for product in products),
        array(product.version for product in products),
        _times([product.delete_time for product in products]),
    )


def _location_calls(books: Books, stamp: _Stamp) -> list[Call]:
    read = books.versions_read
    changed = [place for key, place in books.locations.items() if ("location", key) in read]
    old = [place for place in changed if read["location", place.location_id]]
    new = [place for place in changed if not read["location", place.location_id]]
    calls: list[Call] = []
    if old:
        versions = array(read["location", place.location_id] for place in old)
        arguments = (*_location_columns(old), versions, stamp.now, stamp.commit_id, len(old))
        calls.append(Call(UPDATE_LOCATIONS, arguments))
    if new:
        arguments = (*_location_columns(new), stamp.now, stamp.now, stamp.commit_id)
        calls.append(Call(INSERT_LOCATIONS, arguments))
    return calls


def _location_columns(places: Sequence[Location]) -> tuple[Value, ...]:
    return (
        text_array(place.location_id for place in places),
        text_array(place.display_name for place in places),
        array(place.priority for place in places),
        text_array(_json(place.labels) for place in places),
        array(place.version for place in places),
        _times([place.delete_time for place in places]),
    )


def _level_calls(books: Books, stamp: _Stamp) -> list[Call]:
    keys = sorted({(move.product_id, move.location_id) for move in books.movements})
    old = [books.levels[key[0]][key[1]] for key in keys if key not in books.new_levels]
    new = [books.levels[key[0]][key[1]] for key in keys if key in books.new_levels]
    calls: list[Call] = []
    if old:
        read = books.versions_read
        versions = array(read[level.product_id, level.location_id] for level in old)
        calls.append(Call(UPDATE_LEVELS, (*_level_columns(old), versions, stamp.now, len(old))))
    if new:
        calls.append(Call(INSERT_LEVELS, (*_level_columns(new), stamp.now)))
    return calls


def _level_columns(levels: Sequence[StockLevel]) -> tuple[Value, ...]:
    return (
        array(level.product_id for level in levels),
        text_array(level.location_id for level in levels),
        *(array(getattr(level, column) for level in levels) for column in _LEVEL),
    )


def _movement_calls(books: Books, stamp: _Stamp) -> list[Call]:
    moves = books.movements
    if not moves:
        return []
    columns: tuple[Value, ...] = (
        array(move.movement_id for move in moves),
        array(move.product_id for move in moves),
        text_array(move.location_id for move in moves),
        array(int(move.kind) for move in moves),
        *(array(getattr(move, column) for move in moves) for column in _MOVEMENT[4:13]),
        array(move.order_id or None for move in moves),
        array(move.transfer_id or None for move in moves),
        array(move.request_id for move in moves),
        text_array(move.actor for move in moves),
        array(int(move.reason) for move in moves),
        text_array(move.note for move in moves),
    )
    return [Call(INSERT_MOVEMENTS, (*columns, stamp.now, stamp.commit_id))]


def _order_calls(books: Books, stamp: _Stamp) -> list[Call]:
    if not books.events:
        return []
    read = books.versions_read
    changed = [books.orders[key] for key in sorted({event.order_id for event in books.events})]
    new = [order for order in changed if not read[order.order_id]]
    old = [order for order in changed if read[order.order_id]]
    calls: list[Call] = []
    if new:
        calls.append(Call(INSERT_ORDERS, _new_order_arguments(new, stamp)))
        calls.append(Call(INSERT_LINES, _new_line_arguments(new)))
    if old:
        versions = array(read[order.order_id] for order in old)
        calls.append(
            Call(
                UPDATE_ORDERS,
                (*_order_columns(old), versions, stamp.now, stamp.commit_id, len(old)),
            )
        )
        lines = [(order.order_id, line) for order in old for line in order.lines]
        calls.append(Call(UPDATE_LINES, (*_line_keys(lines), *_line_counts(lines), len(lines))))
    calls.append(_event_call(books, stamp))
    return calls


def _new_order_arguments(orders: Sequence[Order], stamp: _Stamp) -> tuple[Value, ...]:
    return (
        *_order_columns(orders),
        text_array(order.customer_reference for order in orders),
        text_array(_json(order.labels) for order in orders),
        *_amounts([order.total for order in orders]),
        stamp.now,
        stamp.now,
        stamp.commit_id,
    )


def _order_columns(orders: Sequence[Order]) -> tuple[Value, ...]:
    return (
        array(order.order_id for order in orders),
        array(int(order.status) for order in orders),
        array(order.version for order in orders),
        text_array(order.status_reason for order in orders),
    )


def _new_line_arguments(orders: Sequence[Order]) -> tuple[Value, ...]:
    lines = [(order.order_id, line) for order in orders for line in order.lines]
    return (
        *_line_keys(lines),
        array(line.requested_line for _, line in lines),
        array(line.product_id for _, line in lines),
        text_array(line.location_id for _, line in lines),
        array(line.quantity for _, line in lines),
        *_amounts([line.unit_price for _, line in lines]),
        *_line_counts(lines),
    )


_NumberedLine = tuple[str, OrderLine]


def _line_keys(lines: Sequence[_NumberedLine]) -> tuple[Value, Value]:
    return array(order_id for order_id, _ in lines), array(line.line_number for _, line in lines)


def _line_counts(lines: Sequence[_NumberedLine]) -> tuple[Value, ...]:
    return (
        array(line.shipped for _, line in lines),
        array(line.cancelled for _, line in lines),
        array(line.returned for _, line in lines),
    )


def _event_call(books: Books, stamp: _Stamp) -> Call:
    events = books.events
    columns: tuple[Value, ...] = (
        array(event.order_id for event in events),
        array(event.order_version for event in events),
        array(event.event_id for event in events),
        array(int(event.kind) for event in events),
        array(None if event.from_status is None else int(event.from_status) for event in events),
        array(int(event.to_status) for event in events),
        text_array(json.dumps(event.lines) for event in events),
        text_array(event.reason for event in events),
        text_array(event.actor for event in events),
        array(event.request_id for event in events),
    )
    return Call(INSERT_EVENTS, (*columns, stamp.now, stamp.commit_id))


def _answer_call(books: Books, stamp: _Stamp) -> Call:
    answers = sorted(books.new_answers.items(), key=lambda entry: entry[0])
    return Call(
        INSERT_ANSWERS,
        (
            text_array(key[0] for key, _ in answers),
            array(key[1] for key, _ in answers),
            bytes_array(answer.fingerprint for _, answer in answers),
            array(answer.code for _, answer in answers),
            bytes_array(answer.body for _, answer in answers),
            stamp.now,
        ),
    )


def _amounts(prices: Sequence[Money | None]) -> tuple[str, str]:
    """Two columns: amounts and currencies."""
    return (
        array(None if price is None else f"{price.amount:f}" for price in prices),
        array(None if price is None else price.currency for price in prices),
    )


def _times(times: Sequence[datetime | None]) -> str:
    return array(None if time is None else f'"{time.isoformat()}"' for time in times)


def _json(labels: object) -> str:
    return json.dumps(labels) if labels else "{}"
