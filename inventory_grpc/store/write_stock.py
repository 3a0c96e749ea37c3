"""Writing stock levels and their ledger back."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.entries import LevelKey
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.store import locks, tables
from inventory_grpc.store.columns import Stamp
from inventory_grpc.store.link import Call
from inventory_grpc.store.statements import (
    Column,
    Value,
    alike,
    array,
    insert_rows,
    parameters,
    text_array,
    update_rows,
)

_LEVEL_KEY: Final = ("product_id", "location_id")
_LEVEL: Final = (
    "on_hand", "allocated", "held", "safety_stock", "backorder_limit", "low_stock_threshold",
    "shortfall", "version",
)  # fmt: skip
_level_numbers: Final = attrgetter(*_LEVEL)
INSERT_LEVELS: Final = insert_rows(
    "insert_levels",
    tables.stock_levels,
    (*_LEVEL_KEY, *_LEVEL),
    ("update_time",),
    "v.product_id, v.location_id",
)
UPDATE_LEVELS: Final = update_rows(
    "update_levels", tables.stock_levels, _LEVEL_KEY, _LEVEL, ("update_time",), "version"
)

_MOVEMENT_NUMBERS: Final = (
    "kind", "reason", "line_number",
    "on_hand_delta", "allocated_delta", "held_delta",
    "on_hand_after", "allocated_after", "held_after", "shortfall_after", "stock_version",
    "safety_stock_after", "backorder_limit_after", "low_stock_threshold_after",
)  # fmt: skip
_MOVEMENT: Final = (
    "movement_id", "product_id", "location_id", *_MOVEMENT_NUMBERS,
    "order_id", "hold_id", "transfer_id", "request_id", "actor", "note",
)  # fmt: skip
_movement_numbers: Final = attrgetter(*_MOVEMENT_NUMBERS)
INSERT_MOVEMENTS: Final = insert_rows(
    "insert_movements",
    tables.stock_movements,
    _MOVEMENT,
    ("occur_time", "commit_id"),
    often_alike=set(_MOVEMENT) - {"movement_id", "product_id", "request_id"},
)


INSERT_REPAIRS: Final = insert_rows(
    "insert_repairs",
    tables.ledger_repairs,
    (*_LEVEL_KEY, "stock_version", "found"),
    ("repair_time", "commit_id"),
)

ALL: Final = (UPDATE_LEVELS, INSERT_LEVELS, INSERT_MOVEMENTS, INSERT_REPAIRS)


def verify_calls(books: Books) -> list[Call]:
    """Locks the levels to change if they are as they were read, and their products live."""
    keys = [key for key in _keys(books) if key not in books.new_levels]
    if not keys:
        return []
    ids, places = array([key[0] for key in keys]), text_array([key[1] for key in keys])
    versions = array([books.versions_read[key] for key in keys])
    return [
        Call(locks.VERIFY_LEVELS, (ids, places, versions, len(keys))),
        Call(locks.VERIFY_LIVE, (ids, places)),
    ]


def level_calls(books: Books, stamp: Stamp) -> list[Call]:
    """Changed levels, each guarded by the version read, and levels of new products."""
    keys = _keys(books)
    old = [books.levels[key[0]][key[1]] for key in keys if key not in books.new_levels]
    new = [books.levels[key[0]][key[1]] for key in keys if key in books.new_levels]
    calls: list[Call] = []
    if old:
        read = books.versions_read
        versions = array(read[level.product_id, level.location_id] for level in old)
        calls.append(Call(UPDATE_LEVELS, (*_level_columns(old), versions, stamp.now, len(old))))
    if new:
        calls.append(Call(INSERT_LEVELS, (*_level_columns(new), stamp.now)))
    return calls


def _keys(books: Books) -> list[LevelKey]:
    return sorted({(move.product_id, move.location_id) for move in books.movements})


def _level_columns(levels: Sequence[StockLevel]) -> tuple[Value, ...]:
    return (
        array([level.product_id for level in levels]),
        text_array([level.location_id for level in levels]),
        *map(array, zip(*map(_level_numbers, levels), strict=True)),
    )


def movement_calls(books: Books, stamp: Stamp) -> list[Call]:
    """The ledger rows of all changes."""
    moves = books.movements
    if not moves:
        return []
    columns: tuple[Column, ...] = (
        array([move.movement_id for move in moves]),
        array([move.product_id for move in moves]),
        alike([move.location_id for move in moves], text_array),
        *map(alike, zip(*map(_movement_numbers, moves), strict=True)),
        alike([move.order_id or None for move in moves]),
        alike([move.hold_id or None for move in moves]),
        alike([move.transfer_id or None for move in moves]),
        array([move.request_id for move in moves]),
        alike([move.actor for move in moves], text_array),
        alike([move.note for move in moves], text_array),
    )
    return [Call(INSERT_MOVEMENTS, (*parameters(columns), stamp.now, stamp.commit_id))]


def repair_calls(books: Books, stamp: Stamp) -> list[Call]:
    """Up to which versions ledgers have been looked at, and what was wrong."""
    repairs = books.repairs
    if not repairs:
        return []
    columns = (
        array([repair.product_id for repair in repairs]),
        text_array([repair.location_id for repair in repairs]),
        array([repair.stock_version for repair in repairs]),
        text_array([repair.found for repair in repairs]),
    )
    return [Call(INSERT_REPAIRS, (*columns, stamp.now, stamp.commit_id))]
