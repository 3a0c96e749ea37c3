"""Well-formed requests that what is stored refuses."""

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from inventory_grpc.v1 import locations_pb2, orders_pb2, products_pb2
from inventory_grpc.v1.common_pb2 import DemandLine, LineQuantity, ProductKey
from tests.server.bad_requests import (
    LOCATIONS,
    MUG,
    NOT_FOUND,
    ORDERS,
    PRECONDITION,
    PRODUCTS,
    REQUEST_ID,
    UNKNOWN_ID,
    Bad,
    World,
    an_order,
)


def refused(world: World) -> list[Bad]:
    """Well-formed requests that the world refuses."""
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
            an_order(1_000_000_000),
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
            an_order(3, request_id=REQUEST_ID.upper()),
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
