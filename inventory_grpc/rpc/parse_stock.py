"""StockService's mutations: request to command.

A command made while violations were found is not valid; the caller drops it.
"""

from typing import Literal

from inventory_grpc.domain import commands
from inventory_grpc.domain.model import COUNTER_MAX, QUANTITY_MAX, AdjustmentReason
from inventory_grpc.rpc import validate
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import stock_pb2

_Setting = Literal["safety_stock", "backorder_limit", "low_stock_threshold"]

_REASONS = {
    int(reason): reason for reason in AdjustmentReason if reason is not AdjustmentReason.NONE
}
_ADDING = {AdjustmentReason.RECEIVED, AdjustmentReason.FOUND, AdjustmentReason.RETURNED}
_TAKING = {AdjustmentReason.DAMAGED, AdjustmentReason.LOST}


def adjust_stock(request: stock_pb2.AdjustStockRequest, found: Violations) -> commands.AdjustStock:
    """The sign of delta must suit the reason; an empty location_id is ``default``."""
    reason = validate.enum(request.reason, _REASONS, found, "", "reason")
    if not 0 < abs(request.delta) <= QUANTITY_MAX:
        found.add("delta", "must not be 0 and at most 1,000,000,000 in size")
    elif int(request.reason) in _ADDING and request.delta < 0:
        found.add("delta", f"must be positive for {reason.name}")
    elif int(request.reason) in _TAKING and request.delta > 0:
        found.add("delta", f"must be negative for {reason.name}")
    return commands.AdjustStock(
        product=validate.product_key(request.product, found, "", "product"),
        location_id=validate.location_id_or_default(request.location_id, found, "", "location_id"),
        delta=request.delta,
        reason=reason,
        note=validate.note(request.note, found, "", "note"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def set_stock(request: stock_pb2.SetStockRequest, found: Violations) -> commands.SetStock:
    """on_hand and one precondition are required; an empty location_id is ``default``."""
    if not request.HasField("on_hand"):
        found.add("on_hand", "is required: 0 .. 1,000,000,000")
    expected_on_hand, expected_version = _precondition(request, found)
    return commands.SetStock(
        product=validate.product_key(request.product, found, "", "product"),
        location_id=validate.location_id_or_default(request.location_id, found, "", "location_id"),
        on_hand=validate.setting(request.on_hand, found, "", "on_hand"),
        expected_on_hand=expected_on_hand,
        expected_version=expected_version,
        note=validate.note(request.note, found, "", "note"),
    )


def _precondition(
    request: stock_pb2.SetStockRequest, found: Violations
) -> tuple[int | None, int | None]:
    """(expected_on_hand, expected_version), both None if whatever is there may be overwritten."""
    match request.WhichOneof("precondition"):
        case "expected_on_hand":
            expected = request.expected_on_hand
            if not 0 <= expected <= COUNTER_MAX:
                found.add("expected_on_hand", "must be 0 .. 10^15")
            return expected, None
        case "expected_version":
            expected = request.expected_version
            return None, validate.version(expected, found, "", "expected_version")
        case "unchecked":
            if not request.unchecked:
                found.add("unchecked", "must be true, or give another precondition")
        case _:
            found.add(
                "precondition", "is required: expected_on_hand, expected_version or unchecked"
            )
    return None, None


def set_stock_policy(
    request: stock_pb2.SetStockPolicyRequest, found: Violations
) -> commands.SetStockPolicy:
    """Unset = unchanged, but something must be set; an empty location_id is ``default``."""
    safety_stock = _optional_setting(request, "safety_stock", found)
    backorder_limit = _optional_setting(request, "backorder_limit", found)
    threshold = _optional_setting(request, "low_stock_threshold", found)
    clear = request.clear_low_stock_threshold
    if clear and threshold is not None:
        found.add("clear_low_stock_threshold", "must not be set together with low_stock_threshold")
    if not clear and safety_stock is None and backorder_limit is None and threshold is None:
        found.add(
            "safety_stock",
            "nothing to change: set safety_stock, backorder_limit, low_stock_threshold "
            "or clear_low_stock_threshold",
        )
    return commands.SetStockPolicy(
        product=validate.product_key(request.product, found, "", "product"),
        location_id=validate.location_id_or_default(request.location_id, found, "", "location_id"),
        safety_stock=safety_stock,
        backorder_limit=backorder_limit,
        low_stock_threshold=threshold,
        clear_low_stock_threshold=clear,
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def _optional_setting(
    request: stock_pb2.SetStockPolicyRequest, name: _Setting, found: Violations
) -> int | None:
    if not request.HasField(name):
        return None
    value: int = getattr(request, name)
    return validate.setting(value, found, "", name)


def transfer_stock(
    request: stock_pb2.TransferStockRequest, found: Violations
) -> commands.TransferStock:
    """1-100 lines between two different locations; an empty one is ``default``."""
    source = validate.location_id_or_default(
        request.from_location_id, found, "", "from_location_id"
    )
    target = validate.location_id_or_default(request.to_location_id, found, "", "to_location_id")
    if source == target:
        found.add("to_location_id", "must be another than from_location_id")
    lines = request.lines
    looked_at = validate.count(lines, (1, validate.LINES_MAX), found, "lines")
    return commands.TransferStock(
        from_location_id=source,
        to_location_id=target,
        lines=tuple(
            _transfer_line(line, found, f"lines[{index}].")
            for index, line in enumerate(lines[:looked_at])
        ),
        note=validate.note(request.note, found, "", "note"),
    )


def _transfer_line(line: stock_pb2.TransferLine, found: Violations, at: str) -> commands.DemandLine:
    return commands.DemandLine(
        validate.product_key(line.product, found, at, "product"),
        validate.quantity(line.quantity, found, at, "quantity"),
    )
