"""Traces on their way to a collector, by OTLP; and a server without the libraries for them."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from pathlib import Path
from queue import SimpleQueue

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN

from inventory_grpc.server.app import Application
from inventory_grpc.server.tracing import Tracing
from inventory_grpc.settings import Settings
from inventory_grpc.v1 import products_pb2
from inventory_grpc.v1.products_pb2_grpc import ProductServiceStub
from tests.conftest import Database
from tests.server.harness import Server, environment, running
from tests.server.traced import metadata, new_trace

LIST = "inventory.v1.ProductService/ListProducts"

# The command line, with the libraries of the extra out of reach.
_WITHOUT_THEM = """
import sys
sys.modules["opentelemetry"] = None
from inventory_grpc.cli import main
sys.argv = ["inventory-grpc", "serve", "--listen", "127.0.0.1:0", "--no-migrate", *sys.argv[1:]]
sys.exit(main())
"""


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.received: SimpleQueue[trace_service_pb2.ExportTraceServiceRequest] = SimpleQueue()

    def Export(  # noqa: N802 - gRPC's name
        self,
        request: trace_service_pb2.ExportTraceServiceRequest,
        context: grpc.ServicerContext,
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.received.put(request)
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def _collecting() -> Iterator[tuple[Collector, str]]:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield collector, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def test_they_arrive_at_the_collector_that_opentelemetry_s_variables_name(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _collecting() as (collector, endpoint):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-inventory")
        with _traced(database, tmp_path) as server:
            _list(server)
            # What is not sent yet is sent before it ends.
            server.terminate()
            assert server.wait() == 0
    requests = [collector.received.get_nowait() for _ in range(collector.received.qsize())]
    resources = [each for request in requests for each in request.resource_spans]
    spans = [s for each in resources for scope in each.scope_spans for s in scope.spans]
    assert LIST in {span.name for span in spans}
    told = {a.key: a.value.string_value for each in resources for a in each.resource.attributes}
    assert told["service.name"] == "shop-inventory"
    assert told["service.version"]


def test_a_collector_that_is_away_holds_up_nobody(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens there.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with _traced(database, tmp_path) as server:
        for _ in range(3):
            _list(server)
        server.terminate()
        assert server.wait() == 0


async def test_how_many_are_recorded_is_said_by_opentelemetry_s_variables(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    exporter = InMemorySpanExporter()
    settings = Settings(database_url=database.url, listen="127.0.0.1:0")
    application = await Application.start(settings, exporter=exporter)
    await application.wait_ready()
    async with grpc.aio.insecure_channel(application.target) as channel:
        products = ProductServiceStub(channel)
        await products.ListProducts(products_pb2.ListProductsRequest())
        recorded = metadata(new_trace())
        await products.ListProducts(products_pb2.ListProductsRequest(), metadata=recorded)
        product = products_pb2.Product(sku="CUP", name="Cup")
        await products.CreateProduct(
            products_pb2.CreateProductRequest(product=product), metadata=recorded
        )
    assert await application.stop()
    names = [span.name for span in exporter.get_finished_spans()]
    assert names.count(LIST) == 1
    # What is shared is recorded for whoever has a part in it.
    assert names.count("inventory.batch") == names.count("inventory.commit") == 1


async def test_a_batch_is_linked_to_all_of_its_calls_however_many() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter)
    spans = tracing._spans
    waits = [spans.wait("inventory.commit", INVALID_SPAN, time.monotonic()) for _ in range(1000)]
    Context().run(spans.share, "inventory.batch", waits, {}).end()
    await tracing.stop()
    (batch,) = exporter.get_finished_spans()
    assert len(batch.links) == 1000


def test_a_server_that_lacks_the_libraries_says_which_to_install(database: Database) -> None:
    # Said once, before there are workers that would be started again for ever.
    ended = _without_them(database, "--traces", "otlp", "--workers", "2")
    assert ended.returncode == 1
    assert ended.stderr == "--traces otlp needs: pip install 'inventory_grpc[server,otel]'\n"


def test_without_traces_it_needs_none_of_them(database: Database) -> None:
    # It gets as far as what is wrong with another setting.
    ended = _without_them(database, "--channelz-listen", "0.0.0.0:0")
    assert ended.stderr == "will not serve channelz on 0.0.0.0:0, where others can reach it\n"


def _without_them(database: Database, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_THEM, *flags],
        env=environment(database_url=database.url),
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


@contextmanager
def _traced(database: Database, tmp_path: Path) -> Iterator[Server]:
    flags = ("--no-migrate", "--traces", "otlp")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        yield server


def _list(server: Server) -> None:
    server.products.ListProducts(products_pb2.ListProductsRequest())
