"""OrderService's mutations: request to command.

A command made while violations were found is not valid; the caller drops it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import AllocationStrategy, Disposition
from inventory_grpc.domain.status import NEVER_ASKED_FOR, OrderStatus
from inventory_grpc.rpc import validate
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2, orders_pb2

_Sent = TypeVar("_Sent")
_Line = TypeVar("_Line")

_ALLOCATIONS = {0: AllocationStrategy.PRIORITY} | {int(way): way for way in AllocationStrategy}
_DISPOSITIONS = {int(value): value for value in Disposition}
_STATUSES = {int(value): value for value in OrderStatus}


def create_order(request: orders_pb2.CreateOrderRequest, found: Violations) -> commands.PlaceOrder:
    """1-100 lines; an empty location_id stays empty: the strategy chooses."""
    lines = request.lines
    looked_at = validate.count(lines, (1, validate.LINES_MAX), found, "lines")
    return commands.PlaceOrder(
        lines=tuple(
            _demand_line(line, found, f"lines[{index}].")
            for index, line in enumerate(lines[:looked_at])
        ),
        allocation=validate.enum(request.allocation, _ALLOCATIONS, found, "", "allocation"),
        customer_reference=validate.reference(
            request.customer_reference, found, "", "customer_reference"
        ),
        labels=validate.labels(request.labels, found, "", "labels"),
    )


def _demand_line(line: common_pb2.DemandLine, found: Violations, at: str) -> commands.DemandLine:
    return commands.DemandLine(
        validate.product_key(line.product, found, at, "product"),
        validate.quantity(line.quantity, found, at, "quantity"),
        validate.optional_location_id(line.location_id, found, at, "location_id"),
    )


def update_order_status(
    request: orders_pb2.UpdateOrderStatusRequest, found: Violations
) -> commands.ChangeOrderStatus:
    """PENDING is well-formed, if never allowed; what follows from lines is not."""
    status = validate.enum(request.status, _STATUSES, found, "", "status")
    if status in NEVER_ASKED_FOR:
        found.add("status", f"{status.name} follows from the lines and is never asked for")
    return commands.ChangeOrderStatus(
        order_id=validate.uuid(request.order_id, found, "", "order_id"),
        status=status,
        reason=validate.note(request.reason, found, "", "reason"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def ship_order(request: orders_pb2.ShipOrderRequest, found: Violations) -> commands.ShipOrder:
    """No lines = everything open."""
    return commands.ShipOrder(
        order_id=validate.uuid(request.order_id, found, "", "order_id"),
        lines=_line_quantities(request.lines, found),
        reason=validate.note(request.reason, found, "", "reason"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def cancel_order(request: orders_pb2.CancelOrderRequest, found: Violations) -> commands.CancelOrder:
    """No lines = everything open; a recall is always of the whole order."""
    if request.recall and request.lines:
        found.add("lines", "must be empty with recall, which takes back the whole order")
    return commands.CancelOrder(
        order_id=validate.uuid(request.order_id, found, "", "order_id"),
        lines=_line_quantities(request.lines, found),
        reason=validate.note(request.reason, found, "", "reason"),
        recall=request.recall,
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def return_order(request: orders_pb2.ReturnOrderRequest, found: Violations) -> commands.ReturnOrder:
    """1-1,000 lines; an empty location_id stays empty: where the units were taken."""
    return commands.ReturnOrder(
        order_id=validate.uuid(request.order_id, found, "", "order_id"),
        lines=_lines(request.lines, 1, found, _return_line),
        reason=validate.note(request.reason, found, "", "reason"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def _return_line(line: orders_pb2.ReturnLine, found: Violations, at: str) -> commands.ReturnLine:
    return commands.ReturnLine(
        validate.line_number(line.line_number, found, at, "line_number"),
        validate.quantity(line.quantity, found, at, "quantity"),
        validate.enum(line.disposition, _DISPOSITIONS, found, at, "disposition"),
        validate.optional_location_id(line.location_id, found, at, "location_id"),
    )


def _line_quantities(
    lines: Sequence[common_pb2.LineQuantity], found: Violations
) -> tuple[commands.LineQuantity, ...]:
    parsed = _lines(lines, 0, found, _line_quantity)
    _refuse_repeated((line.line_number for line in parsed), found)
    return parsed


def _line_quantity(
    line: common_pb2.LineQuantity, found: Violations, at: str
) -> commands.LineQuantity:
    return commands.LineQuantity(
        validate.line_number(line.line_number, found, at, "line_number"),
        validate.quantity(line.quantity, found, at, "quantity"),
    )


def _lines(
    lines: Sequence[_Sent],
    least: int,
    found: Violations,
    parse: Callable[[_Sent, Violations, str], _Line],
) -> tuple[_Line, ...]:
    looked_at = validate.count(lines, (least, validate.ORDER_LINES_MAX), found, "lines")
    return tuple(
        parse(line, found, f"lines[{index}].") for index, line in enumerate(lines[:looked_at])
    )


def _refuse_repeated(line_numbers: Iterable[int], found: Violations) -> None:
    first: dict[int, int] = {}
    for index, line_number in enumerate(line_numbers):
        if first.setdefault(line_number, index) != index:
            found.add(f"lines[{index}].line_number", f"repeats lines[{first[line_number]}]")
