"""`inventory-grpc product`."""

import csv
import io

import pytest

from inventory_grpc.client import InventoryClient
from inventory_grpc.commands.output.columns import PRODUCT
from tests.cli.calling import Cli


def test_a_product_is_created_and_shown_as_a_table_and_as_the_protos_have_it(
    cli: Cli, sku: str
) -> None:
    made = cli.json("product", "create", sku, "Mug", "--price", "9.90EUR", "--stock", 5)
    assert made["sku"] == sku
    assert made["price"] == {"currency_code": "EUR", "units": "9", "nanos": 900_000_000}
    shown = cli.ok("product", "get", sku).out
    assert f"sku          {sku}" in shown
    assert "price        9.90" in shown
    assert "available    5" in shown


def test_a_product_is_named_by_its_id_as_well(cli: Cli, sku: str) -> None:
    product_id = cli.json("product", "create", sku, "Mug")["product_id"]
    assert cli.json("product", "get", product_id)["sku"] == sku


def test_a_dry_run_creates_nothing(cli: Cli, sku: str) -> None:
    cli.ok("product", "create", sku, "Mug", "--dry-run")
    assert cli.run("product", "get", sku).status == 3


def test_the_same_request_id_creates_once(cli: Cli, sku: str) -> None:
    call = ("product", "create", sku, "Mug", "--request-id", "01890000-0000-7000-8000-000000000001")
    assert cli.json(*call) == cli.json(*call)


def test_only_what_is_given_is_changed(cli: Cli, sku: str) -> None:
    cli.ok("product", "create", sku, "Mug", "--price", "9.90EUR", "--label", "a=b")
    changed = cli.json("product", "update", sku, "--name", "Cup", "--expected-version", 1)
    assert (changed["name"], changed["labels"], changed["price"]["units"]) == (
        "Cup",
        {"a": "b"},
        "9",
    )


def test_a_deletion_is_taken_back_by_id(cli: Cli, sku: str) -> None:
    product_id = cli.json("product", "create", sku, "Mug")["product_id"]
    assert "delete_time" in cli.json("product", "delete", sku)
    assert cli.run("product", "get", sku).status == 3
    assert "delete_time" not in cli.json("product", "undelete", product_id)


@pytest.fixture
def four(client: InventoryClient, sku: str) -> list[str]:
    names = [f"{sku}-{number}" for number in range(4)]
    for name in names:
        client.create_product(name, "Mug")
    return names


def test_a_list_says_when_there_is_more(cli: Cli, sku: str, four: list[str]) -> None:
    few = cli.ok("product", "list", "--sku-prefix", f"{sku}-", "--limit", 2)
    assert len(few.lines) == 1 + 2
    assert "--all" in few.err
    every = cli.ok("product", "list", "--sku-prefix", f"{sku}-", "--all")
    assert (len(every.lines), every.err) == (1 + 4, "")


def test_a_list_is_one_list_in_json_and_in_yaml(cli: Cli, sku: str, four: list[str]) -> None:
    call = ("product", "list", "--sku-prefix", f"{sku}-", "--order-by", "sku")
    assert [each["sku"] for each in cli.json(*call)] == four
    assert [each["sku"] for each in cli.ok(*call, "-o", "yaml").yaml] == four
    assert cli.json("product", "list", "--sku-prefix", "NOTHING-") == []


def test_csv_has_the_same_columns_whatever_there_is(cli: Cli, sku: str, four: list[str]) -> None:
    header = [column.name for column in PRODUCT.columns]
    full = cli.ok("product", "list", "--sku-prefix", f"{sku}-", "-o", "csv").out
    none = cli.ok("product", "list", "--sku-prefix", "NOTHING-", "-o", "csv").out
    assert next(csv.reader(io.StringIO(full))) == next(csv.reader(io.StringIO(none))) == header
