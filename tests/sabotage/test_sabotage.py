"""Each guard of the write path is dropped from a copy of it, and a named test must notice.

A guard that can go without a test failing is not tested. The named tests also pass on the copy as
it is, so it is the missing guard that they notice.
"""

import pytest

from tests.sabotage.harness import Copy, Sabotage, check_noticed, check_unbroken

SECOND = (
    "tests/concurrency/test_hot_orders.py"
    "::test_the_second_server_decides_on_what_the_first_one_left"
)
LOCK_ORDER = (
    "tests/store/test_write_path.py"
    "::test_a_batch_that_waits_for_a_row_has_locked_only_what_sorts_before_it[unsorted]"
)
STALE = "tests/store/test_write_path.py::test_books_of_a_stale_version_are_not_written"
CUT = (
    "tests/store/test_write_path_idempotency.py"
    "::test_a_connection_cut_while_writing_costs_nothing[stored_answers]"
)
DELETED = (
    "tests/concurrency/test_catalogue_races.py"
    "::test_a_location_can_be_deleted_or_filled_but_not_both"
)


SABOTAGES = (
    Sabotage(
        "the row lock",
        "inventory_grpc/store/locks.py",
        "ORDER BY s.product_id, s.location_id FOR NO KEY UPDATE OF s) locked",
        "ORDER BY s.product_id, s.location_id) locked",
        SECOND,
    ),
    Sabotage(
        "the sort of the lock",
        "inventory_grpc/store/locks.py",
        "ORDER BY s.product_id, s.location_id FOR NO KEY UPDATE OF s) locked",
        "FOR NO KEY UPDATE OF s) locked",
        LOCK_ORDER,
    ),
    Sabotage(
        "reading after locking, with a snapshot that is newer than the locks",
        "inventory_grpc/store/link.py",
        'f"BEGIN ISOLATION LEVEL {settings.isolation};"',
        '"BEGIN ISOLATION LEVEL REPEATABLE READ;"',
        SECOND,
    ),
    Sabotage(
        "the version guard",
        "inventory_grpc/store/statements.py",
        'match += [f"t.{column} = v.{column}_read" for column in guards]',
        "match += []",
        STALE,
    ),
    Sabotage(
        "the stored answer's place in the transaction of its effect",
        "inventory_grpc/engine/attempt.py",
        "link.commit(calls)",
        "link.commit(calls[:-1]); link.begin(()); link.commit(calls[-1:])",
        CUT,
    ),
    Sabotage(
        "the lock that keeps new stock out of a location that is being deleted",
        "inventory_grpc/store/footprint.py",
        "footprint.emptied_locations.add(command.location_id)\n"
        "    footprint.strengthen(RowLock.UPDATE)",
        "footprint.emptied_locations.add(command.location_id)\n"
        "    footprint.strengthen(RowLock.NO_KEY_UPDATE)",
        DELETED,
    ),
    Sabotage(
        "the locks without which a location may be found in use, but not be deleted",
        "inventory_grpc/engine/attempt.py",
        "if access is Access.UNLOCKED and books.versions_read:",
        "if False:",
        "tests/store/test_engine_apart.py"
        "::test_a_location_that_somebody_holds_ends_in_lock_timeout",
    ),
)


def test_the_named_tests_pass_while_every_guard_is_there(copy: Copy) -> None:
    check_unbroken(copy, SABOTAGES)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.guard)
def test_a_named_test_fails_without(copy: Copy, sabotage: Sabotage) -> None:
    check_noticed(copy, sabotage)
