"""The database's ledger and histories, played through the serial model."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from inventory_grpc.domain.model import HoldEventKind, MovementKind
from tests.concurrency.harness import query
from tests.concurrency.serial_stock import Event, Movement, Reservation, Shelf
from tests.conftest import Database

Place = tuple[str, str]
"""(SKU, location)"""
Moved = Mapping[MovementKind, Counter[int]]
"""What one request did to the lines of a hold."""


@dataclass
class History:
    """What happened, in an order in which it could have happened one by one."""

    shelves: dict[Place, Shelf]
    holds: dict[str, Reservation]
    told: dict[tuple[str, int], object]
    """What a caller would have been told of a hold at that version."""


def replay(database: Database, policies: Mapping[Place, tuple[int, int]]) -> History:
    """Fails at the first step that the model does not allow. ``policies``: (safety stock, backorder
    limit) where they were set."""
    events = _events(database)
    movements = _movements(database)
    converted = {each.order_id: sorted(each.units) for each in events if each.order_id}
    ends = {each.hold_id: each.expire_time for each in events}
    history = History({}, {}, {})
    moved: dict[tuple[str, str], dict[MovementKind, Counter[int]]] = {}
    for move in movements:
        from_hold = move.hold_id and move.kind is MovementKind.ALLOCATED
        line = converted[move.order_id][move.line_number - 1] if from_hold else move.line_number
        place = (move.sku, move.location_id)
        shelf = history.shelves.setdefault(place, Shelf(policies.get(place, (0, 0))))
        shelf.apply(move, line, ends)
        if move.hold_id:
            kinds = moved.setdefault((move.hold_id, move.request_id), defaultdict(Counter))
            kinds[move.kind][line] += max(map(abs, move.deltas))
    for hold_id, changes in groupby(events, key=lambda event: event.hold_id):
        _replay_hold(history, hold_id, changes, moved)
    return history


def _replay_hold(
    history: History,
    hold_id: str,
    changes: Iterable[Event],
    moved: Mapping[tuple[str, str], Moved],
) -> None:
    changes = iter(changes)
    first = next(changes)
    assert first.kind is HoldEventKind.CREATED
    assert moved[hold_id, first.request_id] == {MovementKind.HELD: first.units}
    hold = history.holds[hold_id] = Reservation(dict(first.units), first.expire_time)
    history.told[hold_id, 1] = hold.told()
    nothing: Moved = defaultdict(Counter)
    for event in changes:
        hold.apply(event, moved.get((hold_id, event.request_id), nothing))
        history.told[hold_id, hold.version] = hold.told()


def _movements(database: Database) -> Sequence[Movement]:
    rows = query(
        database,
        "SELECT sku, location_id, stock_version, kind, on_hand_delta, allocated_delta, held_delta,"
        " on_hand_after, allocated_after, held_after, line_number, coalesce(order_id::text, ''),"
        " coalesce(hold_id::text, ''), request_id::text, actor, occur_time"
        " FROM stock_movements JOIN products USING (product_id)"
        " ORDER BY product_id, location_id, stock_version",
    )
    return [
        Movement(sku, place, version, MovementKind(kind), (a, b, c), (d, e, f), *rest)
        for sku, place, version, kind, a, b, c, d, e, f, *rest in rows
    ]


def _events(database: Database) -> Sequence[Event]:
    rows = query(
        database,
        "SELECT hold_id::text, hold_version, kind, lines, coalesce(order_id::text, ''),"
        " expire_time, request_id::text, occur_time"
        " FROM hold_events ORDER BY hold_id, hold_version",
    )
    return [
        Event(hold_id, version, HoldEventKind(kind), dict(lines), *rest)
        for hold_id, version, kind, lines, *rest in rows
    ]
