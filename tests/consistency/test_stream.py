"""CheckConsistency over a real port: what it streams, and how it ends."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.v1 import locations_pb2, stock_pb2
from inventory_grpc.v1.common_pb2 import ProductKey
from tests.concurrency.harness import run
from tests.conftest import Database
from tests.consistency.history import VERSION, Past, damage, tell
from tests.server.harness import (
    Server,
    blocked_statements,
    detail,
    locked,
    poll_until,
    reason_of,
    running,
)

_ALL = stock_pb2.CheckConsistencyRequest()
_SIX_RANGES = """
    INSERT INTO products (product_id, sku, name, description, version, create_time, update_time,
                          commit_id)
    SELECT md5(i::text)::uuid, 'P' || i, 'n', '', 1, now(), now(), md5('c')::uuid
      FROM generate_series(1, 3000) i
"""


@pytest.fixture
def single(database: Database, tmp_path: Path) -> Iterator[Server]:
    """A server with one connection for reads."""
    with running(
        tmp_path / "log", "--no-migrate", "--read-pool-size", "1", database_url=database.url
    ) as each:
        yield each


async def test_violations_come_first_and_the_summary_last(
    server: Server, database: Database
) -> None:
    past = await tell(database)
    [summary] = server.stock.CheckConsistency(_ALL)
    assert summary.WhichOneof("item") == "summary"
    assert (summary.summary.products, summary.summary.levels, summary.summary.violations) == (
        2, 3, 0,
    )  # fmt: skip
    damage(database, "UPDATE stock_levels SET allocated = 1 WHERE {level}", past)
    *found, summary = server.stock.CheckConsistency(_ALL)
    assert [each.violation for each in found] == [
        _violation(past, "ALLOCATED", 9, 1, VERSION),
        _violation(past, "ORDER_LINES", 9, 1, 0),
    ]
    assert summary.summary.violations == 2
    [summary] = server.stock.CheckConsistency(
        stock_pb2.CheckConsistencyRequest(products=[ProductKey(sku="CUP")])
    )
    assert summary.summary.products == 1


def _violation(
    past: Past, invariant: str, expected: int, actual: int, first_bad: int
) -> stock_pb2.CheckConsistencyResponse.Violation:
    return stock_pb2.CheckConsistencyResponse.Violation(
        invariant=invariant,
        product_id=past.product,
        location_id="default",
        expected=expected,
        actual=actual,
        first_bad_version=first_bad,
    )


async def test_a_number_of_any_size_is_reported(server: Server, database: Database) -> None:
    past = await tell(database)
    largest = "UPDATE stock_movements SET on_hand_delta = 9223372036854775807 WHERE {level}"
    damage(database, largest, past)
    found = [each.violation for each in server.stock.CheckConsistency(_ALL)]
    assert ("ON_HAND", 2**63 - 1, 100, 1) in [
        (each.invariant, each.expected, each.actual, each.first_bad_version) for each in found
    ]


def test_bad_keys_are_refused_with_every_violation(server: Server) -> None:
    keys = [ProductKey(sku="no spaces"), ProductKey(), *[ProductKey(sku="A")] * 1000]
    error = _ended(server, stock_pb2.CheckConsistencyRequest(products=keys))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(error) == "INVALID_FIELD"
    fields = detail(error, error_details_pb2.BadRequest()).field_violations
    assert [each.field for each in fields] == ["products", "products[0].sku", "products[1]"]


def test_unknown_products_are_refused(server: Server) -> None:
    keys = [ProductKey(sku="A"), ProductKey(sku="B")]
    error = _ended(server, stock_pb2.CheckConsistencyRequest(products=keys))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert reason_of(error) == "PRODUCT_NOT_FOUND"
    info = detail(error, error_details_pb2.ErrorInfo())
    assert info.metadata["missing"] == "sku:A,sku:B"


def test_a_check_that_is_out_of_time_ends_and_gives_its_connection_back(
    single: Server, database: Database
) -> None:
    with locked(database, "stock_movements"):
        error = _ended(single, _ALL, timeout=0.5)
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        # Its statement ended with it, though the table is locked still.
        _other_read_succeeds(single)


def test_a_cancelled_check_goes_on_to_no_other_range(single: Server, database: Database) -> None:
    run(database, _SIX_RANGES)
    with locked(database, "stock_movements"):
        answers = single.stock.CheckConsistency(_ALL, timeout=30)
        blocked_statements(database, 1)
        answers.cancel()
        assert answers.code() is grpc.StatusCode.CANCELLED
    # Whoever waited gets the table first; a range more would wait here, with the only connection.
    with locked(database, "stock_movements"):
        _other_read_succeeds(single)


def test_a_draining_server_ends_the_check_in_flight_and_takes_no_other(
    server: Server, database: Database
) -> None:
    run(database, _SIX_RANGES)
    with locked(database, "stock_movements"):
        answers = server.stock.CheckConsistency(_ALL, timeout=30)
        blocked_statements(database, 1)
        server.terminate()
        poll_until(lambda: bool(server.events("draining")))
        poll_until(lambda: _refusal(server) == "DRAINING")
    [summary] = answers
    assert summary.summary.products == 3000
    assert server.wait() == 0


def _refusal(server: Server) -> str:
    error = _ended(server, stock_pb2.CheckConsistencyRequest(products=[ProductKey(sku="A")]))
    return reason_of(error)


def _ended(
    server: Server, request: stock_pb2.CheckConsistencyRequest, timeout: float = 30
) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as ended:
        list(server.stock.CheckConsistency(request, timeout=timeout))
    return ended.value


def _other_read_succeeds(server: Server) -> None:
    default = locations_pb2.GetLocationRequest(location_id="default")
    assert server.locations.GetLocation(default, timeout=10).location.location_id == "default"
