"""What every client does to follow the changes: begin, write, go on from the last token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.clients.journey import STOCK, Call, Json, answer, create_product, demand

WATCHED_SKU: Final = "MUG-GREEN"
_METHOD: Final = "ChangeService/WatchChanges"


@dataclass(frozen=True, slots=True)
class WatchJourney:
    """What a client got to see, as the JSON of its tool."""

    before: Sequence[Json]
    """A whole stream, from now on, of a server whose streams last for a second."""
    created: Json
    ordered: Json
    after: Sequence[Json]
    """The whole stream behind it."""


def travel_and_watch(call: Call) -> WatchJourney:
    """The whole journey, one call after the other."""
    before = call(_METHOD, {})
    created = create_product(call, WATCHED_SKU)
    ordered = answer(call, "OrderService/CreateOrder", {"lines": [demand(WATCHED_SKU, 1)]})
    ids = [created["product"]["productId"]]
    request = {"resumeToken": before[-1]["resumeToken"], "filter": {"productIds": ids}}
    return WatchJourney(before, created, ordered, call(_METHOD, request))


def check_watch(journey: WatchJourney) -> None:
    """Every change of the two calls came, between checkpoints, with what it was about."""
    messages = [*journey.before, *journey.after]
    assert all(message["resumeToken"] for message in messages)
    assert all("checkpoint" in message for message in journey.before)
    assert "checkpoint" in journey.after[0]
    assert "checkpoint" in journey.after[-1]
    changes = [message["change"] for message in journey.after if "change" in message]
    kinds = sorted(change["kind"].removeprefix("CHANGE_KIND_") for change in changes)
    assert kinds == ["ORDER", "PRODUCT", "STOCK_LEVEL", "STOCK_LEVEL"]
    [product] = [change["product"] for change in changes if "product" in change]
    assert product["sku"] == WATCHED_SKU
    [order] = [change["order"] for change in changes if "order" in change]
    assert order == journey.ordered["order"]
    levels = [change["stockLevel"] for change in changes if "stockLevel" in change]
    assert [level["available"] for level in levels] == [str(STOCK), str(STOCK - 1)]
    [movement] = [
        change["movement"]
        for change in changes
        if change.get("movement", {}).get("orderId") == order["orderId"]
    ]
    assert movement["allocatedDelta"] == "1"
