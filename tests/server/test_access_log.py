"""One line per call says who did what and how it ended; none can be forged, none tells a secret."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2
from tests.conftest import Database
from tests.server.callers import CallerEntry, write_access
from tests.server.harness import Server, detail, poll_until, reason_of, running

FORGED = 'MUG\n{"event": "call", "caller": "forged"}\r\x1b[2J\x85\u2028'
"""What would end a line, begin another one and clear a terminal."""
PLANTED = "secret-of-somebody-else"
POISON = f"""
    CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION '{PLANTED}';
    END $$;
    CREATE TRIGGER poison BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION poison();
"""

MUG = products_pb2.CreateProductRequest(
    product=products_pb2.Product(sku="MUG", name="Mug"),
    initial_stock=[products_pb2.InitialStock(quantity=3)],
)


def order(
    quantity: int = 1, request_id: str = "", sku: str = "MUG"
) -> orders_pb2.CreateOrderRequest:
    line = common_pb2.DemandLine(product=common_pb2.ProductKey(sku=sku), quantity=quantity)
    return orders_pb2.CreateOrderRequest(lines=[line], request_id=request_id)


def refused(call: grpc.Future) -> grpc.RpcError:  # type: ignore[type-arg]
    with pytest.raises(grpc.RpcError) as error:
        call.result()
    return error.value


def lines(server: Server, count: int) -> list[dict[str, object]]:
    """So many calls, once they were written."""
    poll_until(lambda: len(server.events("call")) >= count)
    return server.events("call")


@pytest.fixture
def stocked(server: Server) -> Server:
    """Three mugs; the call that made them is the first line."""
    server.products.CreateProduct(MUG, timeout=10)
    return server


def test_a_line_says_what_was_called_by_whom_and_how_it_ended(
    stocked: Server, database: Database
) -> None:
    request_id = str(uuid4())
    for _ in range(2):
        stocked.orders.CreateOrder(order(request_id=request_id), timeout=10)
    refused(stocked.orders.CreateOrder.future(order(9), timeout=10))
    _made, done, again, short = lines(stocked, 4)
    assert done == {
        "event": "call",
        "level": "info",
        "logger": "inventory_grpc.access",
        "timestamp": done["timestamp"],
        "method": "/inventory.v1.OrderService/CreateOrder",
        "code": "OK",
        "duration_ms": done["duration_ms"],
        "caller": "anonymous",
        "peer": done["peer"],
        "request_id": request_id,
        "batch_id": batch_of(database, request_id),
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(done["timestamp"]))
    assert str(done["peer"]).startswith("ipv4:127.0.0.1:")
    assert (again["replayed"], again["request_id"], "batch_id" in again) == (
        True,
        request_id,
        False,
    )
    assert (short["code"], short["reason"]) == ("FAILED_PRECONDITION", "INSUFFICIENT_STOCK")
    assert short["batch_id"]


def batch_of(database: Database, request_id: str) -> str:
    """The commit that the ledger names for that request."""
    with database.connect() as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT commit_id::text FROM stock_movements WHERE request_id = %s", (request_id,)
        )
        [found] = cursor.fetchone() or [""]
    conn.close()
    return str(found)


def test_a_batch_says_why_it_was_refused_or_how_many_of_its_rows_were(stocked: Server) -> None:
    rows = [order(1), order(9), order(9)]
    atomic = orders_pb2.BatchCreateOrdersRequest(requests=rows)
    refused(stocked.orders.BatchCreateOrders.future(atomic, timeout=10))
    each = orders_pb2.BatchCreateOrdersRequest(
        requests=rows, mode=common_pb2.BATCH_MODE_INDEPENDENT
    )
    stocked.orders.BatchCreateOrders(each, timeout=10)
    _made, none, some = lines(stocked, 3)
    assert (none["reason"], bool(none["batch_id"])) == ("INSUFFICIENT_STOCK", True)
    assert (some["code"], some["rows_refused"], bool(some["batch_id"])) == ("OK", 2, True)


def test_health_checks_are_not_logged(stocked: Server) -> None:
    stocked.health()
    stocked.terminate()
    assert stocked.wait() == 0
    methods = [line["method"] for line in stocked.events("call")]
    assert methods == ["/inventory.v1.ProductService/CreateProduct"]


def test_no_line_is_lost_when_the_server_is_stopped(stocked: Server) -> None:
    for _ in range(50):
        stocked.orders.ListOrders(orders_pb2.ListOrdersRequest(), timeout=10)
    stocked.terminate()
    assert stocked.wait() == 0
    assert len(stocked.events("call")) == 51


@pytest.mark.parametrize(("which", "codes"), [("errors", ["NOT_FOUND"]), ("off", [])])
def test_there_can_be_fewer_lines(
    database: Database, tmp_path: Path, which: str, codes: list[str]
) -> None:
    flags = ("--no-migrate", "--access-log", which)
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        server.products.CreateProduct(MUG, timeout=10)
        missing = orders_pb2.GetOrderRequest(order_id=str(uuid4()))
        refused(server.orders.GetOrder.future(missing, timeout=10))
        server.terminate()
        assert server.wait() == 0
        assert [line["code"] for line in server.events("call")] == codes


def test_text_of_callers_forges_no_line(stocked: Server) -> None:
    """Whatever field it is in, of messages or of metadata."""
    metadata = (("planted-bin", FORGED.encode()),)
    planted = products_pb2.CreateProductRequest(
        product=products_pb2.Product(sku=FORGED, name=FORGED, labels={FORGED: FORGED}),
        request_id=FORGED,
    )
    calls: list[grpc.Future] = [  # type: ignore[type-arg]
        stocked.products.CreateProduct.future(planted, metadata=metadata, timeout=10),
        stocked.orders.CreateOrder.future(order(sku=FORGED), metadata=metadata, timeout=10),
        stocked.orders.CreateOrder.future(order(request_id=FORGED), timeout=10),
        stocked.orders.GetOrder.future(orders_pb2.GetOrderRequest(order_id=FORGED), timeout=10),
    ]
    for call in calls:
        refused(call)
    written = lines(stocked, 5)
    assert {line["caller"] for line in written} == {"anonymous"}
    raw = stocked.log.read_text()
    assert "forged" not in raw
    assert not any(ord(each) < 32 or 0x7F <= ord(each) < 0xA0 for each in raw.replace("\n", ""))
    assert all(json.loads(line)["event"] for line in raw.splitlines())


@pytest.fixture
def guarded(database: Database, tmp_path: Path) -> Iterator[tuple[Server, CallerEntry]]:
    """A server that knows one caller."""
    window = CallerEntry("window", "reader")
    path = write_access(tmp_path / "access.toml", [window])
    flags = ("--no-migrate", "--access-file", str(path), "--log-level", "debug")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        yield server, window


def test_a_caller_is_named_and_its_credentials_are_not(
    guarded: tuple[Server, CallerEntry], database: Database
) -> None:
    server, window = guarded
    wrong, token = "wrong-" + window.key, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."
    listing = orders_pb2.ListOrdersRequest()
    server.orders.ListOrders(listing, metadata=window.metadata, timeout=10)
    refused(server.orders.CreateOrder.future(order(), metadata=window.metadata, timeout=10))
    for metadata in ((("x-api-key", wrong),), (("authorization", f"Bearer {token}"),)):
        refused(server.orders.ListOrders.future(listing, metadata=metadata, timeout=10))
    told = [(line["caller"], line["code"]) for line in lines(server, 4)]
    assert told == [
        ("window", "OK"),
        ("window", "PERMISSION_DENIED"),
        ("anonymous", "UNAUTHENTICATED"),
        ("anonymous", "UNAUTHENTICATED"),
    ]
    server.terminate()
    assert server.wait() == 0
    raw = server.log.read_text()
    password = database.server.service.password
    assert password
    for secret in (window.key, wrong, token, str(password), database.url):
        assert secret not in raw


def test_a_bug_is_in_the_log_and_opaque_to_its_caller(stocked: Server, database: Database) -> None:
    with database.connect("owner") as conn, conn.cursor() as cursor:
        cursor.execute(POISON)
    conn.close()
    error = refused(stocked.orders.CreateOrder.future(order(), timeout=10))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert PLANTED not in str(error)
    assert PLANTED not in repr(error.trailing_metadata())
    line = lines(stocked, 2)[-1]
    assert (line["code"], line["reason"], line["level"]) == ("INTERNAL", "INTERNAL", "error")
    [bug] = [each for each in all_lines(stocked) if "exception" in each]
    assert PLANTED in str(bug["exception"])
    assert error_incident(error) in str(bug["event"])


def error_incident(error: grpc.RpcError) -> str:
    return str(detail(error, error_details_pb2.ErrorInfo()).metadata["incident"])


def all_lines(server: Server) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.log.read_text().splitlines()]
