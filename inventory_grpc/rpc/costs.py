"""What a call counts as against the limits of its caller: of which group it is, and how many rows.

Every method is of exactly one group, each of which has a limit of its own: too many orders are no
reason to refuse a look at the stock.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from operator import attrgetter
from typing import Final

from google.protobuf.message import Message

from inventory_grpc.rpc.reads.answers import KEYS_MAX
from inventory_grpc.rpc.writes.batch import ROWS_MAX


class Group(IntEnum):
    """Of methods that share a limit."""

    READS = 0
    """Of what is named; counts what it names."""
    WRITES = 1
    """Whatever may change something, also when it is only tried; a batch counts its rows."""
    SCANS = 2
    """Looks at as much as there is: lists, proofs, and the beginning of a stream of changes."""


_READS: Final[Mapping[str, str]] = {
    "HoldService": "GetHold",
    "LocationService": "GetLocation",
    "OrderService": "GetOrder BatchGetOrders",
    "ProductService": "GetProduct BatchGetProducts",
    "StockService": "GetStockLevel BatchGetAvailability",
}
_WRITES: Final[Mapping[str, str]] = {
    "HoldService": "CreateHold ExtendHold ConvertHold ReleaseHold",
    "LocationService": "CreateLocation UpdateLocation DeleteLocation",
    "OrderService": (
        "CreateOrder BatchCreateOrders UpdateOrderStatus BatchUpdateOrderStatus ShipOrder "
        "CancelOrder ReturnOrder"
    ),
    "ProductService": (
        "CreateProduct BatchCreateProducts UpdateProduct DeleteProduct UndeleteProduct"
    ),
    "StockService": "AdjustStock BatchAdjustStock SetStock SetStockPolicy TransferStock",
}
_SCANS: Final[Mapping[str, str]] = {
    "ChangeService": "WatchChanges",
    "HoldService": "ListHolds",
    "LocationService": "ListLocations",
    "OrderService": "ListOrders ListOrderEvents",
    "ProductService": "ListProducts",
    "StockService": "ListStockLevels ListStockMovements GetStockMovementSummary CheckConsistency",
}


def _methods(services: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        f"/inventory.v1.{service}/{name}"
        for service, names in services.items()
        for name in names.split()
    )


METHODS: Final[Mapping[Group, frozenset[str]]] = {
    Group.READS: _methods(_READS),
    Group.WRITES: _methods(_WRITES),
    Group.SCANS: _methods(_SCANS),
}

_ROWS: Final[Mapping[str, str]] = {
    "BatchAdjustStock": "requests",
    "BatchCreateOrders": "requests",
    "BatchCreateProducts": "requests",
    "BatchGetAvailability": "products",
    "BatchGetOrders": "order_ids",
    "BatchGetProducts": "products",
    "BatchUpdateOrderStatus": "requests",
}
_ROWS_MAX: Final = max(ROWS_MAX, KEYS_MAX)
"""Longer batches are refused without being looked at row by row."""

Rows = Callable[[Message], int]


def group_of(method: str) -> Group:
    """That of /package.Service/Method. Raises LookupError for one that is in none."""
    for group, methods in METHODS.items():
        if method in methods:
            return group
    raise LookupError(method)


def rows_of(method: str) -> Rows | None:
    """Tells how many rows a request of /package.Service/Method counts as; None: always one."""
    field = _ROWS.get(method.rpartition("/")[2])
    if field is None:
        return None
    rows: Callable[[Message], Sequence[object]] = attrgetter(field)
    return lambda request: min(max(len(rows(request)), 1), _ROWS_MAX)
