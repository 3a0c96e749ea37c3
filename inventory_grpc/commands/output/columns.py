"""One table of columns per resource: what tables, details and CSV show of it, and in which order.

A table on a terminal drops columns until it fits, those of the highest rank first; what is of rank
`DETAIL` it never has. Details and CSV have all columns, always the same.
"""

from dataclasses import dataclass
from typing import Final

DETAIL: Final = 9
"""Rank of what only details and CSV show."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a resource."""

    name: str
    """In CSV; in tables in capitals."""
    rank: int = 0
    """0 is always there."""
    path: str = ""
    """Where it is in the message; its name if empty."""
    prose: bool = False
    """May be cut on a terminal."""

    @property
    def source(self) -> str:
        """Where it is in the message."""
        return self.path or self.name


@dataclass(frozen=True, slots=True)
class Resource:
    """What is shown of one kind of message."""

    columns: tuple[Column, ...]
    parts: tuple[tuple[str, "Resource"], ...] = ()
    """Repeated fields that details show as tables of their own."""


def _columns(names: str, ranks: str = "", prose: str = "", paths: str = "") -> tuple[Column, ...]:
    """Words in order; `name:1` in the others says more of one."""
    rank_of = dict(each.split(":") for each in ranks.split())
    path_of = dict(each.split(":") for each in paths.split())
    return tuple(
        Column(each, int(rank_of.get(each, 0)), path_of.get(each, ""), each in prose.split())
        for each in names.split()
    )


PRODUCT: Final = Resource(
    _columns(
        "sku name price currency on_hand allocated held available product_id version "
        "description labels create_time update_time delete_time",
        "price:2 currency:2 on_hand:4 allocated:5 held:5 product_id:6 version:8 description:9 "
        "labels:7 create_time:9 update_time:9 delete_time:3",
        "name description labels",
        "currency:price.currency_code on_hand:stock.on_hand allocated:stock.allocated "
        "held:stock.held available:stock.available",
    )
)

LOCATION: Final = Resource(
    _columns(
        "location_id display_name priority labels version create_time update_time delete_time",
        "labels:4 version:6 create_time:9 update_time:9 delete_time:3",
        "display_name labels",
    )
)

LEVEL: Final = Resource(
    _columns(
        "sku location_id on_hand allocated held safety_stock available shortfall "
        "backorder_limit low_stock_threshold version update_time product_id",
        "safety_stock:4 shortfall:2 backorder_limit:5 low_stock_threshold:5 version:6 "
        "update_time:7 product_id:8",
    )
)

AVAILABILITY: Final = Resource(
    _columns("sku on_hand allocated held available product_id", "product_id:8"),
    (("levels", LEVEL),),
)

MOVEMENT: Final = Resource(
    _columns(
        "occur_time sku location_id kind on_hand_delta allocated_delta held_delta on_hand_after "
        "allocated_after held_after shortfall_after reason actor note order_id hold_id "
        "transfer_id request_id line_number stock_version movement_id product_id",
        "on_hand_after:1 allocated_after:6 held_after:6 shortfall_after:9 reason:3 actor:4 note:5 "
        "order_id:5 hold_id:7 transfer_id:9 request_id:7 line_number:9 stock_version:8 "
        "movement_id:8 product_id:9",
        "note",
    )
)

ORDER_LINE: Final = Resource(
    _columns(
        "line_number sku location_id quantity shipped_quantity cancelled_quantity "
        "returned_quantity unit_price currency requested_line product_id",
        "cancelled_quantity:1 returned_quantity:2 unit_price:3 currency:3 requested_line:9 "
        "product_id:8",
        paths="currency:unit_price.currency_code",
    )
)

ORDER: Final = Resource(
    _columns(
        "order_id status total currency customer_reference create_time update_time hold_id "
        "status_reason labels version",
        "total:3 currency:3 customer_reference:2 create_time:4 update_time:9 hold_id:9 "
        "status_reason:9 labels:9 version:6",
        "customer_reference status_reason labels",
        "currency:total.currency_code",
    ),
    (("lines", ORDER_LINE),),
)

ORDER_EVENT: Final = Resource(
    _columns(
        "occur_time kind from_status to_status lines reason actor request_id order_version "
        "event_id order_id",
        "from_status:2 lines:3 reason:4 request_id:6 order_version:5 event_id:9 order_id:9",
        "reason",
    )
)

HOLD_LINE: Final = Resource(
    _columns(
        "line_number sku location_id requested_quantity quantity converted_quantity "
        "released_quantity requested_line product_id",
        "requested_quantity:3 requested_line:9 product_id:8",
    )
)

HOLD: Final = Resource(
    _columns(
        "hold_id status expire_time owner_reference order_ids create_time update_time version",
        "owner_reference:2 order_ids:5 create_time:6 update_time:9 version:7",
        "owner_reference",
    ),
    (("lines", HOLD_LINE),),
)

SHORTAGE: Final = Resource(
    _columns(
        "line_index sku location_id requested available on_hand allocated held safety_stock "
        "next_hold_expiry product_id",
        "safety_stock:5 next_hold_expiry:4 product_id:8",
    )
)

VIOLATION: Final = Resource(_columns("field description"))

GROUP: Final = Resource(
    _columns(
        "location_id kind reason actor movements on_hand_delta allocated_delta held_delta "
        "first_time last_time",
        "location_id:9 reason:3 first_time:6 last_time:5",
    )
)
