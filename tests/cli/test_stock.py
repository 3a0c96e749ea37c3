"""`inventory-grpc stock`."""

import random
import secrets
from datetime import UTC

import pytest

from inventory_grpc.client import InventoryClient, InventoryError
from tests.cli.calling import Cli

_COUNTERS = ("on_hand", "allocated", "held")


@pytest.fixture(scope="module", autouse=True)
def berlin(client: InventoryClient) -> None:
    client.create_location("berlin", priority=5)


@pytest.fixture
def mug(client: InventoryClient, sku: str) -> str:
    """A product with ten units."""
    client.create_product(sku, "Mug", initial_stock=10)
    return sku


def test_units_are_added_and_taken_with_a_sign(cli: Cli, mug: str) -> None:
    added = cli.json("stock", "adjust", mug, "+5", "--reason", "received", "--note", "a pallet")
    assert (added["stock_level"]["on_hand"], added["movement"]["note"]) == ("15", "a pallet")
    assert "on_hand              13" in cli.ok("stock", "adjust", mug, "-2", "--reason", "lost").out


def test_a_flag_of_no_command_is_no_number(cli: Cli, mug: str) -> None:
    assert cli.run("stock", "adjust", mug, "--resaon", "lost").status == 2


def test_a_count_says_what_was_known_before(cli: Cli, mug: str) -> None:
    assert cli.json("stock", "set", mug, 8, "--expected", 10)["stock_level"]["on_hand"] == "8"
    refused = cli.run("stock", "set", mug, 9, "--expected", 10)
    assert (refused.status, "VERSION_MISMATCH" in refused.err) == (1, True)
    assert cli.run("stock", "set", mug, 9).status == 2
    assert cli.ok("stock", "set", mug, 9, "--unchecked").status == 0


def test_rules_that_are_not_given_stay(cli: Cli, mug: str) -> None:
    cli.ok("stock", "policy", mug, "--safety-stock", 2)
    level = cli.json("stock", "policy", mug, "--low-stock-threshold", 20)
    assert (level["safety_stock"], level["low_stock_threshold"]) == ("2", "20")
    assert mug in cli.ok("stock", "levels", "--low-stock", "--all").out
    assert mug not in cli.ok("stock", "levels", "--no-low-stock", "--all").out


def test_a_transfer_shows_both_levels(cli: Cli, mug: str) -> None:
    call = ("stock", "transfer", f"{mug}=3", "--from", "default", "--to", "berlin")
    assert len(cli.ok(*call, "--dry-run").lines) == 3
    moved = cli.json(*call)
    assert len(moved["movements"]) == 2
    levels = cli.ok("stock", "levels", mug, "--output", "csv").csv
    assert {each["location_id"]: each["on_hand"] for each in levels} == {
        "berlin": "3",
        "default": "7",
    }


def test_a_level_is_read_as_it_was(cli: Cli, client: InventoryClient, mug: str) -> None:
    first = client.adjust_stock(mug, 1, "FOUND").movement
    client.adjust_stock(mug, 1, "FOUND")
    assert cli.json("stock", "level", mug)["on_hand"] == "12"
    assert cli.json("stock", "level", mug, "--as-of", first.movement_id)["on_hand"] == "11"
    then = first.occur_time.ToDatetime(UTC).isoformat()
    assert cli.json("stock", "levels", mug, "--as-of", then)[0]["on_hand"] == "11"


def test_a_time_without_a_zone_is_wrong_usage(cli: Cli, mug: str) -> None:
    said = cli.run("stock", "level", mug, "--as-of", "2026-11-21 13:00")
    assert said.status == 2
    assert "zone" in said.err


def test_what_is_available_says_who_does_not_exist(cli: Cli, mug: str) -> None:
    assert mug in cli.ok("stock", "availability", mug, "--location", "default").out
    said = cli.run("stock", "availability", mug, "NO-SUCH")
    assert (said.status, mug in said.out, "NO-SUCH" in said.err) == (3, True, True)


def test_movements_are_found_by_what_they_are(cli: Cli, mug: str) -> None:
    cli.ok("stock", "adjust", mug, 5, "--reason", "found")
    found = cli.json("stock", "movements", "--product", mug, "--kind", "adjusted", "--since", "1h")
    assert [each["reason"] for each in found] == ["ADJUSTMENT_REASON_FOUND"]
    assert "RECEIVED" in cli.ok("stock", "movements", "--product", mug).out
    assert cli.run("stock", "movements", "--kind", "nonsense").status == 2


def test_a_number_is_taken_apart_into_what_adds_up_to_it(
    cli: Cli, client: InventoryClient, mug: str
) -> None:
    _random_traffic(client, mug)
    told = cli.json("stock", "blame", mug)
    for level in told["stock_levels"]:
        own = [each for each in told["groups"] if each["location_id"] == level["location_id"]]
        for name in _COUNTERS:
            assert sum(int(each[f"{name}_delta"]) for each in own) == int(level[name])
    assert len(told["movements"]) == 10
    shown = cli.ok("stock", "blame", mug, "default", "--latest", 3)
    total = next(line for line in shown.lines if line.split()[:1] == ["sum"])
    level = next(each for each in told["stock_levels"] if each["location_id"] == "default")
    assert [int(each) for each in total.split()[2:]] == [int(level[name]) for name in _COUNTERS]
    groups = cli.ok("stock", "blame", mug, "--output", "csv").csv
    assert [each["kind"] for each in groups] == [
        each["kind"].removeprefix("MOVEMENT_KIND_") for each in told["groups"]
    ]


def test_units_of_a_hold_that_is_due_count_no_more_in_what_adds_up(
    cli: Cli, client: InventoryClient, mug: str
) -> None:
    client.create_hold([(mug, 3)], ttl=1)
    for _ in range(40):
        told = cli.json("stock", "blame", mug)
        held = int(told["stock_levels"][0]["held"])
        assert sum(int(each["held_delta"]) for each in told["groups"]) == held
        if not held:
            return
    pytest.fail("the hold never ended")


def _random_traffic(client: InventoryClient, mug: str) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = random.Random(seed)  # noqa: S311 - traffic, no secret
    client.adjust_stock(mug, 100, "RECEIVED", location_id="berlin")
    for _ in range(40):
        units, place = rng.randint(1, 4), rng.choice(["default", "berlin"])
        call = rng.randrange(5)
        try:
            if call == 0:
                client.adjust_stock(
                    mug, rng.choice([-units, units]), "CORRECTION", location_id=place
                )
            elif call == 1:
                client.create_order([(mug, units)])
            elif call == 2:
                client.create_hold([(mug, units, place)], ttl=3600)
            elif call == 3:
                client.transfer_stock(
                    [(mug, units)], from_location_id="berlin", to_location_id="default"
                )
            else:
                client.ship_order(next(iter(client.list_orders(product=mug))).order_id)
        except (InventoryError, StopIteration):
            pass  # Refused, or nothing to ship: it is traffic all the same.
