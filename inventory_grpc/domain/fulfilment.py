"""What becomes of an order once it is placed: confirm, ship, deliver, cancel, recall, return.

Every undo reverses what the order's own lines still hold, where they hold it; nothing is computed
anew from the request.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from inventory_grpc.domain import lookup
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
from inventory_grpc.domain.context import Context
from inventory_grpc.domain.entries import Item
from inventory_grpc.domain.errors import (
    InsufficientStock,
    InvalidTransition,
    QuantityExceeded,
    Shortage,
)
from inventory_grpc.domain.ledger import post
from inventory_grpc.domain.model import MovementKind, Order, OrderEvent, OrderEventKind, OrderLine
from inventory_grpc.domain.status import ALLOWED, OrderStatus

Units = Mapping[int, int]
"""Units by line_number."""


def change_status(books: Books, command: ChangeOrderStatus, context: Context) -> Order:
    """Raises what the named commands raise; for CONFIRMED and DELIVERED, InvalidTransition."""
    order_id, reason, version = command.order_id, command.reason, command.expected_version
    match command.status:
        case OrderStatus.SHIPPED:
            return ship(books, ShipOrder(order_id, (), reason, version), context)
        case OrderStatus.CANCELLED:
            whole = CancelOrder(order_id, (), reason, recall=True, expected_version=version)
            return cancel(books, whole, context)
        case OrderStatus.RETURNED:
            return _return_rest(books, command, context)
    order = _order(books, order_id, version)
    _check_allowed(order, command.status)
    kind = OrderEventKind[command.status.name]
    after = replace(order, status=command.status)
    return _put(books, context, order, after, kind, {}, reason)


def ship(books: Books, command: ShipOrder, context: Context) -> Order:
    """Raises OrderNotFound, VersionMismatch, InvalidTransition, QuantityExceeded,
    InsufficientStock."""
    order = _order(books, command.order_id, command.expected_version)
    _check_allowed(order, OrderStatus.SHIPPED)
    units = _asked(order, command.lines)
    _check_on_hand(books, order, units, command.lines)
    for line in _lines_of(order, units):
        _post_line(books, context, order, line, MovementKind.SHIPPED, units[line.line_number])
    lines = tuple(
        replace(line, shipped=line.shipped + units.get(line.line_number, 0)) for line in order.lines
    )
    done = not any(line.open for line in lines)
    status = OrderStatus.SHIPPED if done else OrderStatus.PARTIALLY_SHIPPED
    after = replace(order, lines=lines, status=status)
    return _put(books, context, order, after, OrderEventKind.SHIPPED, units, command.reason)


def cancel(books: Books, command: CancelOrder, context: Context) -> Order:
    """Raises OrderNotFound, VersionMismatch, InvalidTransition, QuantityExceeded; with recall
    also LocationNotFound and QuantityLimit."""
    order = lookup.order(books, command.order_id)
    if command.recall:
        _check_restockable(books, order)
    lookup.check_version(command.expected_version, order.version)
    _check_allowed(order, OrderStatus.CANCELLED)
    if command.recall:
        return _recall(books, order, command.reason, context)
    if not any(line.open for line in order.lines):
        raise _invalid(order, OrderStatus.CANCELLED, needs_recall=True)
    units = _asked(order, command.lines)
    lines = _give_back(books, context, order, units)
    after = replace(order, lines=lines, status=_status_after_cancel(order, lines))
    return _put(books, context, order, after, OrderEventKind.CANCELLED, units, command.reason)


def _status_after_cancel(order: Order, lines: Sequence[OrderLine]) -> OrderStatus:
    if any(line.open for line in lines):
        return order.status
    shipped = any(line.shipped for line in lines)
    return OrderStatus.SHIPPED if shipped else OrderStatus.CANCELLED


def _recall(books: Books, order: Order, reason: str, context: Context) -> Order:
    """Open units are deallocated, shipped ones come back where they were taken."""
    out = [line for line in order.lines if line.shipped]
    units = {line.line_number: line.open + line.shipped for line in order.lines}
    lines = _give_back(books, context, order, _open_units(order))
    for line in out:
        _post_line(books, context, order, line, MovementKind.RETURNED, line.shipped)
    lines = tuple(replace(line, returned=line.shipped) for line in lines)
    kind = OrderEventKind.RECALLED if out else OrderEventKind.CANCELLED
    moved = {number: count for number, count in units.items() if count}
    after = replace(order, lines=lines, status=OrderStatus.CANCELLED)
    return _put(books, context, order, after, kind, moved, reason)


def _check_restockable(books: Books, order: Order) -> None:
    """Raises LocationNotFound if what is out cannot come back to where it was taken."""
    out = (line.location_id for line in order.lines if line.shipped > line.returned)
    lookup.check_locations(books, out)


def return_order(books: Books, command: ReturnOrder, context: Context) -> Order:
    """Raises OrderNotFound, LocationNotFound, VersionMismatch, InvalidTransition,
    QuantityExceeded, QuantityLimit."""
    order = lookup.order(books, command.order_id)
    own = {line.line_number: line for line in order.lines}
    lookup.check_locations(
        books,
        (
            back.location_id or own[back.line_number].location_id
            for back in command.lines
            if back.location_id
            or (back.disposition is Disposition.RESTOCK and back.line_number in own)
        ),
    )
    lookup.check_version(command.expected_version, order.version)
    _check_allowed(order, OrderStatus.RETURNED)
    units = _returned_units(order, command.lines)
    for back in command.lines:
        if back.disposition is Disposition.RESTOCK:
            line = own[back.line_number]
            _post_line(
                books, context, order, line, MovementKind.RETURNED, back.quantity, back.location_id
            )
    lines = tuple(
        replace(line, returned=line.returned + units.get(line.line_number, 0))
        for line in order.lines
    )
    whole = all(line.returned == line.shipped for line in lines)
    status = OrderStatus.RETURNED if whole else OrderStatus.PARTIALLY_RETURNED
    after = replace(order, lines=lines, status=status)
    return _put(books, context, order, after, OrderEventKind.RETURNED, units, command.reason)


def _return_rest(books: Books, command: ChangeOrderStatus, context: Context) -> Order:
    order = lookup.order(books, command.order_id)
    rest = tuple(
        ReturnLine(line.line_number, line.shipped - line.returned, Disposition.RESTOCK)
        for line in order.lines
        if line.shipped > line.returned
    )
    whole = ReturnOrder(command.order_id, rest, command.reason, command.expected_version)
    return return_order(books, whole, context)


def _order(books: Books, order_id: str, expected_version: int) -> Order:
    order = lookup.order(books, order_id)
    lookup.check_version(expected_version, order.version)
    return order


def _check_allowed(order: Order, wanted: OrderStatus) -> None:
    if wanted not in ALLOWED[order.status]:
        raise _invalid(order, wanted)


def _invalid(order: Order, wanted: OrderStatus, *, needs_recall: bool = False) -> InvalidTransition:
    allowed = ALLOWED[order.status]
    return InvalidTransition(order.order_id, order.status, wanted, allowed, needs_recall)


def _open_units(order: Order) -> dict[int, int]:
    return {line.line_number: line.open for line in order.lines if line.open}


def _asked(order: Order, lines: Sequence[LineQuantity]) -> Units:
    """What was asked for, or everything open. Raises QuantityExceeded beyond what is open."""
    possible = _open_units(order)
    if not lines:
        return possible
    units = {line.line_number: line.quantity for line in lines}
    _check_possible(order, units, possible)
    return units


def _returned_units(order: Order, lines: Iterable[ReturnLine]) -> Units:
    units: dict[int, int] = {}
    for line in lines:
        units[line.line_number] = units.get(line.line_number, 0) + line.quantity
    possible = {line.line_number: line.shipped - line.returned for line in order.lines}
    _check_possible(order, units, possible)
    return units


def _check_possible(order: Order, units: Units, possible: Units) -> None:
    for number, quantity in units.items():
        most = possible.get(number, 0)
        if quantity > most:
            raise QuantityExceeded(order.order_id, number, quantity, most)


def _check_on_hand(books: Books, order: Order, units: Units, asked: Sequence[LineQuantity]) -> None:
    """Shipping never takes more than is on hand, all lines at one place together.

    A shortage names the line of this request, or that of the order's if this one has none.
    """
    sent = {line.line_number: index for index, line in enumerate(asked)}
    wanted: dict[tuple[str, str], list[OrderLine]] = {}
    for line in _lines_of(order, units):
        wanted.setdefault((line.product_id, line.location_id), []).append(line)
    shortages: list[Shortage] = []
    for (_, location_id), lines in wanted.items():
        level = books.level(_item(books, lines[0]), location_id)
        quantity = sum(units[line.line_number] for line in lines)
        if quantity > level.on_hand:
            index = min(sent.get(line.line_number, line.requested_line) for line in lines)
            shortages.append(Shortage.at(index, quantity, level.on_hand, [level], location_id))
    if shortages:
        raise InsufficientStock(shortages)


def _lines_of(order: Order, units: Units) -> list[OrderLine]:
    return [line for line in order.lines if units.get(line.line_number)]


def _item(books: Books, line: OrderLine) -> Item:
    """The line's product, also when it is deleted by now."""
    return books.items[line.product_id]


def _give_back(books: Books, context: Context, order: Order, units: Units) -> tuple[OrderLine, ...]:
    for line in _lines_of(order, units):
        _post_line(books, context, order, line, MovementKind.DEALLOCATED, units[line.line_number])
    return tuple(
        replace(line, cancelled=line.cancelled + units.get(line.line_number, 0))
        for line in order.lines
    )


_EFFECT = {
    MovementKind.SHIPPED: (-1, -1),
    MovementKind.DEALLOCATED: (0, -1),
    MovementKind.RETURNED: (1, 0),
}
"""What one unit does to (on_hand, allocated)."""


def _post_line(
    books: Books,
    context: Context,
    order: Order,
    line: OrderLine,
    kind: MovementKind,
    units: int,
    location_id: str = "",
) -> None:
    on_hand, allocated = _EFFECT[kind]
    level = books.level(_item(books, line), location_id or line.location_id)
    post(
        books, context, level, kind,
        on_hand=on_hand * units, allocated=allocated * units,
        line_number=line.line_number, order_id=order.order_id,
    )  # fmt: skip


def _put(
    books: Books,
    context: Context,
    before: Order,
    after: Order,
    kind: OrderEventKind,
    units: Units,
    reason: str,
) -> Order:
    version = before.version + 1
    after = replace(after, version=version, update_time=context.now, status_reason=reason)
    event = OrderEvent(
        context.ids.next(), before.order_id, kind, before.status, after.status,
        tuple(sorted(units.items())), reason, context.caller, context.request_id, version,
        context.now,
    )  # fmt: skip
    books.put_order(after, event)
    return after
