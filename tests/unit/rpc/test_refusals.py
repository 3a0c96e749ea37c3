"""Refusals that are built once say the same as those that are built anew."""

from collections.abc import Sequence

import pytest
from google.rpc import status_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain.errors import (
    DatabaseUnavailable,
    DomainError,
    Draining,
    LockTimeout,
    Overloaded,
    PermissionDenied,
    RateLimited,
    SkuTaken,
    Unauthenticated,
)
from inventory_grpc.rpc import refusals
from inventory_grpc.rpc.errors import CODE_OF_NUMBER, status_of
from inventory_grpc.rpc.refusals import KEPT_MAX, encoded

ALIKE: Sequence[Sequence[DomainError]] = (
    [
        RateLimited("shop", "writes_per_second", 5, 70),
        RateLimited("shop", "writes_per_second", 5, 71_003),
        RateLimited("shop", "writes_per_second", 6, 70),
        RateLimited("shop", "reads_per_second", 5, 70),
        RateLimited("store", "writes_per_second", 5, 70),
        RateLimited("shop", "writes_per_second", 5, 0),
    ],
    [Unauthenticated("the token has expired"), Unauthenticated("there is no credential")],
    [
        PermissionDenied("shop", "admin"),
        PermissionDenied("shop", "operator"),
        PermissionDenied("store", "admin"),
    ],
    [
        Overloaded("in_flight", retry_after_ms=250),
        Overloaded("watch_streams", retry_after_ms=250),
        Overloaded("in_flight", retry_after_ms=1_000),
    ],
    [Draining(), Draining(retry_after_ms=3), DatabaseUnavailable(), DatabaseUnavailable()],
    [LockTimeout(500), LockTimeout(501), SkuTaken("MUG", "1"), SkuTaken("CUP", "1")],
)


@pytest.mark.parametrize("alike", ALIKE)
def test_a_refusal_says_what_it_is_about_whatever_was_refused_before(
    alike: Sequence[DomainError],
) -> None:
    for refusal in (*alike, *reversed(alike)):
        code, text, serialized = encoded(refusal)
        expected = status_of(refusal)
        assert status_pb2.Status.FromString(serialized) == expected
        assert (code, text) == (CODE_OF_NUMBER[expected.code], expected.message)


def test_names_that_strangers_chose_fill_no_memory() -> None:
    for number in range(2 * KEPT_MAX):
        encoded(PermissionDenied(f"sub:{number}", "admin"))
        encoded(RateLimited("shop", "writes_per_second", 5, number))
    assert len(refusals._kept) <= KEPT_MAX
    assert refusals._wait.cache_info().currsize <= KEPT_MAX
