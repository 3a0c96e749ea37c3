"""What must not be written down, because each has done harm somewhere."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.tidy.sources import calls, every_file, name_of, place, python_files, texts

# Written with a class of one letter each, so that the rules do not find themselves.
_ANYWHERE: Final = {
    "a path of somebody's machine": r"(?<![\w.$}/])/(?:wor[k]|hom[e]/\w+|roo[t]|User[s]/\w+)/",
    "a registry": r"registry\.npmj[s]|\.pythonhoste[d]|pyp[i]\.org|[ =]--(?:extra-)?index-ur[l]",
    "something left to do": r"\b(?:TOD[O]|FIXM[E]|XX[X])\b",
}

_CODE = python_files("inventory_grpc", "migrations", "tests", "protos")
_PRODUCT = python_files("inventory_grpc", "migrations")
_TESTS = python_files("tests")

# What nobody announces has to be polled for, in one place.
_MAY_SLEEP = {"tests/server/harness.py"}
# Here the tables are made from the metadata to be compared with those of the migrations.
_MAY_CREATE_ALL = {"tests/migration/test_migration.py"}


@pytest.mark.parametrize("what", _ANYWHERE)
def test_no_file_names(what: str) -> None:
    banned = re.compile(_ANYWHERE[what])
    found = [
        f"{name_of(path)}:{number}: {line.strip()[:120]}"
        for path in every_file()
        for number, line in enumerate(_lines(path), start=1)
        if banned.search(line)
    ]
    assert found == []


def test_the_product_prints_nothing() -> None:
    assert _calls_of({"print", "pprint"}, _PRODUCT) == []


def test_tests_wait_for_events_and_do_not_sleep() -> None:
    waiting = [path for path in _TESTS if name_of(path) not in _MAY_SLEEP]
    assert _calls_of({"time.sleep", "sleep"}, waiting) == []


def test_the_schema_comes_from_migrations() -> None:
    code = [path for path in _CODE if name_of(path) not in _MAY_CREATE_ALL]
    assert _calls_of(lambda name: name.endswith(".create_all"), code) == []


def test_transactions_are_not_nested() -> None:
    assert _calls_of(lambda name: name.endswith(".begin_nested"), _CODE) == []


def test_no_page_is_found_by_counting_rows() -> None:
    assert _calls_of(lambda name: name.endswith(".offset"), _PRODUCT) == []
    counted = re.compile(r"\bOFFSE[T]\b", re.IGNORECASE)
    found = [
        place(path, text)
        for path in _PRODUCT
        for text in texts(path)
        if counted.search(str(text.value))
    ]
    assert found == []


def _calls_of(banned: set[str] | Callable[[str], bool], paths: list[Path]) -> list[str]:
    is_banned = banned.__contains__ if isinstance(banned, set) else banned
    return [place(path, node) for path in paths for name, node in calls(path) if is_banned(name)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []
