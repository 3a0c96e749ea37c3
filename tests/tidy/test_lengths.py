"""Functions and modules stay short enough to be read in one go."""

import ast
import statistics
from itertools import chain
from pathlib import Path
from typing import Final

from tests.tidy.sources import name_of, parsed, python_files

FUNCTION_LINES_MAX: Final = 60
SHORT_FUNCTION_LINES: Final = 25
SHORT_FUNCTIONS_MIN: Final = 0.9
MEDIAN_LINES_MAX: Final = 8
MODULE_LINES_MAX: Final = 300

# Too long already. They may shrink, and then leave this list; none may grow, none may join.
LONG_MODULES: Final = {
    "tests/concurrency/harness.py": 400,
    "tests/store/test_write_path.py": 400,
    "tests/store/test_write_path_idempotency.py": 400,
}
LONG_FUNCTIONS: Final = {
    "tests/server/refused_requests.py: refused": 125,
}

_PRODUCT = python_files("inventory_grpc")
_CODE = python_files("inventory_grpc", "migrations", "protos", "tests")


def test_no_module_is_long() -> None:
    long = {
        name_of(path): lines
        for path in _CODE
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES_MAX
    }
    _hold_to(long, LONG_MODULES)


def test_no_function_is_long() -> None:
    lengths = chain.from_iterable(_functions(path) for path in _CODE)
    _hold_to({name: lines for name, lines in lengths if lines > FUNCTION_LINES_MAX}, LONG_FUNCTIONS)


def test_most_functions_are_short() -> None:
    lengths = [lines for path in _PRODUCT for _, lines in _functions(path)]
    short = sum(lines <= SHORT_FUNCTION_LINES for lines in lengths) / len(lengths)
    assert short >= SHORT_FUNCTIONS_MIN
    assert statistics.median(lengths) <= MEDIAN_LINES_MAX


def _functions(path: Path) -> list[tuple[str, int]]:
    """Every function of a module and its lines, decorators aside, docstring included."""
    return [
        (f"{name_of(path)}: {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _hold_to(found: dict[str, int], known: dict[str, int]) -> None:
    grown = {name: lines for name, lines in found.items() if lines > known.get(name, 0)}
    assert grown == {}, "too long"
    assert set(known) - set(found) == set(), "short enough now: take it off the list"
