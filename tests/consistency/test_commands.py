"""`inventory-grpc check` and `inventory-grpc repair` as an operator runs them."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import Database
from tests.consistency.history import VERSION, contents, damage, tell
from tests.server.harness import Server, environment

_BREAK = "UPDATE stock_levels SET on_hand = on_hand + 1 WHERE {level}"
CLEAN, WRONG, UNKNOWN = 0, 1, 2


def _run(command: str, *flags: str, **settings: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "inventory_grpc", command, *flags],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


async def test_a_clean_check_says_what_was_checked(server: Server, database: Database) -> None:
    await tell(database)
    status, out, err = _run("check", "--target", server.target)
    assert (status, err) == (CLEAN, "")
    assert out.startswith(f"checked 2 products, 3 stock levels and {VERSION + 4} movements in ")
    assert out.endswith(" s: 0 violations\n")


async def test_a_violation_is_a_line_and_another_exit_status(
    server: Server, database: Database
) -> None:
    past = await tell(database)
    damage(database, _BREAK, past)
    status, out, err = _run("check", listen=server.target)
    assert (status, err) == (WRONG, "")
    line, summary = out.splitlines()
    assert line == (
        f"ON_HAND: product {past.product} at default: expected 100, actual 101, "
        f"first bad version {VERSION}"
    )
    assert summary.endswith(": 1 violations")
    keys = ("--product", "CUP", "--product", past.product.upper())
    assert _run("check", "--target", server.target, *keys)[0] == WRONG
    assert _run("check", "--target", server.target, "--product", "CUP")[0] == CLEAN


async def test_as_json_every_line_is_an_object(server: Server, database: Database) -> None:
    past = await tell(database)
    damage(database, _BREAK, past)
    status, out, _ = _run("check", "--target", server.target, "--output", "json")
    assert status == WRONG
    violation, summary = map(json.loads, out.splitlines())
    assert violation == {
        "violation": {
            "invariant": "ON_HAND",
            "product_id": past.product,
            "location_id": "default",
            "expected": 100,
            "actual": 101,
            "first_bad_version": VERSION,
        }
    }
    assert summary["summary"]["violations"] == 1
    assert summary["summary"]["start_time"] <= summary["summary"]["end_time"]


def test_what_could_not_be_checked_is_one_line_and_a_third_exit_status(server: Server) -> None:
    away = ("--target", "127.0.0.1:1")
    unknown = ("--target", server.target, "--product", "NONE")
    for flags, why in (
        (away, "UNAVAILABLE: failed to connect"),
        (unknown, "NOT_FOUND: no such product: sku:NONE"),
    ):
        status, out, err = _run("check", *flags)
        assert (status, out) == (UNKNOWN, "")
        assert err.startswith(f"could not check {flags[1]}: {why}")
        assert err.count("\n") == 1


async def test_a_repair_shows_its_plan_first_and_then_does_it(database: Database) -> None:
    past = await tell(database)
    damage(
        database,
        _BREAK,
        past,
    )
    damage(database, "UPDATE order_lines SET quantity = 12 WHERE order_id = '{part_shipped}'", past)
    before = contents(database)
    status, plan, err = _run("repair", database_url=database.url)
    assert (status, err) == (WRONG, "")
    assert contents(database) == before
    status, done, err = _run("repair", "--apply", database_url=database.url)
    assert (status, err) == (CLEAN, "")
    assert contents(database) != before
    assert done.splitlines() == [
        f"product {past.product} (MUG) at default:",
        f"  wrong: ON_HAND: expected 100, actual 101, first bad version {VERSION}",
        "  wrong: ORDER_LINES: expected 11, actual 9, first bad version 2",
        "  wrong: ORDER_NET: expected 8, actual 6, first bad version 2",
        f"  posted: version {VERSION + 1} ADJUSTED on_hand +0, allocated +2, held +0"
        f" for order {past.part_shipped}",
        f"  now: on_hand 100, allocated 11, held 5, shortfall 0, version {VERSION + 1}",
        "1 of 1 damaged stock levels were repaired",
    ]
    posted = [line.replace("would post", "posted").replace("then:", "now:") for line in
              plan.splitlines()]  # fmt: skip
    assert posted[:-1] == done.splitlines()[:-1]
    assert "nothing was changed" in posted[-1]
    assert _run("repair", "--apply", database_url=database.url)[:2] == (
        CLEAN,
        "nothing to repair\n",
    )


async def test_a_repair_that_cannot_know_asks_for_a_count(database: Database) -> None:
    past = await tell(database)
    damage(database, "DELETE FROM stock_movements WHERE {level}", past)
    status, plan, _ = _run("repair", "--product", "MUG", database_url=database.url)
    assert status == WRONG
    assert "count the stock there" in plan


async def test_a_level_that_cannot_be_repaired_is_named(database: Database) -> None:
    past = await tell(database)
    damage(
        database,
        "UPDATE stock_movements SET location_id = 'none' WHERE {level} AND stock_version = 10",
        past,
    )
    status, done, _ = _run("repair", "--apply", database_url=database.url)
    assert status == WRONG
    assert f"product {past.product} at none: cannot be repaired: no such location: none" in done
    assert done.endswith("1 of 2 damaged stock levels were repaired\n")


async def test_what_could_not_be_repaired_is_one_line(
    database: Database, empty_database: Database, tmp_path: Path
) -> None:
    away = database.url.replace(database.name, "none")
    for flags, settings in (
        ((), {"database_url": away}),
        ((), {"database_url": empty_database.url}),
        (("--product", "NONE"), {"database_url": database.url}),
        ((), {"data_dir": str(tmp_path / "none")}),
    ):
        status, out, err = _run("repair", *flags, **settings)
        assert (status, out) == (UNKNOWN, "")
        assert err.startswith("could not repair: ")
        assert err.count("\n") == 1
    assert not (tmp_path / "none").exists()
