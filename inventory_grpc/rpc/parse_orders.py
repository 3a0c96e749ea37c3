"""OrderService's mutations: request to command.

A command made while violations were found is not valid; the caller drops it.
"""

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Disposition
from inventory_grpc.domain.status import NEVER_ASKED_FOR, OrderStatus
from inventory_grpc.rpc import parse_lines, validate
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import orders_pb2

_DISPOSITIONS = {int(value): value for value in Disposition}
_STATUSES = {int(value): value for value in OrderStatus}


def create_order(request: orders_pb2.CreateOrderRequest, found: Violations) -> commands.PlaceOrder:
    """1-100 lines; an empty location_id stays empty: the strategy chooses."""
    return commands.PlaceOrder(
        lines=parse_lines.demand_lines(request.lines, found),
        allocation=parse_lines.allocation(request.allocation, found),
        customer_reference=validate.reference(
            request.customer_reference, found, "", "customer_reference"
        ),
        labels=validate.labels(request.labels, found, "", "labels"),
        optimistic=parse_lines.optimistic(request.locking, found),
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
        lines=parse_lines.line_quantities(request.lines, found),
        reason=validate.note(request.reason, found, "", "reason"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def cancel_order(request: orders_pb2.CancelOrderRequest, found: Violations) -> commands.CancelOrder:
    """No lines = everything open; a recall is always of the whole order."""
    if request.recall and request.lines:
        found.add("lines", "must be empty with recall, which takes back the whole order")
    return commands.CancelOrder(
        order_id=validate.uuid(request.order_id, found, "", "order_id"),
        lines=parse_lines.line_quantities(request.lines, found),
        reason=validate.note(request.reason, found, "", "reason"),
        recall=request.recall,
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def return_order(request: orders_pb2.ReturnOrderRequest, found: Violations) -> commands.ReturnOrder:
    """1-1,000 lines; an empty location_id stays empty: where the units were taken."""
    return commands.ReturnOrder(
        order_id=validate.uuid(request.order_id, found, "", "order_id"),
        lines=parse_lines.existing_lines(request.lines, 1, found, _return_line),
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
