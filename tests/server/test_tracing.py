"""Traces: one per call from the RPC to its SQL, also where a batch or a query is shared."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id

from inventory_grpc.server.app import Application
from inventory_grpc.settings import Settings
from inventory_grpc.v1 import common_pb2, orders_pb2, products_pb2, stock_pb2
from tests.conftest import Database
from tests.server.traced import (
    TOLD,
    Traced,
    attributes_of,
    id_of,
    metadata,
    new_trace,
    parent_of,
    trace_of,
    within,
)

CALLS = 50
CREATE_ORDER = "inventory.v1.OrderService/CreateOrder"


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Traced]:
    exporter = InMemorySpanExporter()
    application = await Application.start(
        Settings(database_url=database.url, listen="127.0.0.1:0"), exporter=exporter
    )
    await application.wait_ready()
    server = Traced(application, grpc.aio.insecure_channel(application.target), exporter)
    product = products_pb2.Product(sku="CUP", name="Cup")
    stock = products_pb2.InitialStock(quantity=1_000)
    await server.products.CreateProduct(
        products_pb2.CreateProductRequest(product=product, initial_stock=[stock]),
        # Of nobody's interest here.
        metadata=metadata(new_trace(), sampled=False),
    )
    yield server
    if not server.spans:
        await server.stop()


async def test_fifty_calls_at_once_have_a_trace_each_that_leads_to_the_sql_of_their_batch(
    server: Traced,
) -> None:
    traces = [new_trace() for _ in range(CALLS)]
    await asyncio.gather(*(server.order(trace_id) for trace_id in traces))
    await server.stop()

    batches = {id_of(batch): batch for batch in server.named("inventory.batch")}
    assert 1 <= len(batches) < CALLS
    linked_from: set[str] = set()
    for trace_id in traces:
        spans = server.of_trace(trace_id)
        call, commit = spans.pop(CREATE_ORDER), spans.pop("inventory.commit")
        assert spans == {}
        assert call.kind is SpanKind.SERVER
        assert parent_of(call) == "ab" * 8
        assert parent_of(commit) == id_of(call)
        (link,) = commit.links
        batch = batches[format_span_id(link.context.span_id)]
        linked_from |= {format_span_id(each.context.span_id) for each in batch.links}
        assert id_of(commit) in linked_from
        # It covers its time in the queue and in the batch, and the call covers it.
        assert within(batch, commit)
        assert within(commit, call)
    assert len(linked_from) == CALLS

    for batch in batches.values():
        assert batch.parent is None
        statements = server.below(batch)
        names = " ".join(span.name for span in statements).split()
        assert names[0] == "BEGIN"
        assert names[-1] == "COMMIT"
        assert {"insert_orders", "insert_movements", "insert_answers"} <= set(names)
        assert all(span.kind is SpanKind.CLIENT for span in statements)
        assert all(within(span, batch) for span in statements)
        assert attributes_of(batch)["inventory.commands"] == len(batch.links)


async def test_a_span_says_what_was_called_and_how_it_ended_by_the_conventions(
    server: Traced,
) -> None:
    trace_id = new_trace()
    await server.order(trace_id)
    await server.stop()
    call = server.of_trace(trace_id)[CREATE_ORDER]
    (batch,) = server.named("inventory.batch")
    expected = {
        "rpc.system": "grpc",
        "rpc.service": "inventory.v1.OrderService",
        "rpc.method": "CreateOrder",
        "rpc.grpc.status_code": 0,
        "inventory.caller": "anonymous",
        "inventory.batch_id": attributes_of(batch)["inventory.batch_id"],
    }
    attributes = attributes_of(call)
    assert attributes.pop("inventory.request_id")
    assert attributes == expected
    assert expected["inventory.batch_id"]
    assert call.resource.attributes["service.name"] == "inventory_grpc"
    for span in server.below(batch):
        assert attributes_of(span)["db.system.name"] == "postgresql"
        assert attributes_of(span)["db.query.summary"] == span.name


async def test_nothing_of_a_request_of_an_error_or_of_a_credential_is_in_a_span(
    server: Traced, database: Database
) -> None:
    await server.order(new_trace())
    with pytest.raises(grpc.aio.AioRpcError):
        await server.order(new_trace(), sku="NO-SUCH-THING")
    key = "a-key-that-nobody-should-see"
    await server.products.ListProducts(
        products_pb2.ListProductsRequest(filter=products_pb2.ProductFilter(query=TOLD)),
        metadata=(*metadata(new_trace()), ("x-api-key", key), ("authorization", f"Bearer {key}")),
    )
    await server.stop()
    everything = "".join(span.to_json() for span in server.spans)
    password = database.url.split(":")[2].split("@")[0]
    for secret in (TOLD, "CUP", "NO-SUCH-THING", key, password):
        assert secret not in everything
    assert not any(span.events for span in server.spans)


async def test_a_refusal_is_told_from_an_error(server: Traced, database: Database) -> None:
    refused, failed = new_trace(), new_trace()
    with pytest.raises(grpc.aio.AioRpcError):
        await server.order(refused, sku="NO-SUCH-THING")
    with database.connect("owner") as owner, owner.cursor() as cursor:
        cursor.execute("ALTER TABLE orders RENAME TO elsewhere")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await server.order(failed)
    assert error.value.code() is grpc.StatusCode.INTERNAL
    await server.stop()

    call = server.of_trace(refused)[CREATE_ORDER]
    assert attributes_of(call)["rpc.grpc.status_code"] == grpc.StatusCode.NOT_FOUND.value[0]
    assert attributes_of(call)["inventory.reason"] == "PRODUCT_NOT_FOUND"
    # It is its caller's; the server did what it should.
    assert call.status.status_code is StatusCode.UNSET

    spans = server.of_trace(failed)
    call = spans[CREATE_ORDER]
    assert attributes_of(call)["rpc.grpc.status_code"] == grpc.StatusCode.INTERNAL.value[0]
    assert call.status.status_code is StatusCode.ERROR
    assert call.status.description is None
    (link,) = spans["inventory.commit"].links
    (batch,) = [
        span
        for span in server.named("inventory.batch")
        if id_of(span) == format_span_id(link.context.span_id)
    ]
    assert batch.status.status_code is StatusCode.ERROR
    wrong = [span for span in server.below(batch) if span.status.status_code is StatusCode.ERROR]
    assert wrong
    assert {attributes_of(span)["error.type"] for span in wrong} == {"42P01"}


async def test_reads_that_share_a_query_are_linked_to_it(server: Traced) -> None:
    traces = [new_trace() for _ in range(CALLS)]
    request = stock_pb2.GetStockLevelRequest()
    request.product.sku = "CUP"
    await asyncio.gather(
        *(server.stock.GetStockLevel(request, metadata=metadata(each)) for each in traces)
    )
    await server.stop()
    queries = {id_of(query): query for query in server.named("inventory.query")}
    assert 1 <= len(queries) < CALLS
    for trace_id in traces:
        spans = server.of_trace(trace_id)
        read = spans["inventory.read"]
        assert parent_of(read) == id_of(spans["inventory.v1.StockService/GetStockLevel"])
        (link,) = read.links
        query = queries[format_span_id(link.context.span_id)]
        assert id_of(read) in {format_span_id(each.context.span_id) for each in query.links}
    for query in queries.values():
        # The first one of a connection comes behind what sets it up.
        assert server.below(query)[-1].name == "levels_by_key"


async def test_the_sql_of_a_read_of_one_s_own_is_part_of_its_trace(server: Traced) -> None:
    trace_id = new_trace()
    request = products_pb2.ListProductsRequest()
    await server.products.ListProducts(request, metadata=metadata(trace_id))
    await server.stop()
    (call,) = server.named("inventory.v1.ProductService/ListProducts")
    statements = server.below(call)
    assert "SELECT products" in {span.name for span in statements}
    for span in statements:
        assert trace_of(span) == trace_id
        assert span.kind is SpanKind.CLIENT
        assert within(span, call)


async def test_the_rows_of_a_batch_wait_together(server: Traced) -> None:
    trace_id = new_trace()
    request = orders_pb2.BatchCreateOrdersRequest(mode=common_pb2.BATCH_MODE_INDEPENDENT)
    for _ in range(10):
        request.requests.add().lines.add(quantity=1).product.sku = "CUP"
    await server.orders.BatchCreateOrders(request, metadata=metadata(trace_id))
    await server.stop()
    assert set(server.of_trace(trace_id)) == {
        "inventory.v1.OrderService/BatchCreateOrders",
        "inventory.commit",
    }
    (batch,) = server.named("inventory.batch")
    assert attributes_of(batch)["inventory.commands"] == 10


async def test_what_its_caller_does_not_record_is_not_recorded_here(server: Traced) -> None:
    await asyncio.gather(*(_unsampled(server) for _ in range(5)))
    recorded = new_trace()
    await asyncio.gather(server.order(recorded), *(_unsampled(server) for _ in range(5)))
    await server.stop()
    assert {trace_of(span) for span in server.named(CREATE_ORDER)} == {recorded}
    (batch,) = server.named("inventory.batch")
    assert len(batch.links) == 1


async def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(server: Traced) -> None:
    for broken in ("", "00", "00-zz-zz-01", "ff" * 200, f"00-{'0' * 32}-{'0' * 16}-01"):
        await server.products.ListProducts(
            products_pb2.ListProductsRequest(), metadata=(("traceparent", broken),)
        )
    await server.stop()
    calls = server.named("inventory.v1.ProductService/ListProducts")
    assert len({trace_of(call) for call in calls}) == 5
    assert all(call.parent is None for call in calls)


async def _unsampled(server: Traced) -> None:
    line = common_pb2.DemandLine(quantity=1)
    line.product.sku = "CUP"
    request = orders_pb2.CreateOrderRequest(lines=[line])
    await server.orders.CreateOrder(request, metadata=metadata(new_trace(), sampled=False))
