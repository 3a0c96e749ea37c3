"""What lists and watches can be asked to leave out, as keyword arguments."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict, TypeVar, cast

from google.protobuf.message import Message

from inventory_grpc.client.options import Listing, PastRead
from inventory_grpc.client.values import (
    ChangeKindName,
    HoldStatusName,
    Labels,
    MovementKindName,
    OrderStatusName,
    ProductRef,
    moment,
    product_key,
)
from inventory_grpc.v1.common_pb2 import Money

FilterT = TypeVar("FilterT", bound=Message)


class ProductListing(Listing, total=False):
    """All that is given must match."""

    query: str
    """Words in name, description or SKU."""
    sku_prefix: str
    """The SKU begins with this."""
    min_price: Money
    """Products in this currency that cost at least this."""
    max_price: Money
    """Products in this currency that cost at most this."""
    in_stock: bool
    """Whether anything is available."""
    low_stock: bool
    """Whether a level is at or below its threshold."""
    labels: Labels
    """All of these labels."""
    show_deleted: bool
    """Deleted ones, too."""


class LevelListing(Listing, PastRead, total=False):
    """All that is given must match."""

    product: ProductRef
    """Only of this product."""
    location_id: str
    """Only at this location."""
    low_stock: bool
    """Whether it is at or below its threshold."""


class MovementListing(Listing, total=False):
    """All that is given must match."""

    product: ProductRef
    """Only of this product."""
    location_id: str
    """Only at this location."""
    kinds: Iterable[MovementKindName]
    """Only of these kinds."""
    order_id: str
    """Only of this order."""
    hold_id: str
    """Only of this hold."""
    request_id: str
    """Only of this request."""
    start_time: datetime
    """From this time, inclusive; with a time zone."""
    end_time: datetime
    """Up to this time, exclusive; with a time zone."""


class HoldListing(Listing, total=False):
    """All that is given must match."""

    statuses: Iterable[HoldStatusName]
    """Only in these statuses."""
    owner_reference: str
    """Only of this owner."""
    product: ProductRef
    """Only with a line of this product."""
    expires_before: datetime
    """Only those that end before this time; with a time zone."""


class OrderListing(Listing, total=False):
    """All that is given must match."""

    statuses: Iterable[OrderStatusName]
    """Only in these statuses."""
    product: ProductRef
    """Only with a line of this product."""
    customer_reference: str
    """Only of this customer."""
    created_after: datetime
    """From this time; with a time zone."""
    created_before: datetime
    """Up to this time; with a time zone."""


class WatchFilter(TypedDict, total=False):
    """All that is given must match; one entry of each is enough. At most 100 entries each."""

    kinds: Iterable[ChangeKindName]
    """Only changes of these kinds."""
    product_ids: Iterable[str]
    """Only what concerns one of these products."""
    location_ids: Iterable[str]
    """Only what concerns one of these locations."""
    order_ids: Iterable[str]
    """Only one of these orders, and what it caused."""
    hold_ids: Iterable[str]
    """Only one of these holds, and what it caused."""


def split(made: FilterT, given: Mapping[str, object]) -> tuple[FilterT, Listing]:
    """The filter with all that is its own, and what is left: the options of the list."""
    fields = made.DESCRIPTOR.fields_by_name
    own: dict[str, Any] = {
        name: _as_field(fields[name], value)
        for name, value in given.items()
        if name in fields and value is not None
    }
    made.MergeFrom(type(made)(**own))
    rest = {name: value for name, value in given.items() if name not in fields}
    return made, cast("Listing", rest)


def _as_field(field: Any, value: Any) -> object:
    if field.enum_type is not None:
        return [_number(field.enum_type, each) for each in value]
    if field.message_type is None:
        return value
    match field.message_type.name:
        case "ProductKey":
            return product_key(value)
        case "Timestamp":
            return moment(value)
    return value


def _number(enum: Any, name: str) -> int:
    """Of a name without the prefix, which is that of the enum's zero value."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    found = enum.values_by_name.get(prefix + name)
    if found is None:
        raise ValueError(f"{name!r} is no {enum.name}")
    number: int = found.number
    return number
