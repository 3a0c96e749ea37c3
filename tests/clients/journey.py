"""What every client does, in its own words: create, order, be refused, cancel."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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


Call = Callable[[str, Json], Sequence[Json]]
"""Calls a method, `Service/Method` of inventory.v1: all messages that came back, of which only a
stream has more than one. Raises `Refused`."""


def travel(call: Call) -> Journey:
    """The whole journey, one call after the other."""
    created = create_product(call, SKU)
    ordered = answer(call, "OrderService/CreateOrder", {"lines": [demand(SKU, ORDERED)]})
    too_many = {"lines": [demand(SKU, TOO_MANY)]}
    refused = refusal(call, "OrderService/CreateOrder", too_many)
    order = {"orderId": ordered["order"]["orderId"], "reason": "changed my mind"}
    cancelled = answer(call, "OrderService/CancelOrder", order)
    left = get_product(call, SKU)
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


def messages(text: bytes) -> Iterator[Json]:
    """The JSON documents that a tool prints one behind the other."""
    rest = text.decode().lstrip()
    while rest:
        message, end = json.JSONDecoder().raw_decode(rest)
        yield message
        rest = rest[end:].lstrip()


def create_product(call: Call, sku: str) -> Json:
    product = {"sku": sku, "name": "Blue mug", "price": {"currencyCode": "EUR", "units": "12"}}
    stock = [{"quantity": str(STOCK)}]
    request = {"product": product, "initialStock": stock}
    return answer(call, "ProductService/CreateProduct", request)


def get_product(call: Call, sku: str) -> Json:
    return answer(call, "ProductService/GetProduct", {"product": {"sku": sku}})


def demand(sku: str, quantity: int) -> Json:
    """One line of an order or hold."""
    return {"product": {"sku": sku}, "quantity": str(quantity)}


def answer(call: Call, method: str, request: Json) -> Json:
    """The one message that a method which is no stream answers with."""
    [message] = call(method, request)
    return message


def refusal(call: Call, method: str, request: Json) -> Refused:
    """How the call is refused. Fails if it is not."""
    try:
        answers = call(method, request)
    except Refused as refused:
        return refused
    raise AssertionError(f"{method} was not refused: {answers}")
