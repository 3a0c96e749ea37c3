"""What every client does, in its own words: create, order, be refused, cancel."""

import base64
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Json = Mapping[str, Any]

BIN: Final = Path(sys.executable).parent
PROTOS: Final = Path(__file__).parents[2] / "protos"

SKU: Final = "MUG-BLUE"
STOCK: Final = 5
ORDERED: Final = 2
TOO_MANY: Final = 9


@dataclass(frozen=True)
class Refused(Exception):
    """The server said no, with these details, decoded: each names its ``@type``."""

    code: str
    details: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Journey:
    """What a client got to see, as the JSON of its tool."""

    created: Json
    ordered: Json
    refused: Refused
    cancelled: Json
    left: Json
    """The product after all of it."""


Call = Callable[[str, Json], Json]
"""Calls a method, `Service/Method` of inventory.v1; raises `Refused`."""


def travel(call: Call) -> Journey:
    """The whole journey, one call after the other."""
    product = {"sku": SKU, "name": "Blue mug", "price": {"currencyCode": "EUR", "units": "12"}}
    stock = [{"quantity": STOCK}]
    created = call("ProductService/CreateProduct", {"product": product, "initialStock": stock})
    ordered = call("OrderService/CreateOrder", {"lines": [_line(ORDERED)]})
    refused = _refusal(call, "OrderService/CreateOrder", {"lines": [_line(TOO_MANY)]})
    order = {"orderId": ordered["order"]["orderId"], "reason": "changed my mind"}
    cancelled = call("OrderService/CancelOrder", order)
    left = call("ProductService/GetProduct", {"product": {"sku": SKU}})
    return Journey(created, ordered, refused, cancelled, left)


def check(journey: Journey) -> None:
    """The journey is the one that the contract promises."""
    product_id = journey.created["product"]["productId"]
    order = journey.ordered["order"]
    assert order["status"] == "ORDER_STATUS_PENDING"
    assert order["lines"][0]["productId"] == product_id
    assert order["total"] == {"currencyCode": "EUR", "units": "24"}
    _check_refusal(journey.refused, product_id)
    assert journey.cancelled["order"]["orderId"] == order["orderId"]
    assert journey.cancelled["order"]["status"] == "ORDER_STATUS_CANCELLED"
    assert journey.left["product"]["stock"] == {"onHand": str(STOCK), "available": str(STOCK)}


def _check_refusal(refused: Refused, product_id: str) -> None:
    assert refused.code == "FAILED_PRECONDITION"
    info, detail = refused.details
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (info["reason"], info["domain"]) == ("INSUFFICIENT_STOCK", "inventory.v1")
    assert detail["@type"] == "type.googleapis.com/inventory.v1.InsufficientStock"
    assert detail["shortages"] == [
        {
            "productId": product_id,
            "sku": SKU,
            "requested": str(TOO_MANY),
            "available": str(STOCK - ORDERED),
            "onHand": str(STOCK),
            "allocated": str(ORDERED),
        }
    ]


def run(*command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a tool to its end, whatever its exit status."""
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)


def unpadded(text: str) -> bytes:
    """Base64 as it travels in metadata: without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4))


def _line(quantity: int) -> Json:
    return {"product": {"sku": SKU}, "quantity": str(quantity)}


def _refusal(call: Call, method: str, request: Json) -> Refused:
    try:
        answer = call(method, request)
    except Refused as refused:
        return refused
    raise AssertionError(f"{method} was not refused: {answer}")
