"""Row locks are taken in one file, in one order: that is why transactions cannot deadlock."""

import re
from collections.abc import Iterator
from typing import Final

from inventory_grpc.store import locks
from inventory_grpc.store.statements import Statement
from tests.tidy.sources import calls, name_of, place, python_files, texts

_CLAUSE: Final = re.compile(
    r"\bFOR\s+(?:NO\s+KEY\s+UPDATE|UPDATE|KEY\s+SHARE|SHARE)\b", re.IGNORECASE
)
_ORDERED: Final = re.compile(r"ORDER\s+BY\s+[\w.]+(?:\s*,\s*[\w.]+)*\s+$", re.IGNORECASE)

_PRODUCT = python_files("inventory_grpc", "migrations")
# A table with a single row has one order only.
_SINGLE_ROW = {"inventory_grpc/store/migrate.py"}
_LOCKING = {"inventory_grpc/store/locks.py"}


def test_lock_clauses_stand_in_one_file() -> None:
    elsewhere = [
        place(path, text)
        for path in _PRODUCT
        if name_of(path) not in _LOCKING
        for text in texts(path)
        if _CLAUSE.search(str(text.value))
    ]
    assert elsewhere == []


def test_only_the_migration_runner_locks_through_sqlalchemy() -> None:
    locking = {
        name_of(path)
        for path in _PRODUCT
        for name, _ in calls(path)
        if name.endswith(".with_for_update")
    }
    assert locking == _SINGLE_ROW


def test_every_lock_is_taken_in_an_order_that_sql_sorts() -> None:
    clauses = 0
    for statement in _statements():
        for clause in _CLAUSE.finditer(statement.sql):
            before = statement.sql[: clause.start()]
            assert _ORDERED.search(before), f"{statement.name} locks rows as they come"
            clauses += 1
    assert clauses >= len(locks.LOCK_PRODUCTS) + len(locks.LOCK_LOCATIONS) + 2


def test_no_session_lock_and_no_table_lock_is_taken() -> None:
    heavy = re.compile(r"\bpg_(?:try_)?advisory_lock|\bLOCK\s+TABLE\b", re.IGNORECASE)
    found = [
        place(path, text)
        for path in _PRODUCT
        for text in texts(path)
        if heavy.search(str(text.value))
    ]
    assert found == []


def _statements() -> Iterator[Statement]:
    """All of the module's, whether or not somebody remembered to list them."""
    for value in vars(locks).values():
        if isinstance(value, Statement):
            yield value
        elif isinstance(value, dict):
            yield from (each for each in value.values() if isinstance(each, Statement))
