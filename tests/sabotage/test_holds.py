"""Each guard of holds, and of what is decided on rows read without locks, is dropped in its turn.

Two calls that would end the same hold are kept apart three times: by the lock on the hold, by those
on the levels of its lines, and by the versions. What is seen without the first is not a hold that
ends twice, but stock that is kept from others by a call that waits for a hold.
"""

from typing import Final

import pytest

from tests.sabotage.harness import Copy, Sabotage, check_noticed, check_unbroken

_DELETED: Final = (
    "tests/store/test_engine_optimistic.py::test_nothing_is_promised_of_what_was_deleted_meanwhile"
)

SABOTAGES: Final = (
    Sabotage(
        "giving back what is due before anything is decided",
        "inventory_grpc/domain/holds.py",
        "for due in books.due:",
        "for due in ():",
        "tests/concurrency/test_hold_conversions.py"
        "::test_without_a_sweeper_an_order_takes_the_units_of_a_due_hold_at_once",
    ),
    Sabotage(
        "a clock that is read after the locks",
        "inventory_grpc/store/book_reads.py",
        "SELECT clock_timestamp() AS now)",
        "SELECT now() AS now)",
        "tests/concurrency/test_hold_races.py"
        "::test_a_hold_that_ends_while_somebody_waits_for_it_has_ended[convert]",
    ),
    Sabotage(
        "the lock on a hold before those on its stock",
        "inventory_grpc/store/prefetch.py",
        "calls.append(Call(locks.LOCK_HOLDS, (array(footprint.holds),)))",
        "pass",
        "tests/store/test_hold_writes.py::test_a_hold_is_locked_before_its_stock",
    ),
    Sabotage(
        "the locks on the levels of a hold's lines",
        "inventory_grpc/store/locks.py",
        "SELECT s.product_id FROM ({wanted}) w {LEVELS_WANTED}",
        "SELECT s.product_id FROM ({wanted.replace('= ANY (:holds)', 'IS NULL')}) w"
        " {LEVELS_WANTED}",
        "tests/store/test_hold_writes.py::test_a_hold_becomes_orders_part_by_part",
    ),
    Sabotage(
        "verifying what was read without locks",
        "inventory_grpc/engine/attempt.py",
        "verify = access is Access.VERIFIED",
        "verify = False",
        f"{_DELETED}[PRODUCT_NOT_FOUND]",
    ),
    Sabotage(
        "looking again whether what was read without locks is deleted",
        "inventory_grpc/store/write_stock.py",
        "Call(locks.VERIFY_LIVE, (ids, places)),",
        "",
        f"{_DELETED}[LOCATION_NOT_FOUND]",
    ),
    Sabotage(
        "passing by the rows that somebody holds, if they were read without locks",
        "inventory_grpc/store/locks.py",
        "AND s.version = v.version\n"
        "    ORDER BY s.product_id, s.location_id FOR NO KEY UPDATE OF s SKIP LOCKED) locked",
        "AND s.version = v.version\n"
        "    ORDER BY s.product_id, s.location_id FOR NO KEY UPDATE OF s) locked",
        "tests/store/test_optimistic_writes.py::test_a_locked_level_stops_the_write_without_a_wait",
    ),
    Sabotage(
        "looking again at what a caller holds",
        "inventory_grpc/store/write_holds.py",
        "calls.append(Call(VERIFY_BUDGETS, (callers, most, stamp.now)))",
        "pass",
        "tests/store/test_engine_holds.py"
        "::test_holds_made_on_two_servers_at_once_share_the_budget_of_their_caller[False]",
    ),
    Sabotage(
        "the time of a line that was due when it was read without locks",
        "inventory_grpc/store/write_holds.py",
        'also="(v.expired = t.expired OR v.expire_time = t.expire_time)",',
        "",
        "tests/store/test_optimistic_writes.py"
        "::test_a_hold_that_got_more_time_meanwhile_is_not_expired",
    ),
)


def test_the_named_tests_pass_while_every_guard_is_there(copy: Copy) -> None:
    check_unbroken(copy, SABOTAGES)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.guard)
def test_a_named_test_fails_without(copy: Copy, sabotage: Sabotage) -> None:
    check_noticed(copy, sabotage)
