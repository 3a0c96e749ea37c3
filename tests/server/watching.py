"""Streams of changes, as a client sees them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import grpc

from inventory_grpc.v1 import changes_pb2, common_pb2, holds_pb2, orders_pb2, products_pb2
from inventory_grpc.v1.changes_pb2_grpc import ChangeServiceStub
from tests.server.harness import Server

KINDS: Final = {
    name.removeprefix("CHANGE_KIND_"): number for name, number in changes_pb2.ChangeKind.items()
}
SECONDS_MAX: Final = 30


class Watch:
    """One stream, established when it is made: what is committed from now on comes."""

    def __init__(
        self,
        server: Server,
        token: str = "",
        channel: grpc.Channel | None = None,
        seconds_max: float = SECONDS_MAX,
        **chosen: Any,
    ) -> None:
        request = changes_pb2.WatchChangesRequest(
            resume_token=token, filter=changes_pb2.ChangeFilter(**chosen)
        )
        stub = server.changes if channel is None else ChangeServiceStub(channel)
        self.call = stub.WatchChanges(request, timeout=seconds_max)
        self.token = token
        assert self.next().HasField("checkpoint")

    def next(self) -> changes_pb2.WatchChangesResponse:
        """The next message."""
        message = next(self.call)
        self.token = message.resume_token
        return message

    def changes(self) -> Iterator[changes_pb2.Change]:
        """Every change, without the checkpoints, until the stream ends."""
        for message in self.call:
            self.token = message.resume_token
            if message.HasField("change"):
                yield message.change

    def take(self, count: int) -> list[changes_pb2.Change]:
        """The next so many changes."""
        return list(islice(self.changes(), count))

    def until(self, event_id: str) -> list[changes_pb2.Change]:
        """Every change up to and including that one."""
        seen = []
        for change in self.changes():
            seen.append(change)
            if change.event_id == event_id:
                return seen
        raise AssertionError(f"the stream ended before {event_id}")

    def until_version(self, kind: str, version: int) -> list[changes_pb2.Change]:
        """Every change up to and including the first one of that kind with that version."""
        seen = []
        for change in self.changes():
            seen.append(change)
            if (change.kind, change.version) == (KINDS[kind], version):
                return seen
        raise AssertionError(f"the stream ended before version {version}")

    def refusal(self) -> grpc.RpcError:
        """How it fails, whatever comes before."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError as error:
            return error
        raise AssertionError("the stream ended well")


def refusal(server: Server, token: str = "", **chosen: Any) -> grpc.RpcError:
    """How a stream that cannot begin is refused."""
    request = changes_pb2.WatchChangesRequest(
        resume_token=token, filter=changes_pb2.ChangeFilter(**chosen)
    )
    try:
        message = next(server.changes.WatchChanges(request, timeout=SECONDS_MAX))
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"it was not refused: {message}")


def resource_of(change: changes_pb2.Change) -> tuple[str, ...]:
    """Which resource it is of."""
    match change.WhichOneof("resource"):
        case "product":
            return "product", change.product.product_id
        case "stock_level":
            level = change.stock_level
            return "stock_level", level.product_id, level.location_id
        case "hold":
            return "hold", change.hold.hold_id
        case _:
            return "order", change.order.order_id


def versions(changes: Iterable[changes_pb2.Change]) -> dict[tuple[str, ...], list[int]]:
    """The versions of each resource in the order they came; those of low stock left out."""
    found: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for change in changes:
        if change.kind not in {KINDS["LOW_STOCK"], KINDS["STOCK_RECOVERED"]}:
            found[resource_of(change)].append(change.version)
    return dict(found)


def create(server: Server, sku: str = "MUG", quantity: int = 10) -> products_pb2.Product:
    request = products_pb2.CreateProductRequest(
        product=products_pb2.Product(sku=sku, name=sku.title()),
        initial_stock=[products_pb2.InitialStock(quantity=quantity)] if quantity else [],
    )
    return server.products.CreateProduct(request, timeout=10).product


def line(sku: str, quantity: int) -> common_pb2.DemandLine:
    return common_pb2.DemandLine(product=common_pb2.ProductKey(sku=sku), quantity=quantity)


def order(server: Server, sku: str = "MUG", quantity: int = 1) -> orders_pb2.Order:
    request = orders_pb2.CreateOrderRequest(lines=[line(sku, quantity)])
    return server.orders.CreateOrder(request, timeout=10).order


def cancel(server: Server, order_id: str) -> orders_pb2.Order:
    request = orders_pb2.CancelOrderRequest(order_id=order_id)
    return server.orders.CancelOrder(request, timeout=10).order


def hold(server: Server, sku: str = "MUG", quantity: int = 1) -> holds_pb2.Hold:
    request = holds_pb2.CreateHoldRequest(lines=[line(sku, quantity)])
    request.ttl.FromSeconds(600)
    return server.holds.CreateHold(request, timeout=10).hold


def convert(server: Server, hold_id: str) -> orders_pb2.Order:
    request = holds_pb2.ConvertHoldRequest(hold_id=hold_id)
    return server.holds.ConvertHold(request, timeout=10).order
