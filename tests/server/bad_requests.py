"""The tables of bad requests: what is sent, and the code, reason and details it must answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from inventory_grpc.v1 import holds_pb2, orders_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.common_pb2 import DemandLine, LineQuantity, Money, ProductKey
from tests.server.harness import Server

ORDERS = "/inventory.v1.OrderService"
PRODUCTS = "/inventory.v1.ProductService"
HOLDS = "/inventory.v1.HoldService"
STOCK = "/inventory.v1.StockService"
LOCATIONS = "/inventory.v1.LocationService"

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION

UNKNOWN_ID = "01920000-0000-7000-8000-00000000000a"
REQUEST_ID = "01920000-0000-7000-8000-0000000000ff"
MUG = ProductKey(sku="MUG")


@dataclass(frozen=True)
class World:
    """What the database holds before anything bad is sent."""

    server: Server
    order_id: str
    gone_id: str
    page_token: str


@dataclass(frozen=True)
class Bad:
    """One bad request and what it must answer."""

    title: str
    method: str
    request: Message | bytes
    code: grpc.StatusCode = INVALID
    reason: str = "INVALID_FIELD"
    fields: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""


def an_order(quantity: int, request_id: str = "") -> orders_pb2.CreateOrderRequest:
    return orders_pb2.CreateOrderRequest(
        lines=[DemandLine(product=MUG, quantity=quantity)], request_id=request_id
    )


def _product(**fields: object) -> products_pb2.CreateProductRequest:
    given = {"sku": "NEW", "name": "New", **fields}
    return products_pb2.CreateProductRequest(product=products_pb2.Product(**given))  # type: ignore[arg-type]


def _update(product: products_pb2.Product, *paths: str) -> products_pb2.UpdateProductRequest:
    return products_pb2.UpdateProductRequest(product=product, update_mask=FieldMask(paths=paths))


_CREATE, _PRODUCT, _UPDATE = (
    f"{ORDERS}/CreateOrder",
    f"{PRODUCTS}/CreateProduct",
    f"{PRODUCTS}/UpdateProduct",
)
_LINE = DemandLine(product=MUG, quantity=1)
_MUG = products_pb2.Product(sku="MUG", name="X")
_Order = orders_pb2.CreateOrderRequest


def a_hold(
    quantity: int, ttl: Duration | None = None, **fields: Any
) -> holds_pb2.CreateHoldRequest:
    line = DemandLine(product=MUG, quantity=quantity)
    return holds_pb2.CreateHoldRequest(lines=[line], ttl=ttl or Duration(seconds=60), **fields)


_BAD_LENGTHS = (
    (None, "ttl"),
    (Duration(), "ttl"),
    (Duration(seconds=-1), "ttl"),
    (Duration(nanos=999_999_999), "ttl"),
    (Duration(seconds=31 * 24 * 3600), "ttl"),
    (Duration(seconds=30 * 24 * 3600, nanos=1), "ttl"),
    (Duration(seconds=2**63 - 1), "ttl"),
    (Duration(seconds=1, nanos=-1), "ttl.nanos"),
    (Duration(seconds=1, nanos=10**9), "ttl.nanos"),
)

_MALFORMED_HOLDS = (
    *(
        Bad(
            f"a hold of {ttl}".replace("\n", " "),
            f"{HOLDS}/CreateHold",
            holds_pb2.CreateHoldRequest(lines=[_LINE], ttl=ttl),
            fields=[path],
        )
        for ttl, path in _BAD_LENGTHS
    ),
    *(
        Bad(
            f"an extension of {ttl}".replace("\n", " "),
            f"{HOLDS}/ExtendHold",
            holds_pb2.ExtendHoldRequest(hold_id=UNKNOWN_ID, ttl=ttl),
            fields=[path],
        )
        for ttl, path in _BAD_LENGTHS
    ),
    Bad(
        "an empty hold",
        f"{HOLDS}/CreateHold",
        holds_pb2.CreateHoldRequest(),
        fields=["lines", "ttl"],
    ),
    Bad(
        "a hold of 101 lines, from nowhere known, locked in no known way",
        f"{HOLDS}/CreateHold",
        holds_pb2.CreateHoldRequest(
            lines=[_LINE] * 101, ttl=Duration(seconds=1), owner_reference="x" * 256
        ).SerializeToString()
        + b"\x28\x63\x30\x63",
        fields=["lines", "owner_reference", "allocation", "locking"],
    ),
    Bad(
        "an order locked in no known way",
        _CREATE,
        an_order(1).SerializeToString() + b"\x38\x63",
        fields=["locking"],
    ),
    Bad(
        "a conversion with everything wrong",
        f"{HOLDS}/ConvertHold",
        holds_pb2.ConvertHoldRequest(
            hold_id="x",
            lines=[LineQuantity(line_number=1, quantity=1), LineQuantity(line_number=1)],
            customer_reference="\x00",
            expected_version=-1,
            request_id="7",
        ).SerializeToString()
        + b"\x18\x63",
        fields=[
            "hold_id",
            "lines[1].quantity",
            "lines[1].line_number",
            "remainder",
            "customer_reference",
            "expected_version",
            "request_id",
        ],
    ),
    Bad(
        "a release for an endless reason",
        f"{HOLDS}/ReleaseHold",
        holds_pb2.ReleaseHoldRequest(reason="x" * 1025),
        fields=["hold_id", "reason"],
    ),
    Bad(
        "a list of holds in no state",
        f"{HOLDS}/ListHolds",
        holds_pb2.ListHoldsRequest(
            filter=holds_pb2.HoldFilter(statuses=[holds_pb2.HOLD_STATUS_UNSPECIFIED]), page_size=-1
        ),
        fields=["filter.statuses[0]", "page_size"],
    ),
)

MALFORMED = (
    *_MALFORMED_HOLDS,
    Bad("no lines", _CREATE, _Order(), fields=["lines"]),
    Bad("101 lines", _CREATE, _Order(lines=[_LINE] * 101), fields=["lines"]),
    *(
        Bad(f"quantity {quantity}", _CREATE, an_order(quantity), fields=["lines[0].quantity"])
        for quantity in (0, -1, 2**63 - 1)
    ),
    Bad(
        "quantities whose sum overflows",
        _CREATE,
        _Order(lines=[DemandLine(product=MUG, quantity=2**62)] * 2),
        fields=["lines[0].quantity", "lines[1].quantity"],
    ),
    Bad(
        "neither key",
        _CREATE,
        _Order(lines=[DemandLine(quantity=1)]),
        fields=["lines[0].product"],
    ),
    Bad(
        "everything at once",
        _CREATE,
        _Order(
            lines=[_LINE, DemandLine(location_id="Ä")],
            customer_reference="x" * 256,
            labels={"A": "b"},
            request_id="7",
        ),
        fields=[
            "lines[1].product",
            "lines[1].quantity",
            "lines[1].location_id",
            "customer_reference",
            "labels",
            "request_id",
        ],
        facts={"violations_total": "6"},
    ),
    *(
        Bad(f"SKU {sku[:9]!a}", _PRODUCT, _product(sku=sku), fields=["product.sku"])
        for sku in ("A\x00", "\u202eA", "A" * 65, "")
    ),
    *(
        Bad(
            f"price {money}".replace("\n", " "),
            _PRODUCT,
            _product(price=money),
            fields=[f"product.price{path}"],
        )
        for money, path in (
            (Money(currency_code="EUR", units=1, nanos=10_000), ".nanos"),
            (Money(currency_code="EUR", units=1, nanos=-100_000), ".nanos"),
            (Money(currency_code="€", units=1), ".currency_code"),
            (Money(currency_code="EUR", units=-1), ""),
            (Money(currency_code="EUR", units=10**12), ".units"),
        )
    ),
    Bad("unknown mask", _UPDATE, _update(_MUG, "nme"), fields=["update_mask"]),
    Bad("output-only mask", _UPDATE, _update(_MUG, "version"), fields=["update_mask"]),
    Bad("no mask", _UPDATE, _update(_MUG), fields=["update_mask"]),
    Bad(
        "page_size -1",
        f"{PRODUCTS}/ListProducts",
        products_pb2.ListProductsRequest(page_size=-1),
        fields=["page_size"],
    ),
    Bad(
        "a malformed UUID",
        f"{ORDERS}/GetOrder",
        orders_pb2.GetOrderRequest(order_id="x"),
        fields=["order_id"],
    ),
    Bad(
        "a state that follows from lines",
        f"{ORDERS}/UpdateOrderStatus",
        orders_pb2.UpdateOrderStatusRequest(
            order_id=UNKNOWN_ID, status=orders_pb2.ORDER_STATUS_PARTIALLY_SHIPPED
        ),
        fields=["status"],
    ),
    Bad(
        "a count without precondition",
        f"{STOCK}/SetStock",
        stock_pb2.SetStockRequest(product=MUG),
        fields=["on_hand", "precondition"],
    ),
    Bad(
        "violations of all rows of an ATOMIC batch",
        f"{ORDERS}/BatchCreateOrders",
        orders_pb2.BatchCreateOrdersRequest(
            requests=[an_order(1), an_order(0), _Order(validate_only=True)]
        ),
        fields=[
            "requests[1].lines[0].quantity",
            "requests[2].lines",
            "requests[2].validate_only",
        ],
        facts={"row": "1"},
    ),
    Bad(
        "no rows in an unknown mode",
        f"{ORDERS}/BatchCreateOrders",
        orders_pb2.BatchCreateOrdersRequest.FromString(b"\x10\x63"),
        fields=["mode", "requests"],
    ),
    Bad(
        "too many rows",
        f"{STOCK}/BatchAdjustStock",
        stock_pb2.BatchAdjustStockRequest(requests=[stock_pb2.AdjustStockRequest()] * 1001),
        fields=["requests"],
    ),
    Bad(
        "too many lines",
        f"{ORDERS}/BatchCreateOrders",
        orders_pb2.BatchCreateOrdersRequest(requests=[_Order(lines=[_LINE] * 100)] * 101),
        fields=["requests"],
    ),
    *(
        Bad(f"undecodable {raw!r}", _CREATE, raw, reason="MALFORMED_REQUEST")
        for raw in (b"\xff\xff", b"\x0a\x7fx", b"\x1a\x03\xed\xa0\x80", b"\x1a\x01\xff")
    ),
)
