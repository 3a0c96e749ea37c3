"""Writing the books back: one set-based statement per table, in one string with COMMIT.

Rows that another transaction could meet on a unique key are inserted in the order of that key.
No UPDATE touches a row that was not locked, and each matches the version that was read.
"""

from datetime import datetime
from typing import Final

from inventory_grpc.domain.books import Books
from inventory_grpc.store import tables, write_catalogue, write_holds, write_orders, write_stock
from inventory_grpc.store.columns import Stamp
from inventory_grpc.store.link import Call
from inventory_grpc.store.statements import (
    Statement,
    alike,
    array,
    bytes_array,
    insert_rows,
    parameters,
    text_array,
)

INSERT_COMMIT: Final = Statement(
    "insert_commit",
    # Taken after the locks, so that its order agrees with the order of conflicts.
    "INSERT INTO commits (commit_id, commit_seq) VALUES (:commit_id, nextval('commit_seq'))",
    {"commit_id": "uuid"},
)

INSERT_ANSWERS: Final = insert_rows(
    "insert_answers",
    tables.stored_answers,
    ("caller", "request_id", "fingerprint", "code", "answer"),
    ("create_time",),
    "v.caller, v.request_id",
    often_alike=("caller", "code"),
)

ALL: Final = (
    *write_catalogue.ALL,
    *write_stock.ALL,
    *write_orders.ALL,
    *write_holds.ALL,
    INSERT_COMMIT,
    INSERT_ANSWERS,
)


def write_calls(
    books: Books,
    now: datetime,
    commit_id: str,
    *,
    always: bool = False,
    verify: bool = False,
) -> list[Call]:
    """The statements that write what changed, in order; none if nothing did, unless ``always``.

    ``verify`` what was read without locks: PostgreSQL stops with division_by_zero (22012) unless
    every level to change is free, and is as it was read.
    """
    stamp = Stamp(now.isoformat(), commit_id)
    calls = [
        *(write_stock.verify_calls(books) if verify else ()),
        *write_catalogue.product_calls(books, stamp),
        *write_catalogue.product_event_calls(books, stamp),
        *write_catalogue.location_calls(books, stamp),
        *write_stock.level_calls(books, stamp),
        *write_stock.movement_calls(books, stamp),
        *write_stock.repair_calls(books, stamp),
        *write_orders.order_calls(books, stamp),
        *write_holds.hold_calls(books, stamp),
    ]
    if calls or always:
        calls.append(Call(INSERT_COMMIT, (commit_id,)))
    if books.new_answers:
        calls.append(_answer_call(books, stamp))
    return [*calls, *write_holds.budget_calls(books, stamp)]


def _answer_call(books: Books, stamp: Stamp) -> Call:
    answers = sorted(books.new_answers.items(), key=lambda entry: entry[0])
    columns = (
        alike([key[0] for key, _ in answers], text_array),
        array([key[1] for key, _ in answers]),
        bytes_array([answer.fingerprint for _, answer in answers]),
        alike([answer.code for _, answer in answers]),
        bytes_array([answer.body for _, answer in answers]),
    )
    return Call(INSERT_ANSWERS, (*parameters(columns), stamp.now))
