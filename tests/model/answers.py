"""What the write path answered, in the words of the model."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.commands import Command, ExpireHolds
from inventory_grpc.domain.status import HoldStatus, OrderStatus
from inventory_grpc.engine.request import Answer
from inventory_grpc.v1 import errors_pb2, holds_pb2, orders_pb2, stock_pb2
from tests.concurrency.harness import error_info, reason_of, response, shortages_of
from tests.model.calls import Call, Names
from tests.model.warehouse import End, Outcome


def observed(call: Call, command: Command, answer: Answer, names: Names) -> Outcome:
    """The answer in the model's words; remembers the ids of what it made."""
    if answer.code:
        facts: Outcome = dict(error_info(answer).metadata)
        if reason_of(answer) == "INSUFFICIENT_STOCK":
            facts["shortages"] = [_shortage_said(each) for each in shortages_of(answer)]
        facts["order"] = names.order(facts.get("order_id", ""))
        facts["hold"] = names.hold(facts.get("hold_id", ""))
        return {**facts, "reason": reason_of(answer), "replayed": answer.replayed}
    if isinstance(command, ExpireHolds):
        return {"replayed": answer.replayed}
    return {**_said(call, response(command, answer), names), "replayed": answer.replayed}


def _shortage_said(
    shortage: errors_pb2.StockShortage,
) -> tuple[int, int, int, datetime | None]:
    ends = shortage.HasField("next_hold_expiry")
    next_end = _time(shortage.next_hold_expiry) if ends else None
    return shortage.line_index, shortage.requested, shortage.available, next_end


def _said(call: Call, message: Any, names: Names) -> Outcome:
    if hasattr(message, "hold"):
        return _held_said(call, message, names)
    if hasattr(message, "order"):
        if call.name == "place":
            names.learn(names.orders, call.arguments["order"], message.order.order_id)
        return _order_said(message.order, names)
    if hasattr(message, "product"):
        product = message.product
        if call.name == "create_product":
            names.learn(names.products, call.arguments["key"], product.product_id)
        deleted = product.HasField("delete_time")
        return {"sku": product.sku, "deleted": deleted, "version": product.version}
    if hasattr(message, "location"):
        place = message.location
        deleted = place.HasField("delete_time")
        return {"priority": place.priority, "deleted": deleted, "version": place.version}
    if hasattr(message, "stock_levels"):
        return {"levels": [_level_said(each) for each in message.stock_levels]}
    return _level_said(message.stock_level)


def _held_said(call: Call, message: Any, names: Names) -> Outcome:
    if call.name == "create_hold":
        names.learn(names.holds, call.arguments["hold"], message.hold.hold_id)
    if call.name != "convert_hold":
        return _hold_said(message.hold, names)
    names.learn(names.orders, call.arguments["order"], message.order.order_id)
    return {"hold": _hold_said(message.hold, names), "order": _order_said(message.order, names)}


def _hold_said(hold: holds_pb2.Hold, names: Names) -> Outcome:
    return {
        "status": HoldStatus(hold.status).name,
        "version": hold.version,
        "orders": [names.order(each) for each in hold.order_ids],
        "end": _time(hold.expire_time),
        "lines": [
            {
                "requested": line.requested_line,
                "key": names.product(line.product_id),
                "place": line.location_id,
                "asked": line.requested_quantity,
                "quantity": line.quantity,
                "converted": line.converted_quantity,
                "released": line.released_quantity,
            }
            for line in hold.lines
        ],
    }


def _order_said(order: orders_pb2.Order, names: Names) -> Outcome:
    return {
        "status": OrderStatus(order.status).name,
        "version": order.version,
        "hold": names.hold(order.hold_id),
        "lines": [
            {
                "requested": line.requested_line,
                "key": names.product(line.product_id),
                "place": line.location_id,
                "quantity": line.quantity,
                "shipped": line.shipped_quantity,
                "cancelled": line.cancelled_quantity,
                "returned": line.returned_quantity,
            }
            for line in order.lines
        ],
    }


def _level_said(level: stock_pb2.StockLevel) -> Outcome:
    return {
        "on_hand": level.on_hand,
        "allocated": level.allocated,
        "held": level.held,
        "safety": level.safety_stock,
        "backorder": level.backorder_limit,
        "shortfall": level.shortfall,
        "version": level.version,
    }


# -- what only the database knows ------------------------------------------------------------------


class About:
    """A time that nobody remembers exactly: that of a hold which was not kept in the end."""

    def __init__(self, days: int) -> None:
        self.time = datetime.now(UTC) + timedelta(days)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime) and abs(other - self.time) < timedelta(hours=1)

    def __repr__(self) -> str:
        return f"about {self.time}"

    __hash__ = None  # type: ignore[assignment]


def in_database(expected: Outcome, names: Names) -> Outcome:
    """What the model says, with the times of the database, and without the name of an order that
    was undone with its batch: nobody has learned its id."""
    said: Outcome = _timed(expected, names)
    if "reason" in said and "order" in said and said["order"] not in names.orders:
        said["order"] = ""
    return said


def _timed(fact: Any, names: Names) -> Any:
    match fact:
        case End():
            return names.ends.get(fact, About(fact.days))
        case dict():
            return {name: _timed(each, names) for name, each in fact.items()}
        case list() | tuple():
            return type(fact)(_timed(each, names) for each in fact)
    return fact


def remember(expected: Outcome, seen: Outcome, names: Names) -> None:
    """When a hold ends that was made or extended just now."""
    if isinstance(expected.get("end"), End):
        names.ends.setdefault(expected["end"], seen["end"])


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)
