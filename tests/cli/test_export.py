"""What is exported can be imported, and is the same products with the same stock."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inventory_grpc.client import InventoryClient, money
from tests.cli.calling import Cli
from tests.conftest import Database
from tests.server.harness import Server, running

Catalogue = dict[str, object]


@pytest.fixture(autouse=True, scope="module")
def stocked(client: InventoryClient) -> None:
    client.create_location("berlin")
    client.create_product("PLAIN", "Plain")
    client.create_product(
        "MUG",
        'Mug, "große"',
        description="two\nlines; =1+1",
        price=money("9.9", "EUR"),
        labels={"colour": "röd", "size": ""},
        initial_stock={"berlin": 4, "default": 3},
    )
    client.create_product("FORMULA", "=HYPERLINK(1)", price=money("0.0001", "USD"))
    client.create_product("SOLD", "Sold", initial_stock=5)
    client.set_stock("SOLD", 0, unchecked=True)
    client.create_product("GONE", "Gone")
    client.delete_product("GONE")


@pytest.fixture
def empty(database: Database, tmp_path: Path) -> Iterator[Server]:
    """Another server, with a database of its own."""
    with running(tmp_path / "log", "--no-migrate", database_url=database.url) as server:
        with InventoryClient(server.target) as client:
            client.create_location("berlin")
        yield server


@pytest.mark.parametrize("name", ["all.csv", "all.jsonl", "all.csv.gz", "all.jsonl.gz"])
def test_what_is_exported_and_imported_is_the_same(
    cli: Cli, client: InventoryClient, empty: Server, tmp_path: Path, name: str
) -> None:
    said = cli.ok("export", tmp_path / name)
    assert "exported 4 products" in said.err
    Cli(empty.target).ok("import", tmp_path / name)
    with InventoryClient(empty.target) as other:
        assert _catalogue(other) == _catalogue(client)
    assert not list(tmp_path.glob("*.part"))


def test_an_export_can_be_piped_into_an_import(
    cli: Cli, client: InventoryClient, empty: Server
) -> None:
    exported = cli.ok("export", "-", "--format", "jsonl").out
    said = Cli(empty.target).run("import", "-", "--format", "jsonl", stdin=exported)
    assert said.status == 0, said.err
    with InventoryClient(empty.target) as other:
        assert _catalogue(other) == _catalogue(client)


def test_text_that_a_spreadsheet_would_run_is_exported_as_it_is(cli: Cli, tmp_path: Path) -> None:
    cli.ok("export", tmp_path / "all.jsonl.gz")
    lines = gzip.decompress((tmp_path / "all.jsonl.gz").read_bytes()).decode().splitlines()
    assert "=HYPERLINK(1)" in [json.loads(line)["name"] for line in lines]


def test_an_export_as_of_a_moment_shows_the_stock_of_then(
    cli: Cli, client: InventoryClient
) -> None:
    made = client.create_product("MOVING", "Moving", initial_stock=5)
    shown = client.batch_get_availability(["MOVING"]).snapshot_time.ToDatetime(tzinfo=UTC)
    client.adjust_stock("MOVING", 2, "RECEIVED")
    client.create_product("LATER", "Later")
    assert made.product.create_time.ToDatetime(tzinfo=UTC) <= shown <= datetime.now(UTC)
    rows = {row["sku"]: row for row in cli.ok("export", "-", "--format", "csv").csv}
    assert rows["MOVING"]["quantity"] == "7"
    then = cli.ok("export", "-", "--format", "csv", "--as-of", shown.isoformat())
    rows = {row["sku"]: row for row in then.csv}
    assert rows["MOVING"]["quantity"] == "5"
    assert "LATER" not in rows
    for sku, units in ("MOVING", 0), ("LATER", 0):
        client.set_stock(sku, units, unchecked=True)
        client.delete_product(sku)


def test_a_file_that_could_not_be_completed_is_not_there(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    file.write_text("of yesterday")
    said = cli.run("export", file, "--as-of", "2999-01-01T00:00Z")
    assert said.status == 1
    assert file.read_text() == "of yesterday"
    assert not list(tmp_path.glob("*.part"))


def _catalogue(client: InventoryClient) -> Catalogue:
    """All products by SKU, with what an export is about."""
    stock: dict[str, dict[str, int]] = {}
    for level in client.list_stock_levels():
        if level.on_hand:
            stock.setdefault(level.sku, {})[level.location_id] = level.on_hand
    return {
        each.sku: (
            each.name,
            each.description,
            each.price.SerializeToString(),
            dict(each.labels),
            stock.get(each.sku),
        )
        for each in client.list_products()
    }
