"""`inventory-grpc order` and `hold`."""

import pytest

from inventory_grpc.client import InventoryClient
from tests.cli.calling import Cli


@pytest.fixture
def mug(client: InventoryClient, sku: str) -> str:
    """A product with ten units."""
    client.create_product(sku, "Mug", initial_stock=10)
    return sku


@pytest.fixture
def order(cli: Cli, mug: str) -> str:
    """Of five of them."""
    made = cli.json("order", "create", f"{mug}=5", "--customer", mug, "--label", "a=b")
    order_id: str = made["order_id"]
    return order_id


def test_an_order_is_placed_and_found_again(cli: Cli, mug: str, order: str) -> None:
    shown = cli.ok("order", "get", order).out
    assert "status              PENDING" in shown
    assert mug in shown
    for flags in (("--customer", mug), ("--product", mug, "--status", "pending")):
        assert [each["order_id"] for each in cli.json("order", "list", *flags)] == [order]
    assert cli.json("order", "list", "--product", mug, "--created-before", "1h") == []
    assert order in cli.ok("order", "list", "--created-after", "1h").out


def test_a_line_may_name_its_location(cli: Cli, mug: str) -> None:
    assert cli.run("order", "create", f"{mug}=1@nowhere").status == 3
    assert cli.json("order", "create", f"{mug}=1@default")["lines"][0]["location_id"] == "default"
    assert cli.run("order", "create", mug).status == 2


def test_an_order_goes_its_whole_way(cli: Cli, order: str) -> None:
    assert cli.json("order", "confirm", order)["status"] == "ORDER_STATUS_CONFIRMED"
    assert cli.json("order", "ship", order, "1=2")["status"] == "ORDER_STATUS_PARTIALLY_SHIPPED"
    assert cli.json("order", "ship", order)["status"] == "ORDER_STATUS_SHIPPED"
    assert "DELIVERED" in cli.ok("order", "deliver", order).out
    assert cli.json("order", "return", order, "1=1")["status"] == "ORDER_STATUS_PARTIALLY_RETURNED"
    assert (
        cli.json("order", "return", order, "1=1", "--discard")["lines"][0]["returned_quantity"]
        == "2"
    )
    assert cli.json("order", "return", order, "--discard")["status"] == "ORDER_STATUS_RETURNED"
    kinds = [each["kind"] for each in cli.json("order", "events", order)]
    assert kinds[-1] == "ORDER_EVENT_KIND_CREATED"
    assert len(cli.ok("order", "events", order).lines) == len(kinds) + 1


def test_cancelling_gives_back(cli: Cli, mug: str, order: str) -> None:
    assert cli.json("order", "cancel", order, "1=2")["lines"][0]["cancelled_quantity"] == "2"
    cancelled = cli.json("order", "cancel", order, "--reason", "gone")
    assert (cancelled["status"], cancelled["status_reason"]) == ("ORDER_STATUS_CANCELLED", "gone")
    assert cli.json("stock", "level", mug)["allocated"] == "0"
    refused = cli.run("order", "ship", order)
    assert (refused.status, "INVALID_TRANSITION" in refused.err) == (1, True)


def test_an_order_is_explained(cli: Cli, mug: str, order: str) -> None:
    cli.ok("order", "ship", order, "1=2")
    cli.ok("order", "cancel", order, "--reason", "the customer moved")
    told = cli.ok("order", "explain", order).out
    assert "CREATED: 5 of line 1; now PENDING" in told
    assert f"ALLOCATED {mug} at default: allocated +5 = 5" in told
    assert f"SHIPPED {mug} at default: on hand -2 = 8, allocated -2 = 3" in told
    assert 'by anonymous: "the customer moved"' in told
    plain = cli.json("order", "explain", order)
    assert plain["cause"]["reason"] == "the customer moved"
    assert [each["kind"] for each in plain["movements"]] == [
        f"MOVEMENT_KIND_{kind}" for kind in ("ALLOCATED", "SHIPPED", "DEALLOCATED")
    ]
    requests = {each["request_id"] for each in plain["events"]}
    assert all(request_id in told for request_id in requests)


def test_a_hold_is_extended_converted_in_part_and_released(cli: Cli, mug: str) -> None:
    hold = cli.json("hold", "create", f"{mug}=4", "--ttl", "15m", "--owner", mug)["hold_id"]
    assert cli.json("hold", "list", "--owner", mug)[0]["hold_id"] == hold
    assert hold in cli.ok("hold", "list", "--status", "active", "--product", mug).out
    assert cli.json("hold", "extend", hold, "--ttl", "2h")["version"] == "2"
    converted = cli.json("hold", "convert", hold, "1=1", "--customer", mug)
    assert converted["order"]["hold_id"] == hold
    told = cli.ok("order", "explain", converted["order"]["order_id"]).out
    assert f"HELD {mug} at default: held +4 = 4" in told
    assert "RELEASED" in cli.ok("hold", "release", hold, "--reason", "enough").out
    assert cli.json("hold", "get", hold)["status"] == "HOLD_STATUS_RELEASED"
    assert cli.run("hold", "extend", hold, "--ttl", "1h").status == 1


def test_a_length_of_time_has_a_unit(cli: Cli, mug: str) -> None:
    assert cli.run("hold", "create", f"{mug}=1", "--ttl", "15").status == 2


def test_a_hold_may_be_partial(cli: Cli, mug: str) -> None:
    assert cli.run("hold", "create", f"{mug}=11", "--ttl", "1m").status == 1
    held = cli.json("hold", "create", f"{mug}=11", "--ttl", "1m", "--allow-partial")
    assert held["lines"][0]["quantity"] == "10"
