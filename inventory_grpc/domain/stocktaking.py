"""Changes of stock that no order causes: adjustments, counts, policies, transfers."""

from collections.abc import Sequence
from dataclasses import replace

from inventory_grpc.domain import lookup
from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import AdjustStock, SetStock, SetStockPolicy, TransferStock
from inventory_grpc.domain.context import Context
from inventory_grpc.domain.entries import Item
from inventory_grpc.domain.errors import InsufficientStock, Shortage, VersionMismatch
from inventory_grpc.domain.ledger import post
from inventory_grpc.domain.model import (
    AdjustmentReason,
    MovementKind,
    ProductKey,
    StockLevel,
    StockMovement,
)
from inventory_grpc.domain.results import StockChange, Transfer

_LOSSES = frozenset({AdjustmentReason.DAMAGED, AdjustmentReason.LOST})


def adjust(books: Books, command: AdjustStock, context: Context) -> StockChange:
    """Raises ProductNotFound, LocationNotFound, VersionMismatch, InsufficientStock,
    QuantityLimit."""
    level = _level(books, command.product, command.location_id)
    lookup.check_version(command.expected_version, level.version)
    is_loss = command.reason in _LOSSES
    # A loss is a fact, so it may touch what is promised; any other decrease may not.
    removable = level.on_hand if is_loss else level.on_hand - level.allocated - level.held
    # With backorders more can be promised than is there; what arrives is welcome all the same.
    if command.delta < 0 and -command.delta > removable:
        shortage = Shortage.at(0, -command.delta, removable, [level], level.location_id)
        raise InsufficientStock([shortage])
    received = command.reason is AdjustmentReason.RECEIVED
    movement = post(
        books, context, level,
        MovementKind.RECEIVED if received else MovementKind.ADJUSTED,
        on_hand=command.delta, is_fact=is_loss, reason=command.reason, note=command.note,
    )  # fmt: skip
    return _change(books, movement)


def set_stock(books: Books, command: SetStock, context: Context) -> StockChange:
    """Raises ProductNotFound, LocationNotFound, VersionMismatch."""
    level = _level(books, command.product, command.location_id)
    version_ok = command.expected_version in (None, level.version)
    on_hand_ok = command.expected_on_hand in (None, level.on_hand)
    if not (version_ok and on_hand_ok):
        raise VersionMismatch(
            command.expected_version or 0, level.version, level.on_hand, command.expected_on_hand
        )
    movement = post(
        books, context, level, MovementKind.COUNTED,
        on_hand=command.on_hand - level.on_hand, is_fact=True, note=command.note,
    )  # fmt: skip
    return _change(books, movement)


def set_policy(books: Books, command: SetStockPolicy, context: Context) -> StockChange:
    """Raises ProductNotFound, LocationNotFound, VersionMismatch."""
    level = _level(books, command.product, command.location_id)
    lookup.check_version(command.expected_version, level.version)
    policy = replace(
        level,
        safety_stock=_given(command.safety_stock, level.safety_stock),
        backorder_limit=_given(command.backorder_limit, level.backorder_limit),
    )
    if command.clear_low_stock_threshold:
        policy = replace(policy, low_stock_threshold=None)
    elif command.low_stock_threshold is not None:
        policy = replace(policy, low_stock_threshold=command.low_stock_threshold)
    movement = post(books, context, level, MovementKind.POLICY_CHANGED, policy=policy, is_fact=True)
    return _change(books, movement)


def transfer(books: Books, command: TransferStock, context: Context) -> Transfer:
    """Raises ProductNotFound, LocationNotFound, InsufficientStock, QuantityLimit."""
    found = lookup.items(books, (line.product for line in command.lines))
    lookup.check_locations(books, (command.from_location_id, command.to_location_id))
    quantities = [line.quantity for line in command.lines]
    _check_available(books, found, quantities, command.from_location_id)
    transfer_id = context.ids.next()
    movements: list[StockMovement] = []
    for number, (item, units) in enumerate(zip(found, quantities, strict=True), start=1):
        for location_id, kind, delta in (
            (command.from_location_id, MovementKind.TRANSFERRED_OUT, -units),
            (command.to_location_id, MovementKind.TRANSFERRED_IN, units),
        ):
            level = books.level(item, location_id)
            movement = post(
                books, context, level, kind,
                on_hand=delta, line_number=number, transfer_id=transfer_id, note=command.note,
            )  # fmt: skip
            movements.append(movement)
    keys = sorted({(move.product_id, move.location_id) for move in movements})
    levels = tuple(books.levels[product_id][location_id] for product_id, location_id in keys)
    return Transfer(transfer_id, levels, tuple(movements))


def _check_available(
    books: Books, found: Sequence[Item], quantities: Sequence[int], location_id: str
) -> None:
    """Lines of the same product are checked together."""
    wanted: dict[str, list[int]] = {}
    for index, item in enumerate(found):
        wanted.setdefault(item.product_id, []).append(index)
    shortages: list[Shortage] = []
    for indexes in wanted.values():
        level = books.level(found[indexes[0]], location_id)
        units = sum(quantities[index] for index in indexes)
        if units > level.available:
            shortages.append(Shortage.at(indexes[0], units, level.available, [level], location_id))
    if shortages:
        raise InsufficientStock(shortages)


def _level(books: Books, product: ProductKey, location_id: str) -> StockLevel:
    item = lookup.item(books, product)
    lookup.check_locations(books, (location_id,))
    return books.level(item, location_id)


def _given(value: int | None, current: int) -> int:
    return current if value is None else value


def _change(books: Books, movement: StockMovement) -> StockChange:
    return StockChange(books.levels[movement.product_id][movement.location_id], movement)
