"""List requests to questions.

A question made while violations were found is not valid; the caller drops it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.change_filter import ChangeFilter
from inventory_grpc.domain.changes import ChangeKind
from inventory_grpc.domain.model import Money, MovementKind, ProductKey
from inventory_grpc.domain.reads import (
    HoldQuery,
    MovementQuery,
    OrderQuery,
    ProductOrder,
    ProductQuery,
    StockLevelQuery,
)
from inventory_grpc.domain.status import HoldStatus, OrderStatus
from inventory_grpc.rpc import validate, validate_values
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import (
    changes_pb2,
    common_pb2,
    holds_pb2,
    orders_pb2,
    products_pb2,
    stock_pb2,
)

QUERY_MAX: Final = 255
"""Characters of a product query."""
VALUES_MAX: Final = 100
"""Entries of a list of states or kinds; more can only repeat."""

_AT: Final = "filter."
_ORDERS: Final[Mapping[int, ProductOrder]] = {0: ProductOrder.CREATE_TIME} | {
    int(each): each for each in ProductOrder
}
_STATUSES: Final = {int(each): each for each in OrderStatus}
_HOLD_STATUSES: Final = {int(each): each for each in HoldStatus}
_KINDS: Final = {int(each): each for each in MovementKind}
_CHANGE_KINDS: Final = {int(each): each for each in ChangeKind}

E = TypeVar("E", bound=IntEnum)


def products(request: products_pb2.ListProductsRequest, found: Violations) -> ProductQuery:
    """Filter and order of ListProducts."""
    given = request.filter
    query = validate.text(given.query, QUERY_MAX, found, _AT, "query")
    least, most = _prices(given, found)
    labels = validate.labels(given.labels, found, _AT, "labels")
    return ProductQuery(
        words=tuple(dict.fromkeys(query.split())),
        sku_prefix=validate.sku_prefix(given.sku_prefix, found, _AT, "sku_prefix"),
        min_price=least,
        max_price=most,
        in_stock=given.in_stock if given.HasField("in_stock") else None,
        low_stock=given.low_stock if given.HasField("low_stock") else None,
        labels=tuple(sorted(labels.items())),
        show_deleted=given.show_deleted,
        order_by=validate.enum(request.order_by, _ORDERS, found, "", "order_by"),
        descending=request.descending,
    )


def stock_levels(request: stock_pb2.ListStockLevelsRequest, found: Violations) -> StockLevelQuery:
    """Filter of ListStockLevels."""
    given = request.filter
    return StockLevelQuery(
        product=_product(given.product if given.HasField("product") else None, found),
        location_id=validate.optional_location_id(given.location_id, found, _AT, "location_id"),
        low_stock=given.low_stock if given.HasField("low_stock") else None,
    )


def movements(given: stock_pb2.StockMovementFilter, found: Violations) -> MovementQuery:
    """Filter of ListStockMovements and GetStockMovementSummary."""
    return MovementQuery(
        product=_product(given.product if given.HasField("product") else None, found),
        location_id=validate.optional_location_id(given.location_id, found, _AT, "location_id"),
        kinds=_each_once(given.kinds, _KINDS, found, "kinds"),
        order_id=validate.optional_uuid(given.order_id, found, _AT, "order_id"),
        hold_id=validate.optional_uuid(given.hold_id, found, _AT, "hold_id"),
        request_id=validate.optional_uuid(given.request_id, found, _AT, "request_id"),
        start_time=_time(
            given.start_time if given.HasField("start_time") else None, found, "start_time"
        ),
        end_time=_time(given.end_time if given.HasField("end_time") else None, found, "end_time"),
    )


def orders(request: orders_pb2.ListOrdersRequest, found: Violations) -> OrderQuery:
    """Filter of ListOrders."""
    given = request.filter
    reference = given.customer_reference
    return OrderQuery(
        statuses=_each_once(given.statuses, _STATUSES, found, "statuses"),
        product=_product(given.product if given.HasField("product") else None, found),
        customer_reference=validate.reference(reference, found, _AT, "customer_reference"),
        created_after=_time(
            given.created_after if given.HasField("created_after") else None, found, "created_after"
        ),
        created_before=_time(
            given.created_before if given.HasField("created_before") else None,
            found,
            "created_before",
        ),
    )


def holds(request: holds_pb2.ListHoldsRequest, found: Violations) -> HoldQuery:
    """Filter of ListHolds."""
    given = request.filter
    return HoldQuery(
        statuses=_each_once(given.statuses, _HOLD_STATUSES, found, "statuses"),
        owner_reference=validate.reference(given.owner_reference, found, _AT, "owner_reference"),
        product=_product(given.product if given.HasField("product") else None, found),
        expires_before=_time(
            given.expires_before if given.HasField("expires_before") else None,
            found,
            "expires_before",
        ),
    )


def changes(request: changes_pb2.WatchChangesRequest, found: Violations) -> ChangeFilter:
    """Filter of WatchChanges."""
    given = request.filter
    return ChangeFilter(
        kinds=frozenset(_each_once(given.kinds, _CHANGE_KINDS, found, "kinds")),
        product_ids=_ids(given.product_ids, validate.uuid, found, "product_ids"),
        location_ids=_ids(given.location_ids, validate.location_id, found, "location_ids"),
        order_ids=_ids(given.order_ids, validate.uuid, found, "order_ids"),
        hold_ids=_ids(given.hold_ids, validate.uuid, found, "hold_ids"),
    )


def _ids(
    values: Sequence[str],
    check: Callable[[str, Violations, str, str], str],
    found: Violations,
    name: str,
) -> frozenset[str]:
    looked_at = range(validate.count(values, (0, VALUES_MAX), found, _AT + name))
    return frozenset(check(values[index], found, _AT, f"{name}[{index}]") for index in looked_at)


def _product(given: common_pb2.ProductKey | None, found: Violations) -> ProductKey | None:
    return None if given is None else validate.product_key(given, found, _AT, "product")


def _time(given: Timestamp | None, found: Violations, name: str) -> datetime | None:
    return None if given is None else validate_values.timestamp(given, found, _AT, name)


def _prices(
    given: products_pb2.ProductFilter, found: Violations
) -> tuple[Money | None, Money | None]:
    least = most = None
    if given.HasField("min_price"):
        least = validate_values.price(given.min_price, found, _AT, "min_price")
    if given.HasField("max_price"):
        most = validate_values.price(given.max_price, found, _AT, "max_price")
    if least is not None and most is not None and least.currency != most.currency:
        found.add("filter.max_price.currency_code", "must be the currency of min_price")
    return least, most


def _each_once(
    values: Sequence[int], known: Mapping[int, E], found: Violations, name: str
) -> tuple[E, ...]:
    """Sorted, so that the same set in another order is the same question."""
    looked_at = range(validate.count(values, (0, VALUES_MAX), found, _AT + name))
    members = {
        validate.enum(values[index], known, found, _AT, f"{name}[{index}]") for index in looked_at
    }
    return tuple(sorted(members))
