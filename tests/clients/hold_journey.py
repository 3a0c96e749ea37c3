"""What every client does with a hold: make it, convert a part of it, and that only once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.clients.journey import (
    STOCK,
    Call,
    Json,
    Refused,
    answer,
    create_product,
    demand,
    get_product,
    refusal,
)

HELD_SKU: Final = "MUG-RED"
HELD: Final = 3
CONVERTED: Final = 2


@dataclass(frozen=True, slots=True)
class HoldJourney:
    """What a client got to see, as the JSON of its tool."""

    created: Json
    held: Json
    meanwhile: Json
    """The product while some of it is held."""
    converted: Json
    refused: Refused
    """What came of converting it again."""
    hold: Json
    """As it is read in the end."""
    left: Json
    """The product in the end."""
    checked: Sequence[Json]
    """All that the check of the product sent."""


def travel_with_hold(call: Call) -> HoldJourney:
    """The whole journey, one call after the other."""
    created = create_product(call, HELD_SKU)
    request = {"lines": [demand(HELD_SKU, HELD)], "ttl": "60s", "ownerReference": "cart-7"}
    held = answer(call, "HoldService/CreateHold", request)
    meanwhile = get_product(call, HELD_SKU)
    key = {"holdId": held["hold"]["holdId"]}
    some = [{"lineNumber": 1, "quantity": str(CONVERTED)}]
    part = {**key, "lines": some, "remainder": "HOLD_REMAINDER_RELEASE"}
    converted = answer(call, "HoldService/ConvertHold", part)
    refused = refusal(call, "HoldService/ConvertHold", key)
    hold = answer(call, "HoldService/GetHold", key)
    left = get_product(call, HELD_SKU)
    checked = call("StockService/CheckConsistency", {"products": [{"sku": HELD_SKU}]})
    return HoldJourney(created, held, meanwhile, converted, refused, hold, left, checked)


def check_hold(journey: HoldJourney) -> None:
    """The journey is the one that the contract promises."""
    product_id = journey.created["product"]["productId"]
    held, order = journey.held["hold"], journey.converted["order"]
    assert (held["status"], held["ownerReference"]) == ("HOLD_STATUS_ACTIVE", "cart-7")
    assert held["lines"][0]["quantity"] == str(HELD)
    assert journey.meanwhile["product"]["stock"] == {
        "onHand": str(STOCK),
        "held": str(HELD),
        "available": str(STOCK - HELD),
    }
    assert (order["status"], order["holdId"]) == ("ORDER_STATUS_PENDING", held["holdId"])
    assert [line["quantity"] for line in order["lines"]] == [str(CONVERTED)]
    _check_refusal(journey.refused, held["holdId"], order["orderId"])
    _check_end(journey, product_id)


def _check_refusal(refused: Refused, hold_id: str, order_id: str) -> None:
    assert refused.code == "FAILED_PRECONDITION"
    info, detail = refused.details
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (info["reason"], info["domain"]) == ("HOLD_CONVERTED", "inventory.v1")
    assert info["metadata"] == {"hold_id": hold_id, "order_id": order_id}
    assert detail["@type"] == "type.googleapis.com/google.rpc.PreconditionFailure"
    [violation] = detail["violations"]
    assert (violation["type"], violation["subject"]) == ("HOLD_CONVERTED", hold_id)


def _check_end(journey: HoldJourney, product_id: str) -> None:
    hold, order = journey.hold["hold"], journey.converted["order"]
    assert hold == journey.converted["hold"]
    assert (hold["status"], hold["orderIds"]) == ("HOLD_STATUS_CONVERTED", [order["orderId"]])
    [line] = hold["lines"]
    assert line["productId"] == product_id
    counts = (line["quantity"], line["convertedQuantity"], line["releasedQuantity"])
    assert counts == (str(HELD), str(CONVERTED), str(HELD - CONVERTED))
    assert journey.left["product"]["stock"] == {
        "onHand": str(STOCK),
        "allocated": str(CONVERTED),
        "available": str(STOCK - CONVERTED),
    }
    [message] = journey.checked
    summary = message["summary"]
    # RECEIVED, HELD, ALLOCATED, HOLD_RELEASED; and no violations.
    assert (summary["products"], summary["levels"], summary["movements"]) == ("1", "1", "4")
    assert "violations" not in summary
