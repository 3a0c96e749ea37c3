"""Behind PgBouncer in transaction mode everything is as without: many connections, few sessions."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing

import grpc
import pytest

from inventory_grpc.v1 import common_pb2, errors_pb2, orders_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from tests.conftest import Database, Postgres, _made_empty, _passable_directory
from tests.server.harness import Server, reason_of, rich_status, running
from tests.server.pgbouncer import SESSIONS, PgBouncer, pooled, program
from tests.server.read_calls import READS, stocked
from tests.server.watching import Watch

# Small batches and many committers: many transactions at once want one of the few sessions.
_FLAGS = ("--pooler", "transaction", "--workers", "2", "--committers", "4", "--batch-lines-max=8")
_OF_PGBOUNCER = ("application_name", "client_encoding", "DateStyle", "TimeZone")
"""What it sets for the client that it gives a session to."""


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[Database]:
    """An empty one; the server migrates it."""
    program()
    with _made_empty(postgres) as each:
        yield each


@pytest.fixture(scope="module")
def pgbouncer(database: Database) -> Iterator[PgBouncer]:
    with _passable_directory() as directory, pooled(database, directory) as each:
        yield each


@pytest.fixture(scope="module")
def server(
    database: Database, pgbouncer: PgBouncer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    urls = {"database_url": pgbouncer.url, "migration_database_url": database.owner_url}
    with running(tmp_path_factory.mktemp("server") / "log", *_FLAGS, **urls) as each:
        yield each


def test_an_order_that_is_sent_many_times_at_once_is_placed_once(server: Server) -> None:
    _product(server, "ONCE", 10)
    request = orders_pb2.CreateOrderRequest(request_id=str(uuid.uuid4()), lines=[_line("ONCE")])
    calls = [stub.CreateOrder.future(request, timeout=30) for stub in _stubs(server, 16)]
    answers = {call.result().SerializeToString() for call in calls}
    answers.add(server.orders.CreateOrder(request, timeout=30).SerializeToString())
    assert len(answers) == 1
    assert _level(server, "ONCE") == (10, 1)


def test_orders_that_come_at_once_never_take_more_than_there_is(
    server: Server, database: Database, pgbouncer: PgBouncer
) -> None:
    for sku in ("HOT-1", "HOT-2"):
        _product(server, sku, 40)
    either_way = [_line("HOT-1"), _line("HOT-2")], [_line("HOT-2"), _line("HOT-1")]
    calls = [
        stub.CreateOrder.future(orders_pb2.CreateOrderRequest(lines=either_way[number % 2]))
        for number, stub in enumerate(_stubs(server, 64))
    ]
    assert Counter(map(_reason, calls)) == {"OK": 40, "INSUFFICIENT_STOCK": 24}
    assert [_level(server, sku) for sku in ("HOT-1", "HOT-2")] == [(40, 40), (40, 40)]
    clients = [each for each in pgbouncer.shown("CLIENTS") if each["database"] == database.name]
    assert len(clients) > _sessions(database), "nobody had to share"
    assert _sessions(database) == SESSIONS


def test_a_refusal_says_what_there_was(server: Server) -> None:
    _product(server, "FEW", 2)
    with pytest.raises(grpc.RpcError) as refused:
        server.orders.CreateOrder(orders_pb2.CreateOrderRequest(lines=[_line("FEW", 3)]))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(refused.value) == "INSUFFICIENT_STOCK"
    short = errors_pb2.InsufficientStock()
    assert any(each.Unpack(short) for each in rich_status(refused.value).details)
    [shortage] = short.shortages
    assert (shortage.requested, shortage.available) == (3, 2)


def test_every_read_answers_and_knows_what_its_caller_wrote(server: Server) -> None:
    shop = stocked(server)
    calls = []
    for ask in [*READS.values()] * 4:
        method, request = ask(server, shop)
        request.min_token = shop.resume_token
        calls.append(method.future(request, timeout=30))
    assert all(call.result().ByteSize() for call in calls)


def test_a_watcher_hears_of_an_order(server: Server) -> None:
    _product(server, "SEEN", 5)
    watch = Watch(server)
    placed = server.orders.CreateOrder(orders_pb2.CreateOrderRequest(lines=[_line("SEEN")]))
    heard = next(each for each in watch.changes() if each.HasField("order"))
    assert heard.order.order_id == placed.order.order_id
    watch.call.cancel()


def test_nothing_of_all_that_stays_in_a_session_and_the_books_are_right(
    server: Server, pgbouncer: PgBouncer
) -> None:
    *_, last = server.stock.CheckConsistency(stock_pb2.CheckConsistencyRequest(), timeout=60)
    assert last.summary.violations == 0
    with ExitStack() as stack:
        # All of them: a transaction keeps its session until it ends.
        conns = [stack.enter_context(closing(pgbouncer.connect())) for _ in range(SESSIONS)]
        left: dict[int, list[str]] = {}
        for conn in conns:
            cursor = conn.cursor()
            cursor.execute(
                "SELECT pg_backend_pid(), ARRAY(SELECT name FROM pg_prepared_statements)"
                " || ARRAY(SELECT name::text FROM pg_settings"
                " WHERE source = 'session' AND name <> ALL (%s))",
                (list(_OF_PGBOUNCER),),
            )
            left.update(cursor.fetchall())
    assert len(left) == SESSIONS
    assert not any(left.values()), left


def _product(server: Server, sku: str, quantity: int) -> None:
    server.products.CreateProduct(
        products_pb2.CreateProductRequest(
            product=products_pb2.Product(sku=sku, name=sku),
            initial_stock=[products_pb2.InitialStock(quantity=quantity)],
        ),
        timeout=30,
    )


def _line(sku: str, quantity: int = 1) -> common_pb2.DemandLine:
    return common_pb2.DemandLine(product=common_pb2.ProductKey(sku=sku), quantity=quantity)


def _stubs(server: Server, count: int) -> Iterator[OrderServiceStub]:
    """So many, of eight connections: both workers get some."""
    stubs = [OrderServiceStub(server.connect()) for _ in range(8)]
    for number in range(count):
        yield stubs[number % len(stubs)]


def _reason(call: grpc.Future) -> str:  # type: ignore[type-arg]
    try:
        call.result()
    except grpc.RpcError as error:
        return reason_of(error)
    return "OK"


def _level(server: Server, sku: str) -> tuple[int, int]:
    """On hand, allocated."""
    key = common_pb2.ProductKey(sku=sku)
    request = stock_pb2.GetStockLevelRequest(product=key)
    level = server.stock.GetStockLevel(request, timeout=30).stock_level
    return level.on_hand, level.allocated


def _sessions(database: Database) -> int:
    """How many PostgreSQL itself counts of the service's."""
    with closing(database.connect("superuser")) as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'inventory_service'"
        )
        [count] = cursor.fetchone() or [0]
    return int(count)
