"""Bad input over a real port: each answers its code, reason and details, and changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.v1 import locations_pb2, orders_pb2, products_pb2, stock_pb2
from inventory_grpc.v1.common_pb2 import DemandLine, LineQuantity, Money, ProductKey
from tests.conftest import Database
from tests.server.harness import Server, rich_status, trailers

ORDERS = "/inventory.v1.OrderService"
PRODUCTS = "/inventory.v1.ProductService"
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


@pytest.fixture
def world(server: Server) -> World:
    """Two priced products with stock, a deleted one, two locations and an order."""
    server.locations.CreateLocation(
        locations_pb2.CreateLocationRequest(location=locations_pb2.Location(location_id="berlin"))
    )
    for sku, currency in (("MUG", "EUR"), ("CUP", "USD")):
        server.products.CreateProduct(
            products_pb2.CreateProductRequest(
                product=products_pb2.Product(
                    sku=sku, name=sku, price=Money(currency_code=currency, units=2)
                ),
                initial_stock=[products_pb2.InitialStock(quantity=10)],
            )
        )
    gone = server.products.CreateProduct(
        products_pb2.CreateProductRequest(product=products_pb2.Product(sku="GONE", name="Gone"))
    ).product
    server.products.DeleteProduct(
        products_pb2.DeleteProductRequest(product=ProductKey(product_id=gone.product_id))
    )
    order = server.orders.CreateOrder(_order(2, request_id=REQUEST_ID)).order
    server.orders.CreateOrder(_order(1))
    page = server.orders.ListOrders(orders_pb2.ListOrdersRequest(page_size=1))
    return World(server, order.order_id, gone.product_id, page.next_page_token)


def _order(quantity: int, **more: str) -> orders_pb2.CreateOrderRequest:
    return orders_pb2.CreateOrderRequest(lines=[DemandLine(product=MUG, quantity=quantity)], **more)


def _product(**fields: object) -> products_pb2.CreateProductRequest:
    given = {"sku": "NEW", "name": "New", **fields}
    return products_pb2.CreateProductRequest(product=products_pb2.Product(**given))  # type: ignore[arg-type]


def _update(product: products_pb2.Product, *paths: str) -> products_pb2.UpdateProductRequest:
    return products_pb2.UpdateProductRequest(product=product, update_mask=FieldMask(paths=paths))


def _malformed() -> list[Bad]:
    create, product = f"{ORDERS}/CreateOrder", f"{PRODUCTS}/CreateProduct"
    update = f"{PRODUCTS}/UpdateProduct"
    line = DemandLine(product=MUG, quantity=1)
    mug = products_pb2.Product(sku="MUG", name="X")
    order = orders_pb2.CreateOrderRequest
    return [
        Bad("no lines", create, order(), fields=["lines"]),
        Bad("101 lines", create, order(lines=[line] * 101), fields=["lines"]),
        *(
            Bad(f"quantity {quantity}", create, _order(quantity), fields=["lines[0].quantity"])
            for quantity in (0, -1, 2**63 - 1)
        ),
        Bad(
            "quantities whose sum overflows",
            create,
            order(lines=[DemandLine(product=MUG, quantity=2**62)] * 2),
            fields=["lines[0].quantity", "lines[1].quantity"],
        ),
        Bad(
            "neither key",
            create,
            order(lines=[DemandLine(quantity=1)]),
            fields=["lines[0].product"],
        ),
        Bad(
            "everything at once",
            create,
            order(
                lines=[line, DemandLine(location_id="Ä")],
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
            Bad(f"SKU {sku[:9]!a}", product, _product(sku=sku), fields=["product.sku"])
            for sku in ("A\x00", "\u202eA", "A" * 65, "")
        ),
        *(
            Bad(
                f"price {money}".replace("\n", " "),
                product,
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
        Bad("unknown mask", update, _update(mug, "nme"), fields=["update_mask"]),
        Bad("output-only mask", update, _update(mug, "version"), fields=["update_mask"]),
        Bad("no mask", update, _update(mug), fields=["update_mask"]),
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
                requests=[_order(1), _order(0), order(validate_only=True)]
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
            orders_pb2.BatchCreateOrdersRequest(requests=[order(lines=[line] * 100)] * 101),
            fields=["requests"],
        ),
        *(
            Bad(f"undecodable {raw!r}", create, raw, reason="MALFORMED_REQUEST")
            for raw in (b"\xff\xff", b"\x0a\x7fx", b"\x1a\x03\xed\xa0\x80", b"\x1a\x01\xff")
        ),
    ]


def _refused(world: World) -> list[Bad]:
    create, listing = f"{ORDERS}/CreateOrder", f"{ORDERS}/ListOrders"
    demands = [
        DemandLine(product=key, quantity=1)
        for key in (MUG, ProductKey(sku="NONE"), ProductKey(product_id=UNKNOWN_ID))
    ]
    gone = DemandLine(product=ProductKey(product_id=world.gone_id), quantity=1)
    cup = DemandLine(product=ProductKey(sku="CUP"), quantity=1)
    token = world.page_token
    edited = token[:-1] + chr(ord(token[-1]) ^ 1)
    return [
        Bad(
            "all unknown products",
            create,
            orders_pb2.CreateOrderRequest(lines=demands),
            NOT_FOUND,
            "PRODUCT_NOT_FOUND",
            facts={"missing": f"sku:NONE,product_id:{UNKNOWN_ID}"},
            detail="ResourceInfo",
        ),
        Bad(
            "a deleted product",
            create,
            orders_pb2.CreateOrderRequest(lines=[gone]),
            NOT_FOUND,
            "PRODUCT_NOT_FOUND",
            facts={"missing": f"product_id:{world.gone_id}"},
            detail="ResourceInfo",
        ),
        Bad(
            "two currencies",
            create,
            orders_pb2.CreateOrderRequest(lines=[demands[0], cup]),
            PRECONDITION,
            "CURRENCY_MISMATCH",
            detail="PreconditionFailure",
        ),
        Bad(
            "more than there is",
            create,
            _order(1_000_000_000),
            PRECONDITION,
            "INSUFFICIENT_STOCK",
            facts={"shortages_total": "1"},
            detail="InsufficientStock",
        ),
        Bad(
            "a stale version",
            f"{PRODUCTS}/UpdateProduct",
            products_pb2.UpdateProductRequest(
                product=products_pb2.Product(sku="MUG", name="X"),
                update_mask=FieldMask(paths=["name"]),
                expected_version=9,
            ),
            grpc.StatusCode.ABORTED,
            "VERSION_MISMATCH",
            facts={"expected_version": "9", "current_version": "1"},
        ),
        Bad(
            "a request_id with another payload",
            create,
            _order(3, request_id=REQUEST_ID.upper()),
            reason="REQUEST_ID_REUSED",
            facts={"request_id": REQUEST_ID},
        ),
        Bad(
            "a page token edited by a bit",
            listing,
            orders_pb2.ListOrdersRequest(page_size=1, page_token=edited),
            reason="PAGE_TOKEN_INVALID",
        ),
        Bad(
            "a page token of another filter",
            listing,
            orders_pb2.ListOrdersRequest(
                page_token=token, filter=orders_pb2.OrderFilter(customer_reference="x")
            ),
            reason="PAGE_TOKEN_INVALID",
        ),
        Bad(
            "a page token of another method",
            f"{PRODUCTS}/ListProducts",
            products_pb2.ListProductsRequest(page_token=token),
            reason="PAGE_TOKEN_INVALID",
        ),
        Bad(
            "a state that is not allowed",
            f"{ORDERS}/UpdateOrderStatus",
            orders_pb2.UpdateOrderStatusRequest(
                order_id=world.order_id, status=orders_pb2.ORDER_STATUS_PENDING
            ),
            PRECONDITION,
            "INVALID_TRANSITION",
            facts={"from": "PENDING", "to": "PENDING", "allowed": "CONFIRMED,SHIPPED,CANCELLED"},
            detail="PreconditionFailure",
        ),
        Bad(
            "more units than a line has",
            f"{ORDERS}/ShipOrder",
            orders_pb2.ShipOrderRequest(
                order_id=world.order_id, lines=[LineQuantity(line_number=1, quantity=3)]
            ),
            PRECONDITION,
            "QUANTITY_EXCEEDED",
            facts={"line_number": "1", "requested": "3", "possible": "2"},
            detail="PreconditionFailure",
        ),
        Bad(
            "an unknown order",
            f"{ORDERS}/GetOrder",
            orders_pb2.GetOrderRequest(order_id=UNKNOWN_ID),
            NOT_FOUND,
            "ORDER_NOT_FOUND",
            detail="ResourceInfo",
        ),
        Bad(
            "the location that must stay",
            f"{LOCATIONS}/DeleteLocation",
            locations_pb2.DeleteLocationRequest(location_id="default"),
            PRECONDITION,
            "LOCATION_IN_USE",
            detail="PreconditionFailure",
        ),
    ]


def test_malformed_requests_name_every_field_and_change_nothing(
    world: World, database: Database
) -> None:
    before = _contents(database)
    wrong = [(bad.title, wrong) for bad in _malformed() if (wrong := _mismatch(world.server, bad))]
    assert not wrong
    assert _contents(database) == before


def test_what_does_not_fit_the_stored_state_is_refused_and_changes_nothing(
    world: World, database: Database
) -> None:
    before = _contents(database)
    wrong = [
        (bad.title, wrong) for bad in _refused(world) if (wrong := _mismatch(world.server, bad))
    ]
    assert not wrong
    after = _contents(database)
    # The refusals themselves are kept, so that a retry answers the same.
    for kept in ("stored_answers", "commits"):
        del before[kept], after[kept]
    assert after == before


def test_a_malformed_row_of_an_independent_batch_harms_no_other(world: World) -> None:
    requests = [_order(1), _order(0), _order(1, request_id="x"), _order(10**9)]
    response = world.server.orders.BatchCreateOrders(
        orders_pb2.BatchCreateOrdersRequest(requests=requests, mode="BATCH_MODE_INDEPENDENT")
    )
    assert [each.WhichOneof("outcome") for each in response.results] == [
        "response",
        "error",
        "error",
        "error",
    ]
    errors = [each.error for each in response.results[1:]]
    fields = [[violation.field for violation in error.field_violations] for error in errors]
    assert fields == [["lines[0].quantity"], ["request_id"], []]
    assert errors[2].insufficient_stock.shortages[0].requested == 10**9


def test_an_atomic_batch_is_refused_with_its_first_failing_row(
    world: World, database: Database
) -> None:
    before = _contents(database)
    bad = Bad(
        "",
        f"{ORDERS}/BatchCreateOrders",
        orders_pb2.BatchCreateOrdersRequest(requests=[_order(1), _order(10**9), _order(10**9)]),
        PRECONDITION,
        "INSUFFICIENT_STOCK",
        facts={"row": "1", "shortages_total": "1"},
        detail="InsufficientStock",
    )
    assert _mismatch(world.server, bad) == ""
    assert _contents(database) == before


def test_a_request_id_is_given_when_missing_and_replayed_when_known(world: World) -> None:
    _, given = world.server.orders.CreateOrder.with_call(_order(1))
    made = dict(given.trailing_metadata())["request-id"]
    first, own = world.server.orders.CreateOrder.with_call(_order(1, request_id=UNKNOWN_ID))
    assert made not in {"", UNKNOWN_ID}
    assert not {"request-id", "idempotent-replay"} & set(dict(own.trailing_metadata()))
    again, replay = world.server.orders.CreateOrder.with_call(
        _order(1, request_id=UNKNOWN_ID.upper())
    )
    assert again == first
    assert dict(replay.trailing_metadata())["idempotent-replay"] == "true"
    row = world.server.orders.BatchCreateOrders(
        orders_pb2.BatchCreateOrdersRequest(requests=[_order(1, request_id=UNKNOWN_ID)])
    ).results[0]
    assert row.replayed
    assert row.response == first


def test_a_stored_refusal_is_replayed_with_its_details_byte_for_byte(world: World) -> None:
    statuses = []
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as refused:
            world.server.orders.CreateOrder(_order(10**9, request_id=UNKNOWN_ID))
        statuses.append(trailers(refused.value))
    assert statuses[1].pop("idempotent-replay") == "true"
    assert statuses[0] == statuses[1]


def test_what_grpc_itself_refuses_has_a_code_alone(server: Server) -> None:
    big = orders_pb2.CreateOrderRequest(customer_reference="x" * 5_000_000).SerializeToString()
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    calls = [
        (exhausted, f"{ORDERS}/CreateOrder", big, (), 10.0),
        (exhausted, f"{ORDERS}/CreateOrder", b"", (("x", "y" * 60_000),), 10.0),
        (grpc.StatusCode.UNIMPLEMENTED, f"{ORDERS}/Nothing", b"", (), 10.0),
        (grpc.StatusCode.UNIMPLEMENTED, "/inventory.v1.Nothing/Nothing", b"", (), 10.0),
        (grpc.StatusCode.DEADLINE_EXCEEDED, f"{ORDERS}/CreateOrder", b"", (), 0.0),
    ]
    for code, method, raw, metadata, timeout in calls:
        with pytest.raises(grpc.RpcError) as refused:
            server.channel.unary_unary(method)(raw, timeout=timeout, metadata=metadata)
        assert refused.value.code() is code, method
        assert "grpc-status-details-bin" not in trailers(refused.value)


def _mismatch(server: Server, bad: Bad) -> str:
    """What the answer has otherwise than expected; empty if nothing."""
    raw = bad.request if isinstance(bad.request, bytes) else bad.request.SerializeToString()
    try:
        server.channel.unary_unary(bad.method)(raw, timeout=10)
    except grpc.RpcError as error:
        refused = error
    else:
        return "was answered OK"
    if refused.code() is not bad.code:
        return f"{refused.code()} {refused.details()}"
    status = rich_status(refused)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status.details[0].Unpack(info)
    fields = []
    for each in status.details[1:]:
        if each.Unpack(request):
            fields = [violation.field for violation in request.field_violations]
    types = [each.type_url.rsplit(".")[-1] for each in status.details]
    expected = ["ErrorInfo", *(["BadRequest"] if bad.fields else [])]
    expected += [bad.detail] if bad.detail else []
    seen = (info.domain, info.reason, fields, types, {**info.metadata, **bad.facts})
    wanted = ("inventory.v1", bad.reason, list(bad.fields), expected, dict(info.metadata))
    return "" if seen == wanted else f"{seen} instead of {wanted}"


def _contents(database: Database) -> dict[str, str]:
    """Every table's rows, as text."""
    conn = database.connect("superuser")
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        contents = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM "{table}" t')
            (contents[table],) = cursor.fetchone() or (None,)
    conn.close()
    return contents
