"""A call in two languages: the serial model's and the write path's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import (
    AllocationStrategy,
    Command,
    DemandLine,
    Disposition,
    LineQuantity,
    Remainder,
    ReturnLine,
)
from inventory_grpc.domain.model import AdjustmentReason, ProductKey
from inventory_grpc.domain.status import OrderStatus
from tests.model.warehouse import End


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
    holds: dict[str, str] = field(default_factory=dict)
    ends: dict[End, datetime] = field(default_factory=dict)
    """When the holds end that the model knows to end then."""

    def product(self, product_id: str) -> str:
        return _name(self.products, product_id)

    def order(self, order_id: str) -> str:
        return _name(self.orders, order_id)

    def hold(self, hold_id: str) -> str:
        return _name(self.holds, hold_id)

    @staticmethod
    def learn(ids: dict[str, str], name: str, known: str) -> None:
        """What was made is named once, and not at all if it was only tried."""
        if known and known not in ids.values():
            ids[name] = known


def _name(ids: Mapping[str, str], known: str) -> str:
    """Empty if there is none."""
    return next((name for name, each in ids.items() if each == known), "")


NOBODY = "0190c3a4-0000-7000-8000-000000000000"
"""The id of no order and of no hold."""


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


def _demand(lines: tuple[tuple[str, int, str], ...]) -> tuple[DemandLine, ...]:
    return tuple(DemandLine(_key(sku), units, place) for sku, units, place in lines)


def _place(
    names: Names,
    order: str,
    lines: tuple[tuple[str, int, str], ...],
    strategy: str,
    optimistic: bool = False,
) -> commands.PlaceOrder:
    return commands.PlaceOrder(_demand(lines), AllocationStrategy[strategy], "", {}, optimistic)


def _create_hold(
    names: Names,
    hold: str,
    lines: tuple[tuple[str, int, str], ...],
    strategy: str,
    partial: bool,
    days: int,
    optimistic: bool,
) -> commands.CreateHold:
    how = (partial, AllocationStrategy[strategy], optimistic)
    return commands.CreateHold(_demand(lines), timedelta(days), "", *how)


def _convert_hold(
    names: Names,
    hold: str,
    order: str,
    lines: tuple[tuple[int, int], ...],
    release: bool,
    expected: int,
) -> commands.ConvertHold:
    remainder = Remainder.RELEASE if release else Remainder.KEEP
    return commands.ConvertHold(_hold(names, hold), _units(lines), remainder, "", {}, expected)


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


def _hold(names: Names, hold: str) -> str:
    return names.holds.get(hold, NOBODY)


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
    "create_hold": _create_hold,
    "extend_hold": lambda names, hold, days, expected: commands.ExtendHold(
        _hold(names, hold), timedelta(days), expected
    ),
    "convert_hold": _convert_hold,
    "release_hold": lambda names, hold, expected: commands.ReleaseHold(
        _hold(names, hold), "", expected
    ),
    "sweep": lambda names, holds: commands.ExpireHolds(tuple(_hold(names, hold) for hold in holds)),
}
