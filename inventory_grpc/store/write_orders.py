"""Writing orders, their lines and their history back."""

from collections.abc import Sequence
from typing import Final

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.model import Order, OrderLine
from inventory_grpc.store import tables
from inventory_grpc.store.columns import Stamp, amounts, labels_json, pairs_json
from inventory_grpc.store.link import Call
from inventory_grpc.store.statements import (
    Value,
    alike,
    array,
    insert_rows,
    parameters,
    text_array,
    update_rows,
)

_ORDER: Final = ("status", "version", "status_reason")
INSERT_ORDERS: Final = insert_rows(
    "insert_orders",
    tables.orders,
    (
        "order_id", *_ORDER, "customer_reference", "labels", "total_amount", "total_currency",
        "hold_id",
    ),
    ("create_time", "update_time", "commit_id"),
    often_alike=(*_ORDER, "customer_reference", "labels", "total_currency", "hold_id"),
)  # fmt: skip
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
    often_alike=("location_id", "quantity", "unit_price_currency", *_LINE_COUNTS),
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
    often_alike=(
        "order_version", "kind", "from_status", "to_status", "lines", "reason", "actor",
    ),
)  # fmt: skip


ALL: Final = (INSERT_ORDERS, INSERT_LINES, UPDATE_ORDERS, UPDATE_LINES, INSERT_EVENTS)


def order_calls(books: Books, stamp: Stamp) -> list[Call]:
    """New and changed orders with their lines and history."""
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
        versions = array([read[order.order_id] for order in old])
        calls.append(
            Call(
                UPDATE_ORDERS,
                (*_order_columns(old), versions, stamp.now, stamp.commit_id, len(old)),
            )
        )
        lines = [(order.order_id, line) for order in old for line in order.lines]
        calls.append(
            Call(UPDATE_LINES, (*_line_keys(lines), *map(array, _line_counts(lines)), len(lines)))
        )
    calls.append(_event_call(books, stamp))
    return calls


def _new_order_arguments(orders: Sequence[Order], stamp: Stamp) -> tuple[Value, ...]:
    amount, currency = amounts([order.total for order in orders])
    columns = (
        array([order.order_id for order in orders]),
        alike([int(order.status) for order in orders]),
        alike([order.version for order in orders]),
        alike([order.status_reason for order in orders], text_array),
        alike([order.customer_reference for order in orders], text_array),
        alike([labels_json(order.labels) for order in orders], text_array),
        array(amount),
        alike(currency),
        alike([order.hold_id or None for order in orders]),
    )
    return (*parameters(columns), stamp.now, stamp.now, stamp.commit_id)


def _order_columns(orders: Sequence[Order]) -> tuple[Value, ...]:
    return (
        array([order.order_id for order in orders]),
        array([int(order.status) for order in orders]),
        array([order.version for order in orders]),
        text_array([order.status_reason for order in orders]),
    )


def _new_line_arguments(orders: Sequence[Order]) -> tuple[Value, ...]:
    lines = [(order.order_id, line) for order in orders for line in order.lines]
    amount, currency = amounts([line.unit_price for _, line in lines])
    return parameters(
        (
            *_line_keys(lines),
            array([line.requested_line for _, line in lines]),
            array([line.product_id for _, line in lines]),
            alike([line.location_id for _, line in lines], text_array),
            alike([line.quantity for _, line in lines]),
            array(amount),
            alike(currency),
            *map(alike, _line_counts(lines)),
        )
    )


_NumberedLine = tuple[str, OrderLine]


def _line_keys(lines: Sequence[_NumberedLine]) -> tuple[str, str]:
    return array([order_id for order_id, _ in lines]), array(
        [line.line_number for _, line in lines]
    )


def _line_counts(lines: Sequence[_NumberedLine]) -> tuple[list[int], ...]:
    return (
        [line.shipped for _, line in lines],
        [line.cancelled for _, line in lines],
        [line.returned for _, line in lines],
    )


def _event_call(books: Books, stamp: Stamp) -> Call:
    events = books.events
    columns = (
        array([event.order_id for event in events]),
        alike([event.order_version for event in events]),
        array([event.event_id for event in events]),
        alike([int(event.kind) for event in events]),
        alike([None if event.from_status is None else int(event.from_status) for event in events]),
        alike([int(event.to_status) for event in events]),
        alike([pairs_json(event.lines) for event in events], text_array),
        alike([event.reason for event in events], text_array),
        alike([event.actor for event in events], text_array),
        array([event.request_id for event in events]),
    )
    return Call(INSERT_EVENTS, (*parameters(columns), stamp.now, stamp.commit_id))
