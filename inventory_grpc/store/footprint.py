"""Footprints: which rows a batch of commands has to lock and read, before anything is decided."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Command
from inventory_grpc.domain.entries import LevelKey
from inventory_grpc.domain.model import ProductKey


class RowLock(IntEnum):
    """Strength of the lock on product and location rows; a batch takes its strongest for all."""

    NONE = 0
    KEY_SHARE = 1
    NO_KEY_UPDATE = 2
    UPDATE = 3


Place = tuple[ProductKey, str]
"""A product at a location; the empty location is every location it has a level at."""


@dataclass(slots=True)
class Footprint:
    """What to lock and read. Sets, because commands of a batch share hot rows."""

    places: set[Place] = field(default_factory=set)
    """Stock levels to lock and read, products to read."""
    seeds: set[Place] = field(default_factory=set)
    """Stock levels to make (version 0) where they are missing."""
    orders: set[str] = field(default_factory=set)
    """Orders to lock and read, with the stock levels of their lines."""
    order_seeds: set[tuple[str, str]] = field(default_factory=set)
    """(order, location): stock levels to make for every product of the order."""
    holds: set[str] = field(default_factory=set)
    """Holds to lock and read, with the stock levels of their lines."""
    products: set[ProductKey] = field(default_factory=set)
    """Products to lock and read as a whole, with all their levels."""
    skus: set[str] = field(default_factory=set)
    """SKUs whose live owner, if any, has to be known."""
    locations: set[str] = field(default_factory=set)
    """Locations that have to exist: read, and locked against deletion where stock may come."""
    whole_locations: set[str] = field(default_factory=set)
    """Locations to lock and read as a whole."""
    emptied_locations: set[str] = field(default_factory=set)
    """Locations whose stock levels are all locked and read."""
    repairs: set[LevelKey] = field(default_factory=set)
    """Stock levels whose ledger is read as a whole."""
    row_lock: RowLock = RowLock.NONE

    @classmethod
    def of(cls, batch: Iterable[Command]) -> "Footprint":
        """The footprint of all of them together."""
        footprint = cls()
        for command in batch:
            footprint.add(command)
        return footprint

    def add(self, command: Command) -> None:
        """Add what one command needs."""
        _ADD[type(command)](self, command)

    @property
    def new_names(self) -> set[str]:
        """SKUs and location ids that it may insert, and wait for others to insert."""
        return self.skus | self.whole_locations

    def strengthen(self, row_lock: RowLock) -> None:
        """At least this lock on product and location rows."""
        self.row_lock = max(self.row_lock, row_lock)

    def may_make(self, key: ProductKey, location_id: str) -> None:
        """A command may bring stock of ``key`` to ``location_id`` for the first time."""
        self.places.add((key, location_id))
        self.seeds.add((key, location_id))
        self.locations.add(location_id)
        self.strengthen(RowLock.KEY_SHARE)


def _demand(footprint: Footprint, command: commands.PlaceOrder | commands.CreateHold) -> None:
    for line in command.lines:
        footprint.places.add((line.product, line.location_id))
        if line.location_id:
            footprint.locations.add(line.location_id)


def _order(footprint: Footprint, command: commands.OrderCommand) -> None:
    footprint.orders.add(command.order_id)


def _return_order(footprint: Footprint, command: commands.ReturnOrder) -> None:
    _order(footprint, command)
    for line in command.lines:
        if line.location_id:
            footprint.order_seeds.add((command.order_id, line.location_id))
            footprint.locations.add(line.location_id)
            footprint.strengthen(RowLock.KEY_SHARE)


def _hold(
    footprint: Footprint, command: commands.ExtendHold | commands.ConvertHold | commands.ReleaseHold
) -> None:
    footprint.holds.add(command.hold_id)


def _expire_holds(footprint: Footprint, command: commands.ExpireHolds) -> None:
    footprint.holds.update(command.hold_ids)


def _stock(
    footprint: Footprint,
    command: commands.AdjustStock | commands.SetStock | commands.SetStockPolicy,
) -> None:
    footprint.may_make(command.product, command.location_id)


def _transfer(footprint: Footprint, command: commands.TransferStock) -> None:
    for line in command.lines:
        footprint.may_make(line.product, command.from_location_id)
        footprint.may_make(line.product, command.to_location_id)


def _repair_level(footprint: Footprint, command: commands.RepairLevel) -> None:
    footprint.may_make(ProductKey(command.product_id), command.location_id)
    footprint.repairs.add((command.product_id, command.location_id))


def _create_product(footprint: Footprint, command: commands.CreateProduct) -> None:
    footprint.skus.add(command.sku)
    for location_id, _ in command.initial_stock:
        footprint.locations.add(location_id)
        footprint.strengthen(RowLock.KEY_SHARE)


def _update_product(footprint: Footprint, command: commands.UpdateProduct) -> None:
    _whole_product(footprint, command.product, RowLock.NO_KEY_UPDATE)
    if "sku" in command.fields:
        footprint.skus.add(command.sku)


def _delete_product(footprint: Footprint, command: commands.DeleteProduct) -> None:
    _whole_product(footprint, command.product, RowLock.UPDATE)


def _undelete_product(footprint: Footprint, command: commands.UndeleteProduct) -> None:
    _whole_product(footprint, ProductKey(product_id=command.product_id), RowLock.UPDATE)


def _whole_product(footprint: Footprint, key: ProductKey, row_lock: RowLock) -> None:
    footprint.products.add(key)
    footprint.places.add((key, ""))
    footprint.strengthen(row_lock)


def _location(
    footprint: Footprint, command: commands.CreateLocation | commands.UpdateLocation
) -> None:
    footprint.whole_locations.add(command.location_id)
    footprint.strengthen(RowLock.NO_KEY_UPDATE)


def _delete_location(footprint: Footprint, command: commands.DeleteLocation) -> None:
    footprint.whole_locations.add(command.location_id)
    footprint.emptied_locations.add(command.location_id)
    footprint.strengthen(RowLock.UPDATE)


# Any: each adder takes just its own command, which a dict of them cannot say.
_ADD: Mapping[type[Command], Callable[[Footprint, Any], None]] = {
    commands.PlaceOrder: _demand,
    commands.ChangeOrderStatus: _order,
    commands.ShipOrder: _order,
    commands.CancelOrder: _order,
    commands.ReturnOrder: _return_order,
    commands.CreateHold: _demand,
    commands.ExtendHold: _hold,
    commands.ConvertHold: _hold,
    commands.ReleaseHold: _hold,
    commands.ExpireHolds: _expire_holds,
    commands.AdjustStock: _stock,
    commands.SetStock: _stock,
    commands.SetStockPolicy: _stock,
    commands.TransferStock: _transfer,
    commands.RepairLevel: _repair_level,
    commands.CreateProduct: _create_product,
    commands.UpdateProduct: _update_product,
    commands.DeleteProduct: _delete_product,
    commands.UndeleteProduct: _undelete_product,
    commands.CreateLocation: _location,
    commands.UpdateLocation: _location,
    commands.DeleteLocation: _delete_location,
}
