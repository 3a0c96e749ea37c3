"""Products come from files as they stand there, or are reported with their line and why."""

import gzip
import json
from pathlib import Path

import pytest

from inventory_grpc.client import InventoryClient, decimal
from tests.cli.calling import Cli
from tests.cli.files import (
    csv_text,
    levels,
    plain_rows,
    products,
    rejected_lines,
    told_lines,
    write,
)


@pytest.fixture(autouse=True, scope="module")
def berlin(client: InventoryClient) -> None:
    client.create_location("berlin")


def test_a_row_is_a_product_with_its_stock(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    text = (
        "\ufeffsku,name,description,price,currency,labels,label.size,location_id,quantity\r\n"
        f'{sku},"Becher, groß","Zeile 1\nZeile 2",9.9,EUR,"{{""colour"": ""red""}}",L,,3\r\n'
    )
    file = tmp_path / "products.csv"
    file.write_bytes(text.encode())
    cli.ok("import", file)
    product = client.get_product(sku).product
    assert (product.name, product.description) == ("Becher, groß", "Zeile 1\nZeile 2")
    assert (str(decimal(product.price)), product.price.currency_code) == ("9.9000", "EUR")
    assert dict(product.labels) == {"colour": "red", "size": "L"}
    assert levels(client, sku) == {"default": 3}


def test_neighbouring_rows_of_one_sku_are_one_product_at_several_locations(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    rows = [(sku, "Mug", "default", 3), (sku, "", "berlin", 4)]
    cli.ok("import", write(tmp_path / "a.csv", rows, ("sku", "name", "location_id", "quantity")))
    assert levels(client, sku) == {"default": 3, "berlin": 4}


def test_an_object_of_jsonl_has_the_same_columns_or_its_stock_by_location(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    objects = [
        {"sku": f"{sku}-1", "name": "Mug", "price": 9.1, "currency": "EUR", "quantity": 2},
        {"sku": f"{sku}-2", "name": "Cup", "labels": {"a": "b"}, "stock": {"berlin": 4}},
    ]
    file = tmp_path / "products.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, objects)).encode()))
    cli.ok("import", file)
    found = products(client, sku)
    assert str(decimal(found[f"{sku}-1"].price)) == "9.1000"
    assert levels(client, f"{sku}-1") == {"default": 2}
    assert levels(client, f"{sku}-2") == {"berlin": 4}


def test_what_comes_from_a_pipe_is_imported_too(
    cli: Cli, client: InventoryClient, sku: str
) -> None:
    said = cli.run("import", "-", "--format", "csv", stdin=csv_text(plain_rows(sku, 3)))
    assert said.status == 0, said.err
    assert len(products(client, sku)) == 3


BAD = {
    "{sku},Mug,9.90,,1\n": "price without a currency",
    "{sku},Mug,,EUR,1\n": "currency without a price",
    '{sku},Mug,"1,234.50",EUR,1\n': "price must be a number",
    "{sku},Mug,1e3,EUR,1\n": "price must be a number",
    "{sku},Mug,0.00001,EUR,1\n": "price.nanos must be a multiple",
    "{sku},Mug,-1,EUR,1\n": "price must not be negative",
    "{sku},Mug,1,Euro,1\n": "price.currency_code must be three capital letters",
    '{sku},Mug,1,EUR,"1,000"\n': "quantity must be a whole number",
    "{sku},Mug,1,EUR,1_000\n": "quantity must be a whole number",
    "{sku},Mug,1,EUR,-1\n": "quantity must be a whole number",
    "{sku},Mug,1,EUR,1000000001\n": "quantity must be a whole number",
    "{sku},,1,EUR,1\n": "name is required",
    ",Mug,1,EUR,1\n": "sku is required",
    "{sku} x,Mug,1,EUR,1\n": "sku must be 1-64",
    "{sku},Mug,1,EUR\n": "has 4 cells, the header has 5",
    '{sku},"Mug"x,1,EUR,1\n': "is no CSV",
    "{sku},M\udcffg,1,EUR,1\n": "byte 0xff in line 3: no UTF-8",
    "{sku},M\x01g,1,EUR,1\n": "name must not contain control characters",
}


@pytest.mark.parametrize("row", BAD, ids=BAD.values())
def test_a_bad_row_is_reported_with_its_line_and_why_and_not_imported(
    cli: Cli, client: InventoryClient, tmp_path: Path, row: str, request: pytest.FixtureRequest
) -> None:
    sku = f"BAD-{list(BAD).index(row)}"
    text = csv_text(plain_rows(sku, 1)) + row.replace("{sku}", sku) + f"{sku}-LAST,Last,,,\n"
    file = tmp_path / "bad.csv"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    said = cli.run("import", file, "--dry-run")
    assert said.status == 1
    assert told_lines(said.out) == [3]
    assert f"line 3: {BAD[row]}" in said.out
    assert products(client, sku) == {}
    assert cli.run("import", file, "--mode", "independent").status == 1
    assert sorted(products(client, sku)) == [f"{sku}-00000", f"{sku}-LAST"]
    # The row is kept as it was, byte for byte.
    kept = (tmp_path / "bad.csv.rejects.csv").read_bytes()
    if BAD[row] != "is no CSV":
        assert row.replace("{sku}", sku).encode("utf-8", "surrogateescape") in kept


BAD_OBJECTS = {
    '{"sku": "J", "name": "Mug"': "is no JSON: ",
    '["J", "Mug"]': "is no JSON object",
    '{"sku": "J", "name": "Mug", "colour": 1}': "unknown key 'colour'",
    '{"sku": "J", "name": 7}': "name must be text, not '7'",
    '{"sku": "J"}': "name is missing",
    '{"sku": "J", "name": "Mug", "price": NaN, "currency": "EUR"}': "is no JSON: NaN is no number",
    '{"sku": "J", "name": "Mug", "price": 1e99999, "currency": "EUR"}': "price must be a number",
    '{"sku": "J", "name": "Mug", "quantity": true}': "quantity must be a whole number",
    '{"sku": "J", "name": "Mug", "quantity": 1.5}': "quantity must be a whole number",
    '{"sku": "J", "name": "Mug", "labels": {"a": 1}}': "labels must be a JSON object with text",
    '{"sku": "J", "name": "M\\ud800g"}': "has text that is no Unicode",
    '{"sku": "J", "name": "Mug", "stock": {"berlin": 1}, "quantity": 1}': "give either stock",
    '{"sku": "J", "name": "Mug", "stock": {"berlin": -1}}': "stock of 'berlin' must be a whole",
}


@pytest.mark.parametrize("text", BAD_OBJECTS, ids=BAD_OBJECTS.values())
def test_a_bad_object_is_reported_with_its_line_and_why(
    cli: Cli, client: InventoryClient, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(f"\n{text}\n")
    said = cli.run("import", file)
    assert said.status == 1
    assert f"line 2: {BAD_OBJECTS[text].split(':')[0]}" in said.err
    assert products(client, "J") == {}
    kept = json.loads((tmp_path / "bad.jsonl.rejects.jsonl").read_text())
    assert kept["rejected_line"] == 2
    assert BAD_OBJECTS[text] in kept["rejected_reason"]
    assert text in (kept.get("rejected_text"), *_without_remarks(kept, text))


def _without_remarks(kept: dict[str, object], text: str) -> list[str]:
    """The text, if what is kept is that and the two remarks."""
    own = {name: value for name, value in kept.items() if not name.startswith("rejected_")}
    try:
        return [text] if repr(own) == repr(json.loads(text)) else []
    except ValueError:
        return []


def test_a_sku_that_comes_again_elsewhere_is_bad(cli: Cli, tmp_path: Path, sku: str) -> None:
    rows = [(sku, "Mug", "", "", 1), ("OTHER", "Cup", "", "", 1), (sku, "Mug", "", "", 2)]
    said = cli.run("import", write(tmp_path / "a.csv", rows), "--dry-run")
    assert told_lines(said.out) == [4]
    assert "sku repeats line 2" in said.out


def test_all_rows_of_a_bad_product_are_rejected(cli: Cli, tmp_path: Path, sku: str) -> None:
    header = ("sku", "name", "location_id", "quantity")
    rows = [(sku, "Mug", "", 1), (sku, "Cup", "berlin", 2), (sku, "", "default", 3)]
    file = write(tmp_path / "a.csv", rows, header)
    said = cli.run("import", file, "--dry-run")
    assert told_lines(said.out) == [2, 3, 4]
    assert "line 3: name is not that of line 2" in said.out
    assert "line 4: location_id repeats line 2" in said.out


def test_an_unknown_location_is_reported_and_can_be_made_before_the_next_run(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    header = ("sku", "name", "location_id", "quantity")
    file = write(tmp_path / "a.csv", [(sku, "Mug", "hamburg", 1)], header)
    refused = cli.run("import", file, "--mode", "independent")
    assert refused.status == 1
    assert "line 2: LOCATION_NOT_FOUND" in refused.err
    client.create_location("hamburg")
    # The stored refusal of the first run is not the last word.
    cli.ok("import", file, "--mode", "independent")
    assert levels(client, sku) == {"hamburg": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty"),
        ("name\nMug\n", "no column 'sku'"),
        ("sku,name,colour\n", "unknown column 'colour'"),
        ("sku;name\n", "unknown column 'sku;name'"),
        ("sku,name,sku\n", "column 'sku' is there twice"),
        ("sku," + "x" * 200_000 + "\n", "the header cannot be read"),
        ("sku,name\n" + "x" * 2_000_000, "line 2 has more than"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_as_a_whole(
    cli: Cli, tmp_path: Path, text: str, why: str
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    said = cli.run("import", file)
    assert said.status == 2
    assert why in said.err.replace("\n", " ")


def test_a_file_with_a_header_alone_has_nothing_to_import(cli: Cli, tmp_path: Path) -> None:
    assert "rows: 0 imported" in cli.ok("import", write(tmp_path / "a.csv", [])).out


def test_a_packed_file_that_is_cut_off_is_refused(cli: Cli, tmp_path: Path, sku: str) -> None:
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress(csv_text(plain_rows(sku, 500)).encode())[:-20])
    said = cli.run("import", file)
    assert said.status == 2
    assert "is damaged" in said.err


def test_a_server_that_is_not_there_is_exit_status_2(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [])
    said = Cli("127.0.0.1:1").run("import", file, "--patience-seconds", 1)
    assert said.status == 2


def test_of_a_file_with_1_percent_bad_rows_atomic_imports_none_and_independent_the_rest(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    rows = plain_rows(sku, 2_000)
    bad = range(7, 2_000, 100)
    for n in bad:
        # Some are bad by themselves, others by the rules of the server.
        rows[n] = (rows[n][0], "" if n % 200 == 7 else "Mug", "9", "EUR", "1 000" if n % 200 else 1)
    lines = [n + 2 for n in bad]
    file, rejects = write(tmp_path / "a.csv", rows), tmp_path / "a.csv.rejects.csv"

    atomic = cli.run("import", file)
    assert atomic.status == 1
    assert "nothing was imported: of 2,000 rows 20 are bad" in atomic.out
    assert rejected_lines(rejects) == lines
    assert products(client, sku) == {}

    assert told_lines(cli.run("import", file, "--dry-run").out) == lines

    independent = cli.run("import", file, "--mode", "independent")
    assert independent.status == 1
    assert "rows: 1,980 imported, 0 were there already, 20 rejected" in independent.out
    assert rejected_lines(rejects) == lines
    assert set(products(client, sku)) == {str(row[0]) for n, row in enumerate(rows) if n not in bad}


def test_the_rejected_rows_can_be_mended_in_their_file_and_imported_from_it(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    rows = [*plain_rows(sku, 3), (f"{sku}-X", "Mug", "9,90", "EUR", 5)]
    assert cli.run("import", write(tmp_path / "a.csv", rows), "--mode", "independent").status == 1
    rejects = tmp_path / "a.csv.rejects.csv"
    rejects.write_text(rejects.read_text().replace('"9,90"', "9.90"))
    cli.ok("import", rejects)
    assert levels(client, f"{sku}-X") == {"default": 5}
