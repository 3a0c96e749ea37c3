"""Batches whose answer is more than a client takes in one message unless told otherwise: 4 MiB."""

from uuid import uuid4

import grpc
import pytest

from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from tests.conftest import Database
from tests.server.harness import Server, reason_of

_ROWS = 80
_LABELS = {f"label-{number}": "\N{GLOBE WITH MERIDIANS}" * 255 for number in range(64)}
"""65 KB for every order: as much as one may have."""
_DONE = "SELECT count(*) FROM orders WHERE version = 2"
_STORED = "SELECT count(*) FROM stored_answers"


@pytest.fixture
def large(server: Server) -> orders_pb2.BatchUpdateOrderStatusRequest:
    """Confirms orders that are 5 MiB together."""
    product = products_pb2.Product(sku="MUG", name="Mug")
    stock = [products_pb2.InitialStock(quantity=_ROWS)]
    server.products.CreateProduct(
        products_pb2.CreateProductRequest(product=product, initial_stock=stock)
    )
    line = common_pb2.DemandLine(product=common_pb2.ProductKey(sku="MUG"), quantity=1)
    row = orders_pb2.CreateOrderRequest(lines=[line], labels=_LABELS)
    batch = orders_pb2.BatchCreateOrdersRequest(requests=[row] * (_ROWS // 2))
    orders = [
        result.response.order
        for _ in range(2)
        for result in server.orders.BatchCreateOrders(batch).results
    ]
    return orders_pb2.BatchUpdateOrderStatusRequest(
        requests=[
            orders_pb2.UpdateOrderStatusRequest(
                order_id=order.order_id,
                status=orders_pb2.ORDER_STATUS_CONFIRMED,
                request_id=str(uuid4()),
            )
            for order in orders
        ]
    )


@pytest.mark.parametrize("dry", [True, False])
def test_an_atomic_batch_is_refused_before_it_is_done(
    server: Server,
    large: orders_pb2.BatchUpdateOrderStatusRequest,
    database: Database,
    dry: bool,
) -> None:
    before = _value(database, _STORED)
    large.validate_only = dry
    with pytest.raises(grpc.RpcError) as refused:
        server.orders.BatchUpdateOrderStatus(large)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == "ANSWER_TOO_LARGE"
    assert (_value(database, _DONE), _value(database, _STORED)) == (0, before)


def test_an_atomic_batch_of_a_part_of_the_rows_is_done(
    server: Server, large: orders_pb2.BatchUpdateOrderStatusRequest, database: Database
) -> None:
    del large.requests[_ROWS * 3 // 4 :]
    server.orders.BatchUpdateOrderStatus(large)
    assert _value(database, _DONE) == _ROWS * 3 // 4


def test_rows_of_an_independent_batch_are_told_to_a_client_that_takes_as_much(
    server: Server, large: orders_pb2.BatchUpdateOrderStatusRequest
) -> None:
    """Also to one that did not when the rows were done."""
    large.mode = common_pb2.BATCH_MODE_INDEPENDENT
    with pytest.raises(grpc.RpcError) as refused:
        server.orders.BatchUpdateOrderStatus(large)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(server.target, options) as channel:
        results = OrderServiceStub(channel).BatchUpdateOrderStatus(large).results
    assert [each.response.order.version for each in results] == [2] * _ROWS
    assert all(each.replayed for each in results)


def _value(database: Database, sql: str) -> object:
    with database.connect("superuser") as conn, conn.cursor() as cursor:
        cursor.execute(sql)
        [found] = cursor.fetchone() or [None]
    conn.close()
    return found
