"""One random call in two languages: the serial model's and the write path's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import (
    AllocationStrategy,
    Command,
    DemandLine,
    Disposition,
    LineQuantity,
    ReturnLine,
)
from inventory_grpc.domain.model import AdjustmentReason, ProductKey
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.engine.request import Answer
from inventory_grpc.v1 import orders_pb2, stock_pb2
from tests.concurrency.harness import error_info, reason_of, response, shortages_of
from tests.model.warehouse import Outcome


@dataclass(frozen=True)
class Call:
    """A method of the model with its arguments; two calls are the same if these are."""

    name: str
    arguments: Mapping[str, Any] = field(hash=False)


@dataclass
class Names:
    """The model's names of what the database named itself."""

    products: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)

    def product(self, product_id: str) -> str:
        return next(name for name, known in self.products.items() if known == product_id)


NOBODY = "0190c3a4-0000-7000-8000-000000000000"
"""The id of no order."""


def command_of(call: Call, names: Names) -> Command:
    """The same for the write path."""
    return _COMMANDS[call.name](names, **call.arguments)


def _key(sku: str) -> ProductKey:
    return ProductKey(sku=sku)


def _adjust(
    names: Names, sku: str, place: str, delta: int, loss: bool, expected: int
) -> commands.AdjustStock:
    reason = AdjustmentReason.DAMAGED if loss else AdjustmentReason.CORRECTION
    return commands.AdjustStock(_key(sku), place, delta, reason, "", expected)


def _policy(
    names: Names, sku: str, place: str, safety: int, backorder: int
) -> commands.SetStockPolicy:
    return commands.SetStockPolicy(_key(sku), place, safety, backorder, None, False, 0)


def _transfer(
    names: Names, source: str, target: str, lines: tuple[tuple[str, int], ...]
) -> commands.TransferStock:
    wanted = tuple(DemandLine(_key(sku), units) for sku, units in lines)
    return commands.TransferStock(source, target, wanted, "")


def _place(
    names: Names, order: str, lines: tuple[tuple[str, int, str], ...], strategy: str
) -> commands.PlaceOrder:
    wanted = tuple(DemandLine(_key(sku), units, place) for sku, units, place in lines)
    return commands.PlaceOrder(wanted, AllocationStrategy[strategy], "", {})


def _units(lines: tuple[tuple[int, int], ...]) -> tuple[LineQuantity, ...]:
    return tuple(LineQuantity(*line) for line in lines)


def _give_back(
    names: Names, order: str, lines: tuple[tuple[int, int, bool, str], ...]
) -> commands.ReturnOrder:
    wanted = tuple(
        ReturnLine(number, units, Disposition.RESTOCK if restock else Disposition.DISCARD, place)
        for number, units, restock, place in lines
    )
    return commands.ReturnOrder(_order(names, order), wanted, "", 0)


def _order(names: Names, order: str) -> str:
    return names.orders.get(order, NOBODY)


_COMMANDS: Mapping[str, Callable[..., Command]] = {
    "create_product": lambda _, key, sku: commands.CreateProduct(sku, key, "", None, {}, ()),
    "rename_product": lambda _, sku, to: commands.UpdateProduct(
        _key(sku), frozenset({"sku"}), to, "", "", None, {}, 0
    ),
    "delete_product": lambda _, sku: commands.DeleteProduct(_key(sku), 0),
    "undelete_product": lambda names, key: commands.UndeleteProduct(names.products[key], 0),
    "create_location": lambda _, name, priority: commands.CreateLocation(name, name, priority, {}),
    "delete_location": lambda _, name: commands.DeleteLocation(name, 0),
    "adjust": _adjust,
    "set_stock": lambda _, sku, place, on_hand, expected: commands.SetStock(
        _key(sku), place, on_hand, expected, None, ""
    ),
    "set_policy": _policy,
    "transfer": _transfer,
    "place": _place,
    "set_status": lambda names, order, wanted, expected: commands.ChangeOrderStatus(
        _order(names, order), OrderStatus[wanted], "", expected
    ),
    "ship": lambda names, order, lines, expected: commands.ShipOrder(
        _order(names, order), _units(lines), "", expected
    ),
    "cancel": lambda names, order, lines, recall, expected: commands.CancelOrder(
        _order(names, order), _units(lines), "", recall, expected
    ),
    "give_back": _give_back,
}


def observed(call: Call, command: Command, answer: Answer, names: Names) -> Outcome:
    """The answer in the model's words; remembers the id of what it made."""
    if answer.code:
        facts: Outcome = dict(error_info(answer).metadata)
        if reason_of(answer) == "INSUFFICIENT_STOCK":
            facts["shortages"] = [
                (each.line_index, each.requested, each.available) for each in shortages_of(answer)
            ]
        return {**facts, "reason": reason_of(answer), "replayed": answer.replayed}
    return {**_said(call, response(command, answer), names), "replayed": answer.replayed}


def _said(call: Call, message: Any, names: Names) -> Outcome:
    if hasattr(message, "order"):
        if call.name == "place" and message.order.order_id:
            names.orders[call.arguments["order"]] = message.order.order_id
        return _order_said(message.order, names)
    if hasattr(message, "product"):
        product = message.product
        if call.name == "create_product" and product.product_id:
            names.products[call.arguments["key"]] = product.product_id
        deleted = product.HasField("delete_time")
        return {"sku": product.sku, "deleted": deleted, "version": product.version}
    if hasattr(message, "location"):
        place = message.location
        deleted = place.HasField("delete_time")
        return {"priority": place.priority, "deleted": deleted, "version": place.version}
    if hasattr(message, "stock_levels"):
        return {"levels": [_level_said(each) for each in message.stock_levels]}
    return _level_said(message.stock_level)


def _order_said(order: orders_pb2.Order, names: Names) -> Outcome:
    return {
        "status": OrderStatus(order.status).name,
        "version": order.version,
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
        "safety": level.safety_stock,
        "backorder": level.backorder_limit,
        "shortfall": level.shortfall,
        "version": level.version,
    }
