"""Whatever stopped an import: run it again, and it ends with everything done once."""

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from inventory_grpc.client import InventoryClient, money
from inventory_grpc.commands.transfer.journal import Journal, State
from inventory_grpc.commands.transfer.plan import Plan
from inventory_grpc.commands.transfer.source import opened
from tests.cli.calling import Cli
from tests.cli.files import (
    kill,
    levels,
    plain_rows,
    products,
    rejected_lines,
    spawned,
    units,
    write,
)
from tests.conftest import Database
from tests.server.harness import Server, poll_until

ROWS = 2_000
STOCK = ("sku", "location_id", "quantity")


def test_an_import_killed_three_times_has_every_product_and_its_stock_once(
    server: Server,
    client: InventoryClient,
    shared_database: Database,
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311
    rows = plain_rows("KILLED", ROWS)
    bad = sorted(chance.sample(range(ROWS), 20))
    for n in bad:
        rows[n] = (*rows[n][:-1], "many")
    file = write(tmp_path / "a.csv", rows)
    journal = tmp_path / "a.csv.journal"
    words = (file, "--mode", "independent", "--batch-rows", 20)

    for number, point in enumerate(sorted(chance.sample(range(1, ROWS - 400), 3))):
        process = spawned(server.target, *words)
        poll_until(_made(shared_database, "KILLED", point), 60)
        kill(process)
        if number == 1:
            # Losing the journal does no harm.
            journal.unlink()
        if number == 2:
            with journal.open("ab") as torn:
                torn.write(b'{"rows": 19')
    process = spawned(server.target, *words)
    said, _ = process.communicate()

    assert process.returncode == 1, said
    good = [row for n, row in enumerate(rows) if n not in bad]
    assert set(products(client, "KILLED")) == {str(row[0]) for row in good}
    assert _received(shared_database, "KILLED") == (len(good), units(good))
    assert rejected_lines(tmp_path / "a.csv.rejects.csv") == [n + 2 for n in bad]
    assert not journal.exists()


def test_a_run_goes_on_where_the_journal_says(
    server: Server, cli: Cli, shared_database: Database, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.csv", plain_rows("NEAR", ROWS))
    process = spawned(server.target, file, "--batch-rows", 20, "--mode", "independent")
    poll_until(_made(shared_database, "NEAR", 400), 60)
    kill(process)
    done = int((tmp_path / "a.csv.journal").read_text().splitlines()[-1].split(",")[0][9:])
    assert done >= 200
    said = cli.ok("import", file, "--mode", "independent")
    assert f"going on behind row {done:,}" in said.err
    assert f"{ROWS - done:,} rows in" in said.out


def test_a_sku_that_was_imported_before_the_kill_is_known_to_the_run_after_it(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    rows = plain_rows(sku, 3)
    file = write(tmp_path / "a.csv", [*rows, rows[0]])
    with opened(str(file)) as source:
        plan = Plan(source, "csv", "products", "independent", cli.target)
        with Journal(tmp_path / "a.csv.journal", plan.header) as journal:
            journal.note(State(rows=3, created=3))
    said = cli.run("import", file, "--mode", "independent")
    assert "line 5: sku repeats line 2" in said.err
    assert products(client, sku) == {}


def test_the_journal_of_another_database_counts_for_nothing(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    file = write(tmp_path / "a.csv", plain_rows(sku, 3))
    process = spawned(cli.target, file, "--batch-rows", 1, "--mode", "independent")
    process.communicate()
    # As if it had been killed there: a journal that says all is done, and a server without it.
    cli.ok("import", write(tmp_path / "b.csv", plain_rows(sku, 3)))

    with opened(str(file)) as source:
        plan = Plan(source, "csv", "products", "independent", cli.target)
        with Journal(tmp_path / "a.csv.journal", plan.header) as journal:
            journal.note(State(rows=3, created=3, sample=(f"{sku}-GONE", "")))
    said = cli.ok("import", file, "--mode", "independent")
    assert "is of another database" in said.err
    assert "3 rows in" in said.out


def test_a_product_that_was_changed_since_is_known_by_its_stored_answer(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    file = write(tmp_path / "a.csv", plain_rows(sku, 3))
    cli.ok("import", file)
    client.update_product(f"{sku}-00001", price=money("3", "EUR"))
    said = cli.ok("import", file, "--mode", "independent")
    assert "rows: 0 imported, 3 were there already, 0 rejected" in said.out


def test_a_product_is_known_by_its_content_when_no_answer_is_stored_any_more(
    cli: Cli, client: InventoryClient, shared_database: Database, tmp_path: Path, sku: str
) -> None:
    rows = plain_rows(sku, 3)
    file = write(tmp_path / "a.csv", rows)
    cli.ok("import", file)
    client.update_product(f"{sku}-00001", name="Another")
    _forget_answers(shared_database)
    said = cli.run("import", file, "--mode", "independent")
    assert said.status == 1
    assert "rows: 0 imported, 2 were there already, 1 rejected" in said.out
    assert "line 3: SKU_TAKEN: the product that has it differs in name" in said.err
    assert _received(shared_database, sku) == (3, units(rows))


def test_two_imports_of_a_file_at_once_are_one_too_many(cli: Cli, tmp_path: Path, sku: str) -> None:
    file = write(tmp_path / "a.csv", plain_rows(sku, 1))
    with Journal(tmp_path / "a.csv.journal", {}):
        said = cli.run("import", file)
    assert said.status == 2
    assert "another import is running" in said.err


def test_an_atomic_import_stops_at_a_row_that_is_refused_after_the_check(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    file = write(tmp_path / "a.csv", plain_rows(sku, 30))
    with opened(str(file)) as source:
        plan = Plan(source, "csv", "products", "atomic", cli.target)
        with Journal(tmp_path / "a.csv.journal", plan.header) as journal:
            journal.note(State(checked=True))
    taken = client.create_product(f"{sku}-00010", "Somebody was faster").product
    said = cli.run("import", file, "--batch-rows", 1, "--in-flight", 1)
    assert said.status == 1
    assert "stopped" in said.out
    assert "line 12: SKU_TAKEN" in said.err
    assert len(products(client, sku)) == 11
    client.delete_product(taken)
    cli.ok("import", file)
    assert len(products(client, sku)) == 30


@pytest.mark.parametrize("forgotten", [False, True], ids=["answers-stored", "answers-gone"])
def test_a_delivery_is_added_once_however_often_its_file_is_imported(
    cli: Cli,
    client: InventoryClient,
    shared_database: Database,
    tmp_path: Path,
    forgotten: bool,
) -> None:
    sku = f"DELIVERED-{forgotten}"
    client.create_product(sku, "Mug", initial_stock=10)
    # The same twice in one file is two deliveries.
    file = write(tmp_path / "a.csv", [(sku, "", 5), (sku, "default", 5), (sku, "", 1)], STOCK)
    words = ("import", file, "--stock-only", "--received")
    assert "rows: 3 imported" in cli.ok(*words).out
    if forgotten:
        _forget_answers(shared_database)
    assert "rows: 0 imported, 3 were there already" in cli.ok(*words).out
    assert levels(client, sku) == {"default": 21}
    cli.ok(*words, "--import-id", "tuesday")
    assert levels(client, sku) == {"default": 32}


def test_a_count_replaces_what_is_on_hand_and_only_once(
    cli: Cli, client: InventoryClient, shared_database: Database, tmp_path: Path, sku: str
) -> None:
    client.create_product(sku, "Mug", initial_stock=10)
    file = write(tmp_path / "a.csv", [(sku, "default", 7)], STOCK)
    cli.ok("import", file, "--stock-only")
    assert levels(client, sku) == {"default": 7}
    client.adjust_stock(sku, 5, "RECEIVED")
    _forget_answers(shared_database)
    cli.ok("import", file, "--stock-only")
    assert levels(client, sku) == {"default": 12}


def test_stock_of_what_is_not_there_is_rejected(
    cli: Cli, client: InventoryClient, tmp_path: Path, sku: str
) -> None:
    client.create_product(sku, "Mug")
    rows = [(sku, "", 7), ("NOBODY", "", 1), (sku, "nowhere", 1), (sku, "default", 8)]
    file = write(tmp_path / "a.csv", rows, STOCK)
    said = cli.run("import", file, "--stock-only", "--mode", "independent")
    assert said.status == 1
    assert "line 3: PRODUCT_NOT_FOUND" in said.err
    assert "line 4: LOCATION_NOT_FOUND" in said.err
    assert "line 5: sku and location_id repeat line 2" in said.err
    assert levels(client, sku) == {"default": 7}


def _made(database: Database, prefix: str, count: int) -> Callable[[], bool]:
    """Whether there are so many products by now."""
    query = "SELECT count(*) FROM products WHERE sku LIKE %s"
    return lambda: _one(database, query, prefix)[0] >= count


def _received(database: Database, prefix: str) -> tuple[int, ...]:
    """Movements and units of all products whose SKU begins so."""
    return _one(
        database,
        "SELECT count(*), sum(on_hand_delta)::bigint FROM stock_movements "
        "JOIN products USING (product_id) WHERE sku LIKE %s",
        prefix,
    )


def _one(database: Database, query: str, prefix: str) -> tuple[int, ...]:
    with closing(database.connect("superuser")) as conn, conn.cursor() as cursor:
        cursor.execute(query, (f"{prefix}%",))
        row = cursor.fetchone()
        assert row is not None
        return tuple(int(each or 0) for each in row)


def _forget_answers(database: Database) -> None:
    """As their pruning does after a day."""
    with closing(database.connect("superuser")) as conn, conn, conn.cursor() as cursor:
        cursor.execute("DELETE FROM stored_answers")
