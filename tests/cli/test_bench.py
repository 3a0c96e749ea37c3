"""`inventory-grpc bench`."""

import pytest

from inventory_grpc.client import InventoryClient
from tests.cli.calling import Cli

_SHORT = ("--seconds", 0.3, "--callers", 4)


@pytest.fixture
def mug(client: InventoryClient, sku: str) -> str:
    """A product with ten units."""
    client.create_product(sku, "Mug", initial_stock=10)
    return sku


def test_orders_are_only_tried(cli: Cli, client: InventoryClient, mug: str) -> None:
    told = cli.json("bench", mug, *_SHORT)
    assert told["answered"] > 0
    assert told["orders_per_second"] > 0
    assert 0 < told["p50_ms"] <= told["p99_ms"] <= told["max_ms"]
    assert list(client.list_orders(product=mug)) == []
    assert client.get_stock_level(mug).stock_level.version == 1
    assert "orders_per_second" in cli.ok("bench", mug, *_SHORT).out


def test_orders_that_are_placed_are_cancelled(cli: Cli, client: InventoryClient, mug: str) -> None:
    assert cli.run("bench", mug, *_SHORT, "--for-real").status == 2
    told = cli.json("bench", mug, *_SHORT, "--for-real", "--yes")
    assert len(list(client.list_orders(product=mug))) == told["answered"]
    assert client.get_stock_level(mug).stock_level.allocated == 0


def test_what_no_order_could_be_is_told_once(cli: Cli) -> None:
    said = cli.run("bench", "NO-SUCH", *_SHORT)
    assert (said.status, said.err.count("PRODUCT_NOT_FOUND")) == (3, 1)


def test_the_server_has_to_be_named(mug: str) -> None:
    assert Cli("").run("bench", mug, *_SHORT).status == 2
