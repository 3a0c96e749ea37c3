"""Writing holds, their lines, their history and what their callers' budgets count back."""

from collections.abc import Sequence
from typing import Final

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.model import Hold
from inventory_grpc.store import tables
from inventory_grpc.store.columns import Stamp, pairs_json, times
from inventory_grpc.store.link import Call
from inventory_grpc.store.statements import (
    Statement,
    Value,
    array,
    insert_rows,
    text_array,
    update_rows,
)

_HOLD: Final = ("status", "expire_time", "counted_units", "version")
INSERT_HOLDS: Final = insert_rows(
    "insert_holds",
    tables.holds,
    ("hold_id", *_HOLD, "caller", "owner_reference"),
    ("create_time", "update_time", "commit_id"),
)
UPDATE_HOLDS: Final = update_rows(
    "update_holds", tables.holds, ("hold_id",), _HOLD, ("update_time", "commit_id"), "version"
)

_LINE_KEY: Final = ("hold_id", "line_number")
_LINE: Final = ("converted", "released", "expired", "expire_time")
INSERT_HOLD_LINES: Final = insert_rows(
    "insert_hold_lines",
    tables.hold_lines,
    (
        *_LINE_KEY, *_LINE, "requested_line", "product_id", "location_id", "requested_quantity",
        "quantity",
    ),
)  # fmt: skip
UPDATE_HOLD_LINES: Final = update_rows(
    "update_hold_lines",
    tables.hold_lines,
    _LINE_KEY,
    _LINE,
    # Lines that were read without locks may have got more time since, of which their levels know
    # nothing; a line that was due then is so no more.
    also="(v.expired = t.expired OR v.expire_time = t.expire_time)",
)

INSERT_HOLD_EVENTS: Final = insert_rows(
    "insert_hold_events",
    tables.hold_events,
    (
        "hold_id", "hold_version", "event_id", "kind", "lines", "reason", "order_id",
        "expire_time", "actor", "request_id",
    ),
    ("occur_time", "commit_id"),
)  # fmt: skip

UPSERT_BUDGETS: Final = Statement(
    "upsert_budgets",
    # Whatever these count: no quota may ever keep stock from coming back, so there is no below 0.
    """INSERT INTO hold_budgets AS b (caller, units)
    SELECT v.caller, greatest(v.units, 0) FROM unnest(:callers, :units) AS v (caller, units)
     ORDER BY v.caller
    ON CONFLICT (caller) DO UPDATE SET units = greatest(0, b.units + (
        SELECT v.units FROM unnest(:callers, :units) AS v (caller, units)
         WHERE v.caller = b.caller))""",
    {"callers": "text[]", "units": "bigint[]"},
)

VERIFY_BUDGETS: Final = Statement(
    "verify_budgets",
    # Decided on what was read without a lock. Now the row is locked, and this statement's snapshot
    # is newer: it sees what all those have added who had it before.
    """SELECT 1 / (count(*) = 0)::int
      FROM unnest(:callers, :limits) AS v (caller, units)
      JOIN hold_budgets b ON b.caller = v.caller AND b.units > v.units
     WHERE b.units - v.units > (
        SELECT coalesce(sum(h.counted_units), 0) FROM holds h
         WHERE h.status = 1 AND h.expire_time <= :now AND h.caller = v.caller)""",
    {"callers": "text[]", "limits": "bigint[]", "now": "timestamptz"},
)

ALL: Final = (
    INSERT_HOLDS,
    UPDATE_HOLDS,
    INSERT_HOLD_LINES,
    UPDATE_HOLD_LINES,
    INSERT_HOLD_EVENTS,
    UPSERT_BUDGETS,
    VERIFY_BUDGETS,
)


def hold_calls(books: Books, stamp: Stamp) -> list[Call]:
    """New and changed holds with their lines and history, and lines that expired in passing."""
    read = books.versions_read
    changed = [books.holds[key] for key in sorted({event.hold_id for event in books.hold_events})]
    new = [hold for hold in changed if not read[hold.hold_id]]
    old = [hold for hold in changed if read[hold.hold_id]]
    calls: list[Call] = []
    if new:
        calls.append(Call(INSERT_HOLDS, _new_hold_arguments(new, stamp)))
        calls.append(Call(INSERT_HOLD_LINES, _new_line_arguments(new)))
    if old:
        versions = array([read[hold.hold_id] for hold in old])
        arguments = (*_hold_columns(old), versions, stamp.now, stamp.commit_id, len(old))
        calls.append(Call(UPDATE_HOLDS, arguments))
    calls += _line_calls(books)
    if changed:
        calls.append(_event_call(books, stamp))
    return calls


def budget_calls(books: Books, stamp: Stamp) -> list[Call]:
    """What callers hold more or less than before, and that it is not too much. The row is hot and
    locked here, so this comes last; and as everybody has stored his answers by then, nobody waits
    in a circle."""
    changes = sorted((caller, units) for caller, units in books.budget_changes.items() if units)
    if not changes:
        return []
    arguments = (
        text_array(caller for caller, _ in changes),
        array(units for _, units in changes),
    )
    calls = [Call(UPSERT_BUDGETS, arguments)]
    limits = books.caller_limits
    more = [(caller, limits[caller]) for caller, units in changes if units > 0 and caller in limits]
    if more:
        callers, most = text_array(caller for caller, _ in more), array(units for _, units in more)
        calls.append(Call(VERIFY_BUDGETS, (callers, most, stamp.now)))
    return calls


def _new_hold_arguments(holds: Sequence[Hold], stamp: Stamp) -> tuple[Value, ...]:
    return (
        *_hold_columns(holds),
        text_array([hold.caller for hold in holds]),
        text_array([hold.owner_reference for hold in holds]),
        stamp.now,
        stamp.now,
        stamp.commit_id,
    )


def _hold_columns(holds: Sequence[Hold]) -> tuple[Value, ...]:
    return (
        array([hold.hold_id for hold in holds]),
        array([int(hold.status) for hold in holds]),
        times([hold.expire_time for hold in holds]),
        array([hold.counted for hold in holds]),
        array([hold.version for hold in holds]),
    )


def _new_line_arguments(holds: Sequence[Hold]) -> tuple[Value, ...]:
    lines = [(hold, line) for hold in holds for line in hold.lines]
    return (
        array([hold.hold_id for hold, _ in lines]),
        array([line.line_number for _, line in lines]),
        array([line.converted for _, line in lines]),
        array([line.released for _, line in lines]),
        array([line.expired for _, line in lines]),
        times([hold.expire_time for hold, _ in lines]),
        array([line.requested_line for _, line in lines]),
        array([line.product_id for _, line in lines]),
        text_array([line.location_id for _, line in lines]),
        array([line.requested_quantity for _, line in lines]),
        array([line.quantity for _, line in lines]),
    )


def _line_calls(books: Books) -> list[Call]:
    # Lines of a hold that is made here are inserted as they are in the end.
    keys = [key for key in sorted(books.line_changes) if books.versions_read.get(key[0]) != 0]
    if not keys:
        return []
    changes = [books.line_changes[key] for key in keys]
    arguments = (
        array([hold_id for hold_id, _ in keys]),
        array([line_number for _, line_number in keys]),
        array([change.converted for change in changes]),
        array([change.released for change in changes]),
        array([change.expired for change in changes]),
        times([change.expire_time for change in changes]),
        len(keys),
    )
    return [Call(UPDATE_HOLD_LINES, arguments)]


def _event_call(books: Books, stamp: Stamp) -> Call:
    events = books.hold_events
    columns: tuple[Value, ...] = (
        array([event.hold_id for event in events]),
        array([event.hold_version for event in events]),
        array([event.event_id for event in events]),
        array([int(event.kind) for event in events]),
        text_array([pairs_json(event.lines) for event in events]),
        text_array([event.reason for event in events]),
        array([event.order_id or None for event in events]),
        times([event.expire_time for event in events]),
        text_array([event.actor for event in events]),
        array([event.request_id for event in events]),
    )
    return Call(INSERT_HOLD_EVENTS, (*columns, stamp.now, stamp.commit_id))
