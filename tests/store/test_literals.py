"""Columns as PostgreSQL reads them."""

import json
from collections.abc import Iterable, Sequence

import pytest

from inventory_grpc.store import columns
from inventory_grpc.store.columns import pairs_json
from inventory_grpc.store.statements import Alike, Value, alike, array, bytes_array


@pytest.mark.parametrize(
    ("values", "literal"),
    [
        ([], "{}"),
        (["a", "b"], "{a,b}"),
        ((each for each in "ab"), "{a,b}"),
        ((each for each in (1, 2)), "{1,2}"),
        ({"a": 1}.keys(), "{a}"),
        ([1, -2], "{1,-2}"),
        ([None, None], "{NULL,NULL}"),
        (["a", None, "b"], "{a,NULL,b}"),
        ([None, 1], "{NULL,1}"),
    ],
)
def test_an_array_of_what_needs_no_quotes(values: Iterable[str | int | None], literal: str) -> None:
    assert array(values) == literal


def test_an_array_of_bytes() -> None:
    assert bytes_array([b"", b"\x00\xff"]) == '{"\\\\x","\\\\x00ff"}'


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3], Alike("{}", 3)),
        ([None, None], Alike("{}", None)),
        (["a", "a", "a"], Alike("{}", "a")),
        (["a", "b", "a"], Alike("{a,b,a}", None)),
        ([1, 1, 2], Alike("{1,1,2}", None)),
    ],
)
def test_only_a_column_of_one_value_is_alike(values: Sequence[Value], expected: Alike) -> None:
    assert alike(values) == expected


@pytest.mark.parametrize("length", [0, 1, 4, 5, 1_000])
def test_pairs_of_numbers_as_json(length: int) -> None:
    pairs = tuple((number, 10 * number) for number in range(length))
    assert json.loads(pairs_json(pairs)) == [list(pair) for pair in pairs]


def test_only_few_pairs_are_kept() -> None:
    kept = columns._few_pairs_json.cache_info
    pairs_json(((7, 7),) * 4)
    size = kept().currsize
    pairs_json(((7, 7),) * 5)
    assert kept().currsize == size
