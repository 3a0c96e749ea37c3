"""Bad input over a real port: each answers its code, reason and details, and changes nothing."""

import grpc
import pytest

from inventory_grpc.v1 import common_pb2, locations_pb2, orders_pb2, products_pb2
from inventory_grpc.v1.common_pb2 import Money, ProductKey
from tests.conftest import Database
from tests.server.bad_requests import (
    MALFORMED,
    ORDERS,
    PRECONDITION,
    REQUEST_ID,
    UNKNOWN_ID,
    Bad,
    World,
    an_order,
)
from tests.server.harness import Server, trailers
from tests.server.refusals import contents, mismatch, send
from tests.server.refused_requests import refused


@pytest.fixture
def world(server: Server) -> World:
    """Two priced products with stock, a deleted one, two locations and an order."""
    server.locations.CreateLocation(
        locations_pb2.CreateLocationRequest(location=locations_pb2.Location(location_id="berlin"))
    )
    for sku, currency in (("MUG", "EUR"), ("CUP", "USD")):
        server.products.CreateProduct(
            products_pb2.CreateProductRequest(
                product=products_pb2.Product(
                    sku=sku, name=sku, price=Money(currency_code=currency, units=2)
                ),
                initial_stock=[products_pb2.InitialStock(quantity=10)],
            )
        )
    gone = server.products.CreateProduct(
        products_pb2.CreateProductRequest(product=products_pb2.Product(sku="GONE", name="Gone"))
    ).product
    server.products.DeleteProduct(
        products_pb2.DeleteProductRequest(product=ProductKey(product_id=gone.product_id))
    )
    order = server.orders.CreateOrder(an_order(2, request_id=REQUEST_ID)).order
    server.orders.CreateOrder(an_order(1))
    page = server.orders.ListOrders(orders_pb2.ListOrdersRequest(page_size=1))
    return World(server, order.order_id, gone.product_id, page.next_page_token)


def test_malformed_requests_name_every_field_and_change_nothing(
    world: World, database: Database
) -> None:
    before = contents(database)
    wrong = [(bad.title, wrong) for bad in MALFORMED if (wrong := mismatch(world.server, bad))]
    assert not wrong
    assert contents(database) == before


def test_what_does_not_fit_the_stored_state_is_refused_and_changes_nothing(
    world: World, database: Database
) -> None:
    before = contents(database)
    wrong = [(bad.title, wrong) for bad in refused(world) if (wrong := mismatch(world.server, bad))]
    assert not wrong
    after = contents(database)
    # The refusals themselves are kept, so that a retry answers the same.
    for kept in ("stored_answers", "commits"):
        del before[kept], after[kept]
    assert after == before


def test_a_malformed_row_of_an_independent_batch_harms_no_other(world: World) -> None:
    requests = [an_order(1), an_order(0), an_order(1, request_id="x"), an_order(10**9)]
    response = world.server.orders.BatchCreateOrders(
        orders_pb2.BatchCreateOrdersRequest(
            requests=requests, mode=common_pb2.BATCH_MODE_INDEPENDENT
        )
    )
    assert [each.WhichOneof("outcome") for each in response.results] == [
        "response",
        "error",
        "error",
        "error",
    ]
    errors = [each.error for each in response.results[1:]]
    fields = [[violation.field for violation in error.field_violations] for error in errors]
    assert fields == [["lines[0].quantity"], ["request_id"], []]
    assert errors[2].insufficient_stock.shortages[0].requested == 10**9


def test_an_atomic_batch_is_refused_with_its_first_failing_row(
    world: World, database: Database
) -> None:
    before = contents(database)
    bad = Bad(
        "",
        f"{ORDERS}/BatchCreateOrders",
        orders_pb2.BatchCreateOrdersRequest(
            requests=[an_order(1), an_order(10**9), an_order(10**9)]
        ),
        PRECONDITION,
        "INSUFFICIENT_STOCK",
        facts={"row": "1", "shortages_total": "1"},
        detail="InsufficientStock",
    )
    assert mismatch(world.server, bad) == ""
    assert contents(database) == before


def test_a_request_id_is_given_when_missing_and_replayed_when_known(world: World) -> None:
    _, given = world.server.orders.CreateOrder.with_call(an_order(1))
    made = dict(given.trailing_metadata())["request-id"]
    first, own = world.server.orders.CreateOrder.with_call(an_order(1, request_id=UNKNOWN_ID))
    assert made not in {"", UNKNOWN_ID}
    assert not {"request-id", "idempotent-replay"} & set(dict(own.trailing_metadata()))
    again, replay = world.server.orders.CreateOrder.with_call(
        an_order(1, request_id=UNKNOWN_ID.upper())
    )
    assert again == first
    assert dict(replay.trailing_metadata())["idempotent-replay"] == "true"
    row = world.server.orders.BatchCreateOrders(
        orders_pb2.BatchCreateOrdersRequest(requests=[an_order(1, request_id=UNKNOWN_ID.upper())])
    ).results[0]
    assert row.replayed
    assert row.response == first


def test_a_stored_refusal_is_replayed_with_its_details_byte_for_byte(world: World) -> None:
    statuses = []
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as raised:
            world.server.orders.CreateOrder(an_order(10**9, request_id=UNKNOWN_ID))
        statuses.append(trailers(raised.value))
    assert statuses[1].pop("idempotent-replay") == "true"
    assert statuses[0] == statuses[1]


def test_what_grpc_itself_refuses_has_a_code_alone(server: Server) -> None:
    big = orders_pb2.CreateOrderRequest(customer_reference="x" * 5_000_000).SerializeToString()
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    calls = [
        (exhausted, f"{ORDERS}/CreateOrder", big, (), 10.0),
        (exhausted, f"{ORDERS}/CreateOrder", b"", (("x", "y" * 60_000),), 10.0),
        (grpc.StatusCode.UNIMPLEMENTED, f"{ORDERS}/Nothing", b"", (), 10.0),
        (grpc.StatusCode.UNIMPLEMENTED, "/inventory.v1.Nothing/Nothing", b"", (), 10.0),
        (grpc.StatusCode.DEADLINE_EXCEEDED, f"{ORDERS}/CreateOrder", b"", (), -1.0),
    ]
    for code, method, raw, metadata, timeout in calls:
        with pytest.raises(grpc.RpcError) as raised:
            send(server, method, raw, timeout, metadata)
        assert raised.value.code() is code, method
        assert "grpc-status-details-bin" not in trailers(raised.value)
