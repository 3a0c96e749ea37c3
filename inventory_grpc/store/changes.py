"""The change stream as it is stored: positions, and what happened at them.

Events are not stored twice: a commit's changes are the rows of the ledger and of the histories that
carry its id. All of them can be read over and over, and are the same each time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from sqlalchemy import Connection, text

from inventory_grpc.domain.changes import (
    LAST,
    Cause,
    Change,
    ChangeKind,
    Cursor,
    ForgottenError,
    Policy,
    changes_policy,
    index_of,
    of_movement,
    policy_after,
)
from inventory_grpc.domain.histories import (
    hold_after,
    hold_at_first,
    order_after,
    order_at_first,
)
from inventory_grpc.domain.model import (
    Hold,
    HoldEvent,
    Order,
    OrderEvent,
    OrderEventKind,
    StockLevel,
    StockMovement,
)
from inventory_grpc.store import change_rows
from inventory_grpc.store.queries import holds as hold_queries
from inventory_grpc.store.queries import orders as order_queries
from inventory_grpc.store.queries.rows import IN_ORDER

_HEAD: Final = text("SELECT position FROM stream_head")
_PRUNED: Final = text("SELECT pruned_position FROM stream_head")
_POSITION: Final = text("SELECT position FROM commits WHERE commit_id = CAST(:id AS uuid)")
_FORGOTTEN: Final = text(
    "SELECT 1 FROM stream_head WHERE pruned_commit_id >= CAST(:id AS uuid)"
    " AND NOT EXISTS (SELECT FROM commits WHERE commit_id = CAST(:id AS uuid))"
)
_KNOWN: Final = text(
    "SELECT EXISTS (SELECT FROM commits WHERE commit_id = CAST(:id AS uuid))"
    " OR EXISTS (SELECT FROM stream_head WHERE pruned_commit_id >= CAST(:id AS uuid))"
)
# "position > 0" so that the index that leaves out everything else is seen to have them.
_COMMITS: Final = text("""
    SELECT position, commit_id::text FROM commits
     WHERE position > 0 AND position >= :first ORDER BY position LIMIT :commits_max""")

_E = TypeVar("_E", OrderEvent, HoldEvent)
_Places = Mapping[str, int]
"""Positions by commit_id."""
_Versions = Mapping[str, int]


def head(conn: Connection) -> int:
    """The last position given; 0 before the first."""
    position: int = conn.execute(_HEAD).scalar_one()
    return position


def oldest(conn: Connection) -> int:
    """The lowest position whose changes are kept; 0 if none were ever forgotten."""
    pruned: int = conn.execute(_PRUNED).scalar_one()
    return pruned + 1 if pruned else 0


def position_of(conn: Connection, commit_id: str) -> int | None:
    """Where a commit is in the stream; 0 = before it began; None = nowhere yet, or no more, or
    nothing is known of it (see ``commit_known`` and ``commit_forgotten``)."""
    position: int | None = conn.execute(_POSITION, {"id": commit_id}).scalar()
    return position


def commit_known(conn: Connection, commit_id: str) -> bool:
    """Whether the database behind ``conn`` includes a commit that some database did; what has been
    forgotten was there."""
    return bool(conn.execute(_KNOWN, {"id": commit_id}).scalar())


def commit_forgotten(conn: Connection, commit_id: str) -> bool:
    """Whether it is so long ago that its place in the stream is not kept any more."""
    return conn.execute(_FORGOTTEN, {"id": commit_id}).first() is not None


def read_changes(conn: Connection, after: Cursor, commits_max: int) -> tuple[list[Change], Cursor]:
    """What comes behind ``after``, of at most so many commits, in order; and where that ends.

    A commit is never cut: it has as many changes as one transaction makes. ``conn`` is one of the
    reads'. Raises ForgottenError when something behind ``after`` is not kept any more.
    """
    first = after.position if after.position > 0 and after.index < LAST else after.position + 1
    wanted = {"first": first, "commits_max": commits_max}
    found = conn.execute(_COMMITS, wanted, **IN_ORDER).all()
    if not found or found[0][0] != first:
        _check_kept(conn, first)
        # Nothing was missing: what was found is not what comes next for another reason.
        assert not found, (after, found[0])
        return [], after
    places = {commit_id: position for position, commit_id in found}
    changes = [
        *_level_changes(conn, places),
        *_order_changes(conn, places),
        *_hold_changes(conn, places),
        *_product_changes(conn, places),
    ]
    seen = after.position, after.index
    ordered = sorted(
        (change for change in changes if _place(change) > seen),
        key=_place,
    )
    return ordered, Cursor(found[-1][0])


def _place(change: Change) -> tuple[int, int]:
    return change.cursor.position, change.cursor.index


def _check_kept(conn: Connection, first: int) -> None:
    kept = oldest(conn)
    if first < kept:
        raise ForgottenError(kept)


# -- stock levels ----------------------------------------------------------------------------------


def _level_changes(conn: Connection, places: _Places) -> Iterator[Change]:
    found = change_rows.movements(conn, list(places))
    moved = [(places[commit], move) for commit, move in _with_policies(conn, found)]
    left = _policies_left(conn, [move for _, move in moved])
    for position, move in moved:
        before = left.get(_key(move, -1), Policy()) if changes_policy(move) else policy_after(move)
        yield from of_movement(position, move, _level(move), before)


def _with_policies(
    conn: Connection, found: Iterable[tuple[str, StockMovement, bool]]
) -> Iterator[tuple[str, StockMovement]]:
    """Servers of the release before wrote none, and may still run: today's policy then."""
    unknown = [move for _, move, known in found if not known]
    stored = change_rows.policies_of_today(conn, unknown) if unknown else {}
    for commit_id, move, known in found:
        if known:
            yield commit_id, move
        else:
            safety, backorders, threshold = stored[move.product_id, move.location_id]
            yield commit_id, replace(
                move, safety_stock_after=safety, backorder_limit_after=backorders,
                low_stock_threshold_after=threshold,
            )  # fmt: skip


def _policies_left(
    conn: Connection, moves: Sequence[StockMovement]
) -> dict[change_rows.Level, Policy]:
    """By level and version; at least what was in force before each change of policy."""
    before = {_key(move, -1) for move in moves if changes_policy(move)}
    if not before:
        return {}
    left = {_key(move, 0): policy_after(move) for move in moves}
    wanted = before - left.keys()
    if wanted:
        found = change_rows.policies(conn, wanted)
        left.update((key, Policy(*policy)) for key, policy in found.items())
    return left


def _key(move: StockMovement, offset: int) -> change_rows.Level:
    return move.product_id, move.location_id, move.stock_version + offset


def _level(move: StockMovement) -> StockLevel:
    return StockLevel(
        move.product_id, move.sku, move.location_id,
        move.on_hand_after, move.allocated_after, move.held_after,
        move.safety_stock_after, move.backorder_limit_after, move.low_stock_threshold_after,
        move.shortfall_after, move.stock_version, move.occur_time,
    )  # fmt: skip


# -- orders and holds ------------------------------------------------------------------------------


def _order_changes(conn: Connection, places: _Places) -> Iterator[Change]:
    events = change_rows.order_events(conn, places)
    by_order = _grouped(events, lambda event: (event.order_id, event.order_version))
    stored = order_queries.batch_get(conn, list(by_order)) if by_order else {}
    older = {key: made[0][1].order_version for key, made in by_order.items()}
    orders = {order_id: order_at_first(order) for order_id, order in stored.items()}
    for event in _history(conn, change_rows.order_history, older):
        orders[event.order_id] = order_after(orders[event.order_id], event)
    for order_id, made in by_order.items():
        for commit_id, event in made:
            orders[order_id] = order_after(orders[order_id], event)
            yield _order_change(places[commit_id], orders[order_id], event)


def _order_change(position: int, order: Order, event: OrderEvent) -> Change:
    hold_id = order.hold_id if event.kind is OrderEventKind.CREATED else ""
    cause = Cause(order.order_id, hold_id, event.request_id, event.actor)
    return Change(
        Cursor(position, index_of(event.event_id)), event.event_id, ChangeKind.ORDER, order,
        order.version, None, cause, event.occur_time,
    )  # fmt: skip


def _hold_changes(conn: Connection, places: _Places) -> Iterator[Change]:
    events = change_rows.hold_events(conn, places)
    by_hold = _grouped(events, lambda event: (event.hold_id, event.hold_version))
    stored = hold_queries.batch_get(conn, list(by_hold)) if by_hold else {}
    older = {key: made[0][1].hold_version for key, made in by_hold.items()}
    holds = {hold_id: hold_at_first(hold) for hold_id, hold in stored.items()}
    for event in _history(conn, change_rows.hold_history, older):
        holds[event.hold_id] = hold_after(holds[event.hold_id], event, stored[event.hold_id])
    for hold_id, made in by_hold.items():
        for commit_id, event in made:
            holds[hold_id] = hold_after(holds[hold_id], event, stored[hold_id])
            yield _hold_change(places[commit_id], holds[hold_id], event)


def _hold_change(position: int, hold: Hold, event: HoldEvent) -> Change:
    cause = Cause(event.order_id, hold.hold_id, event.request_id, event.actor)
    return Change(
        Cursor(position, index_of(event.event_id)), event.event_id, ChangeKind.HOLD, hold,
        hold.version, None, cause, event.occur_time,
    )  # fmt: skip


def _grouped(
    events: Iterable[tuple[str, _E]], key: Callable[[_E], tuple[str, int]]
) -> dict[str, list[tuple[str, _E]]]:
    """Of each order or hold, by version."""
    grouped: dict[str, list[tuple[str, _E]]] = defaultdict(list)
    for commit_id, event in sorted(events, key=lambda entry: key(entry[1])):
        grouped[key(event)[0]].append((commit_id, event))
    return grouped


def _history(
    conn: Connection, read: Callable[[Connection, Mapping[str, int]], list[_E]], older: _Versions
) -> list[_E]:
    """What came before these versions; nothing is read for those that were made just now."""
    wanted = {key: version for key, version in older.items() if version > 1}
    return read(conn, wanted) if wanted else []


# -- products --------------------------------------------------------------------------------------


def _product_changes(conn: Connection, places: _Places) -> Iterator[Change]:
    for commit_id, event_id, actor, request_id, product in change_rows.product_events(conn, places):
        yield Change(
            Cursor(places[commit_id], index_of(event_id)), event_id, ChangeKind.PRODUCT, product,
            product.version, None, Cause("", "", request_id, actor), product.update_time,
        )  # fmt: skip
