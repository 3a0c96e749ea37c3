"""One caller's excess is refused, told when to come back, and nobody else's matter."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.client import ApiKey, InventoryClient
from inventory_grpc.domain.caller import Limits
from inventory_grpc.server.quotas import default_limits, threads_at_once
from inventory_grpc.settings import Settings
from inventory_grpc.v1 import changes_pb2, orders_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.common_pb2 import DemandLine, ProductKey
from tests.concurrency.harness import value
from tests.conftest import Database, Postgres, _made
from tests.server.callers import OK, PERMISSION_DENIED, CallerEntry, outcome, write_access
from tests.server.harness import (
    Server,
    blocked_statements,
    code_of,
    detail,
    locked,
    poll_until,
    reason_of,
    running,
    trailers,
)

MUG: Final = ProductKey(sku="MUG")
RATE_LIMITED: Final = ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
KEEPER: Final = CallerEntry("keeper", "operator")
HONEST: Final = CallerEntry("honest", "writer")
"""Has no limits of its own, like the keeper."""


def _limited(**limits: int) -> CallerEntry:
    """A caller for one test, with buckets that nobody has taken from."""
    return CallerEntry(f"greedy-{uuid4().hex[:8]}", "writer", limits=limits)


HASTY, BULKY, CURIOUS, BUSY, WATCHER, PATIENT, WINDOW = (
    _limited(writes_per_second=2),
    _limited(writes_per_second=1),
    _limited(reads_per_second=1),
    _limited(in_flight=2),
    _limited(watch_streams=1),
    _limited(writes_per_second=10),
    CallerEntry("window", "reader", limits={"reads_per_second": 1, "writes_per_second": 1}),
)
CALLERS: Final = (KEEPER, HONEST, HASTY, BULKY, CURIOUS, BUSY, WATCHER, PATIENT, WINDOW)


@pytest.fixture(scope="module")
def database(postgres: Postgres, template: str) -> Iterator[Database]:
    """One for the tests of this module."""
    with _made(postgres, f"TEMPLATE {template}") as each:
        yield each


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_access(tmp_path_factory.mktemp("access") / "access.toml", CALLERS)


@pytest.fixture(scope="module")
def server(database: Database, path: Path) -> Iterator[Server]:
    flags = ("--no-migrate", "--access-file", str(path), "--statement-timeout-ms", "60000")
    with running(path.with_name("log"), *flags, database_url=database.url) as each:
        each.products.CreateProduct(
            products_pb2.CreateProductRequest(
                product=products_pb2.Product(sku="MUG", name="Mug"),
                initial_stock=[products_pb2.InitialStock(quantity=100_000)],
            ),
            metadata=KEEPER.metadata,
        )
        yield each


def _order(request_id: str = "") -> orders_pb2.CreateOrderRequest:
    return orders_pb2.CreateOrderRequest(
        lines=[DemandLine(product=MUG, quantity=1)], request_id=request_id
    )


def _ordering(server: Server, caller: CallerEntry) -> Callable[[], Any]:
    return lambda: server.orders.CreateOrder(_order(), metadata=caller.metadata, timeout=30)


def _refused(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    assert reason_of(refused.value) == "RATE_LIMITED"
    return refused.value


def _retry_ms(refused: grpc.RpcError) -> int:
    """The same in both places that clients look at."""
    retry = detail(refused, error_details_pb2.RetryInfo())
    told: int = retry.retry_delay.ToMilliseconds()
    assert int(trailers(refused)["grpc-retry-pushback-ms"]) == told
    return told


def _orders_of(database: Database, caller: CallerEntry) -> tuple[int, int]:
    """Orders and stored answers that are there because of the caller."""
    orders = "SELECT count(DISTINCT order_id) FROM stock_movements WHERE actor = %s"
    answers = "SELECT count(*) FROM stored_answers WHERE caller = %s"
    return value(database, orders, caller.name), value(database, answers, caller.name)


def test_who_asks_for_ten_times_its_quota_is_refused_the_excess_and_nobody_else_anything(
    server: Server, database: Database
) -> None:
    greedy = [
        server.orders.CreateOrder.future(_order(), metadata=HASTY.metadata, timeout=30)
        for _ in range(20)
    ]
    honest = [outcome(_ordering(server, HONEST)) for _ in range(20)]
    results = [outcome(call.result) for call in greedy]
    assert honest == [OK] * 20
    assert set(results) == {OK, RATE_LIMITED}
    done = results.count(OK)
    # A second's worth at once; more only if this took its time.
    assert done >= 2
    assert _orders_of(database, HASTY) == (done, done)


def test_a_refusal_says_of_which_limit_and_when_to_come_back(server: Server) -> None:
    caller = HASTY
    while outcome(_ordering(server, caller)) == OK:
        pass
    refused = _refused(_ordering(server, caller))
    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert 1 <= _retry_ms(refused) <= 500
    info = detail(refused, error_details_pb2.ErrorInfo())
    assert dict(info.metadata) == {"limit": "writes_per_second", "allowed": "2"}
    [violation] = detail(refused, error_details_pb2.QuotaFailure()).violations
    assert violation.subject == f"caller:{caller.name}"
    assert (violation.quota_id, violation.quota_value) == ("writes_per_second", 2)


def test_the_rows_of_a_batch_are_paid_for_afterwards(server: Server, database: Database) -> None:
    batch = orders_pb2.BatchCreateOrdersRequest(requests=[_order() for _ in range(1_000)])
    server.orders.BatchCreateOrders(batch, metadata=BULKY.metadata, timeout=60)
    refused = _refused(_ordering(server, BULKY))
    # A thousand seconds less what has passed since.
    assert 600_000 < _retry_ms(refused) <= 1_000_000
    lookup = lambda: server.orders.GetOrder(  # noqa: E731
        orders_pb2.GetOrderRequest(order_id=str(uuid4())), metadata=BULKY.metadata, timeout=10
    )
    assert outcome(lookup) == ("NOT_FOUND", "ORDER_NOT_FOUND")
    assert _orders_of(database, BULKY) == (1_000, 1_000)


def test_what_a_batch_of_reads_names_counts_too(server: Server) -> None:
    products = [ProductKey(sku=f"S-{number}") for number in range(900)]
    server.stock.BatchGetAvailability(
        stock_pb2.BatchGetAvailabilityRequest(products=products),
        metadata=CURIOUS.metadata,
        timeout=30,
    )
    looking = lambda: server.products.GetProduct(  # noqa: E731
        products_pb2.GetProductRequest(product=MUG), metadata=CURIOUS.metadata, timeout=30
    )
    refused = _refused(looking)
    assert 600_000 < _retry_ms(refused) <= 900_000
    assert outcome(_ordering(server, CURIOUS)) == OK


def test_only_so_many_calls_of_a_caller_wait_at_once(server: Server, database: Database) -> None:
    request = orders_pb2.GetOrderRequest(order_id=str(uuid4()))

    def listing(caller: CallerEntry) -> tuple[str, str]:
        wanted = products_pb2.ListProductsRequest()
        return outcome(
            lambda: server.products.ListProducts(wanted, metadata=caller.metadata, timeout=30)
        )

    with locked(database, "orders"):
        waiting = [
            server.orders.GetOrder.future(request, metadata=BUSY.metadata, timeout=60)
            for _ in range(2)
        ]
        blocked_statements(database, 1)
        # The second may still be on its way.
        poll_until(lambda: listing(BUSY) == RATE_LIMITED)
        # The database is not asked: it would not answer.
        refused = _refused(
            lambda: server.orders.GetOrder(request, metadata=BUSY.metadata, timeout=30)
        )
        assert listing(HONEST) == OK
    info = detail(refused, error_details_pb2.ErrorInfo())
    assert dict(info.metadata) == {"limit": "in_flight", "allowed": "2"}
    assert _retry_ms(refused) > 0
    assert [code_of(call) for call in waiting] == [grpc.StatusCode.NOT_FOUND] * 2
    # Both places are free again.
    assert listing(BUSY) == OK


def test_only_so_many_streams_of_a_caller_last_at_once(server: Server) -> None:
    def watch(caller: CallerEntry) -> Any:
        call = server.changes.WatchChanges(
            changes_pb2.WatchChangesRequest(), metadata=caller.metadata, timeout=60
        )
        assert next(call).HasField("checkpoint")
        return call

    first = watch(WATCHER)
    refused = _refused(lambda: watch(WATCHER))
    info = detail(refused, error_details_pb2.ErrorInfo())
    assert dict(info.metadata) == {"limit": "watch_streams", "allowed": "1"}
    others = [watch(HONEST), watch(HONEST)]
    # Calls are counted apart from streams.
    assert outcome(_ordering(server, WATCHER)) == OK
    first.cancel()
    poll_until(lambda: outcome(lambda: watch(WATCHER).cancel()) == OK)
    for each in others:
        each.cancel()


def test_our_client_waits_as_told_and_succeeds(server: Server, database: Database) -> None:
    credentials = ApiKey(PATIENT.key)
    with InventoryClient(server.target, credentials=credentials) as client:
        began = time.monotonic()
        client.batch_create_orders([_order(str(uuid4())) for _ in range(21)])
        _refused(_ordering(server, PATIENT))
        for _ in range(3):
            client.create_order([("MUG", 1)])
        passed = time.monotonic() - began
    assert _orders_of(database, PATIENT) == (24, 24)
    # Ten at once, the others one after the other.
    assert passed >= (24 - 10) / 10


def test_who_may_not_call_at_all_is_told_so_however_often(server: Server) -> None:
    assert [outcome(_ordering(server, WINDOW)) for _ in range(10)] == [PERMISSION_DENIED] * 10


def test_what_is_no_message_of_the_method_counts_as_a_call(server: Server) -> None:
    raw: Any = server.channel.unary_unary("/inventory.v1.OrderService/GetOrder")
    sending = lambda: raw(b"\xff", metadata=WINDOW.metadata, timeout=10)  # noqa: E731
    outcomes = {outcome(sending) for _ in range(20)}
    assert outcomes == {("INVALID_ARGUMENT", "MALFORMED_REQUEST"), RATE_LIMITED}


def test_new_limits_in_the_file_count_from_the_next_call_on(server: Server, path: Path) -> None:
    while outcome(_ordering(server, BULKY)) == OK:
        pass
    freed = CallerEntry(BULKY.name, BULKY.role, BULKY.key, limits={"writes_per_second": 0})
    write_access(path, [freed if each is BULKY else each for each in CALLERS])
    poll_until(lambda: len(server.events("access_file_read")) > 1)
    assert [outcome(_ordering(server, freed)) for _ in range(5)] == [OK] * 5


def test_without_identities_the_limits_are_everybody_s_together(
    database: Database, tmp_path: Path
) -> None:
    flags = ("--no-migrate", "--caller-writes-per-second", "1")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        outcomes = {
            outcome(lambda: server.orders.CreateOrder(_order(), timeout=30)) for _ in range(20)
        }
        assert outcomes == {OK, RATE_LIMITED}
        reads = [
            outcome(
                lambda: server.products.GetProduct(
                    products_pb2.GetProductRequest(product=MUG), timeout=30
                )
            )
            for _ in range(20)
        ]
    assert reads == [OK] * 20


def test_one_of_several_callers_may_have_three_quarters_of_what_there_is() -> None:
    everybody = Settings(in_flight_max=100, watch_streams_max=10)
    assert default_limits(everybody) == Limits(0, 0, 0, 0, 0)
    several = everybody.model_copy(update={"access_file": Path("/access.toml")})
    assert default_limits(several) == Limits(0, 0, 0, 75, 8)
    told = several.model_copy(update={"caller_in_flight_max": 7, "caller_watch_streams_max": 0})
    assert default_limits(told) == Limits(0, 0, 0, 7, 0)
    assert threads_at_once(everybody) == 8
    assert threads_at_once(several) == 6
    for size, share in ((1, 1), (2, 1), (3, 2)):
        assert threads_at_once(several.model_copy(update={"read_pool_size": size})) == share
