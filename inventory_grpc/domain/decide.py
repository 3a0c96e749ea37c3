"""The decision: one command, on the books, at one moment; a result or a refusal."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from inventory_grpc.domain import (
    catalogue,
    commands,
    fulfilment,
    holds,
    placing,
    repair,
    stocktaking,
)
from inventory_grpc.domain.books import Books
from inventory_grpc.domain.context import Context
from inventory_grpc.domain.model import Hold, Order, Product, StockMovement
from inventory_grpc.domain.results import Conversion, Result, StockChange, Transfer

# Any: each handler takes just its own command, which a dict of handlers cannot say.
_HANDLERS: dict[type[commands.Command], Callable[[Books, Any, Context], Result]] = {
    commands.PlaceOrder: placing.place_order,
    commands.ChangeOrderStatus: fulfilment.change_status,
    commands.ShipOrder: fulfilment.ship,
    commands.CancelOrder: fulfilment.cancel,
    commands.ReturnOrder: fulfilment.return_order,
    commands.CreateHold: holds.create,
    commands.ExtendHold: holds.extend,
    commands.ConvertHold: holds.convert,
    commands.ReleaseHold: holds.release,
    commands.ExpireHolds: holds.expire,
    commands.AdjustStock: stocktaking.adjust,
    commands.SetStock: stocktaking.set_stock,
    commands.SetStockPolicy: stocktaking.set_policy,
    commands.TransferStock: stocktaking.transfer,
    commands.RepairLevel: repair.repair_level,
    commands.CreateProduct: catalogue.create_product,
    commands.UpdateProduct: catalogue.update_product,
    commands.DeleteProduct: catalogue.delete_product,
    commands.UndeleteProduct: catalogue.undelete_product,
    commands.CreateLocation: catalogue.create_location,
    commands.UpdateLocation: catalogue.update_location,
    commands.DeleteLocation: catalogue.delete_location,
}


def decide(books: Books, command: commands.Command, context: Context) -> Result:
    """Enter the command's effect into the books. Raises the DomainError that refuses it.

    All or nothing is the caller's: roll back to the mark before, whatever is raised.
    """
    return _HANDLERS[type(command)](books, command, context)


def without_new_ids(command: commands.Command, result: Result) -> Result:
    """The result as validate_only shows it: what was not created has no id."""
    match result:
        case Order() if isinstance(command, commands.PlaceOrder):
            result = replace(result, order_id="")
        case Product() if isinstance(command, commands.CreateProduct):
            result = replace(result, product_id="")
        case Hold() if isinstance(command, commands.CreateHold):
            result = replace(result, hold_id="")
        case Conversion(hold, order):
            hold = replace(hold, order_ids=hold.order_ids[:-1])
            result = Conversion(hold, replace(order, order_id=""))
        case StockChange():
            result = replace(result, movement=_unwritten(result.movement))
        case Transfer():
            movements = tuple(map(_unwritten, result.movements))
            result = replace(result, transfer_id="", movements=movements)
    return result


def _unwritten(movement: StockMovement) -> StockMovement:
    return replace(movement, movement_id="", transfer_id="")
