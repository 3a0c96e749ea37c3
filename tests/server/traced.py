"""A server whose spans end in memory."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from inventory_grpc.server.app import Application
from inventory_grpc.v1 import common_pb2, orders_pb2
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from inventory_grpc.v1.products_pb2_grpc import ProductServiceStub
from inventory_grpc.v1.stock_pb2_grpc import StockServiceStub

if TYPE_CHECKING:
    from inventory_grpc.v1.orders_pb2_grpc import OrderServiceAsyncStub
    from inventory_grpc.v1.products_pb2_grpc import ProductServiceAsyncStub
    from inventory_grpc.v1.stock_pb2_grpc import StockServiceAsyncStub

Metadata = tuple[tuple[str, str | bytes], ...]

TOLD = "a customer's name"


def new_trace() -> str:
    return secrets.token_hex(16)


def metadata(trace_id: str, *, sampled: bool = True) -> Metadata:
    return (("traceparent", f"00-{trace_id}-{'ab' * 8}-{'01' if sampled else '00'}"),)


@dataclass
class Traced:
    """A server whose spans end in memory, and its clients."""

    application: Application
    channel: grpc.aio.Channel
    exporter: InMemorySpanExporter
    spans: Sequence[ReadableSpan] = field(default_factory=list)

    @property
    def orders(self) -> "OrderServiceAsyncStub":
        return OrderServiceStub(self.channel)

    @property
    def products(self) -> "ProductServiceAsyncStub":
        return ProductServiceStub(self.channel)

    @property
    def stock(self) -> "StockServiceAsyncStub":
        return StockServiceStub(self.channel)

    async def stop(self) -> None:
        """Nothing is recorded any more; ``spans`` has everything."""
        await self.channel.close()
        assert await self.application.stop()
        self.spans = self.exporter.get_finished_spans()

    async def order(self, trace_id: str, sku: str = "CUP") -> None:
        line = common_pb2.DemandLine(quantity=1)
        line.product.sku = sku
        request = orders_pb2.CreateOrderRequest(lines=[line], customer_reference=TOLD)
        await self.orders.CreateOrder(request, metadata=metadata(trace_id), timeout=20)

    def of_trace(self, trace_id: str) -> dict[str, ReadableSpan]:
        """The spans of one trace by name, each of which it has once."""
        found = [span for span in self.spans if trace_of(span) == trace_id]
        by_name = {span.name: span for span in found}
        assert len(by_name) == len(found)
        return by_name

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """In order of time."""
        children = [span for span in self.spans if parent_of(span) == id_of(parent)]
        return sorted(children, key=lambda span: span.start_time or 0)


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return format_trace_id(span.context.trace_id)


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return format_span_id(span.context.span_id)


def parent_of(span: ReadableSpan) -> str:
    return "" if span.parent is None else format_span_id(span.parent.span_id)


def attributes_of(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def within(inner: ReadableSpan, outer: ReadableSpan) -> bool:
    began, ended = outer.start_time or 0, outer.end_time or 0
    return began <= (inner.start_time or 0) and 0 < (inner.end_time or 0) <= ended
