"""The six services, each put together from its reads and its writes."""

from collections.abc import Callable
from typing import Any

from inventory_grpc.rpc.reads.changes import ChangeReads, WatchLimits
from inventory_grpc.rpc.reads.consistency import ConsistencyReads
from inventory_grpc.rpc.reads.holds import HoldReads
from inventory_grpc.rpc.reads.locations import LocationReads
from inventory_grpc.rpc.reads.orders import OrderReads
from inventory_grpc.rpc.reads.products import ProductReads
from inventory_grpc.rpc.reads.stock import StockReads
from inventory_grpc.rpc.writes.holds import HoldWrites
from inventory_grpc.rpc.writes.locations import LocationWrites
from inventory_grpc.rpc.writes.orders import OrderWrites
from inventory_grpc.rpc.writes.products import ProductWrites
from inventory_grpc.rpc.writes.stock import StockWrites
from inventory_grpc.services.changes import Changes
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.services.reads import Reads
from inventory_grpc.v1 import (
    changes_pb2_grpc,
    holds_pb2_grpc,
    locations_pb2_grpc,
    orders_pb2_grpc,
    products_pb2_grpc,
    stock_pb2_grpc,
)


class Services:
    """What every servicer needs."""

    def __init__(self, mutations: Mutations, reads: Reads) -> None:
        self.mutations = mutations
        self.reads = reads


class ProductServicer(Services, ProductReads, ProductWrites):
    """inventory.v1.ProductService."""


class LocationServicer(Services, LocationReads, LocationWrites):
    """inventory.v1.LocationService."""


class StockServicer(Services, StockReads, ConsistencyReads, StockWrites):
    """inventory.v1.StockService."""


class HoldServicer(Services, HoldReads, HoldWrites):
    """inventory.v1.HoldService."""


class OrderServicer(Services, OrderReads, OrderWrites):
    """inventory.v1.OrderService."""


class ChangeServicer(ChangeReads):
    """inventory.v1.ChangeService."""

    def __init__(self, changes: Changes, limits: WatchLimits) -> None:
        self.changes = changes
        self.watch_limits = limits


# The generated functions are typed for servicers that answer messages, given a context of gRPC's;
# ours answer bytes and are given less. They look methods up by name, and a missing one raises.
Registration = tuple[object, Callable[[Any, Any], None]]


def build_servicers(
    mutations: Mutations, reads: Reads, changes: Changes, limits: WatchLimits
) -> list[Registration]:
    """Every servicer with the generated function that registers it."""
    return [
        (
            ProductServicer(mutations, reads),
            products_pb2_grpc.add_ProductServiceServicer_to_server,
        ),
        (
            LocationServicer(mutations, reads),
            locations_pb2_grpc.add_LocationServiceServicer_to_server,
        ),
        (
            StockServicer(mutations, reads),
            stock_pb2_grpc.add_StockServiceServicer_to_server,
        ),
        (
            HoldServicer(mutations, reads),
            holds_pb2_grpc.add_HoldServiceServicer_to_server,
        ),
        (
            OrderServicer(mutations, reads),
            orders_pb2_grpc.add_OrderServiceServicer_to_server,
        ),
        (
            ChangeServicer(changes, limits),
            changes_pb2_grpc.add_ChangeServiceServicer_to_server,
        ),
    ]
