"""Each guard of the write path is dropped from a copy of it, and a named test must notice.

A guard that can go without a test failing is not tested. The named tests also pass on the copy as
it is, so it is the missing guard that they notice.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

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


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One guard, how to drop it, and the test that must fail without it."""

    guard: str
    file: str
    text: str
    instead: str
    test: str


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
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """All that the tests need, to be broken at will."""
    for name in ("inventory_grpc", "migrations", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def pytest_in(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run the copy's tests against the copy's package, in a process of their own."""
    flags = ("-q", "-ra", "--tb=line", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *flags, *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def drop(copy: Path, sabotage: Sabotage) -> None:
    path = copy / sabotage.file
    source = path.read_text()
    assert source.count(sabotage.text) == 1, f"{sabotage.guard} does not read like that any more"
    path.write_text(source.replace(sabotage.text, sabotage.instead))


def test_the_named_tests_pass_while_every_guard_is_there(copy: Path) -> None:
    named = sorted({each.test for each in SABOTAGES})
    done = pytest_in(copy, *named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(named)} passed" in done.stdout


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.guard)
def test_a_named_test_fails_without(copy: Path, sabotage: Sabotage) -> None:
    drop(copy, sabotage)
    done = pytest_in(copy, sabotage.test)
    # 1 is "tests failed": not that none was found, nor that one could not be collected.
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert re.search(rf"^FAILED {re.escape(sabotage.test)}", done.stdout, re.MULTILINE), done.stdout
    assert "1 failed" in done.stdout
    assert "error" not in done.stdout.splitlines()[-1]
    print(done.stdout[-600:])
