"""`python -m tests.benchmarks.importing`: an import killed at random points, then counted.

A PostgreSQL and a server of its own, a file of products each with initial stock, and the importer
as a process, killed with SIGKILL `--kills` times and begun again. Exit status 0 when the database
has every product and every unit once; 1 when not, or when it took longer than allowed.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import psycopg2
from rich.console import Console
from sqlalchemy.engine import make_url

from inventory_grpc.embedded import EmbeddedPostgres
from tests.benchmarks import databases, processes

_TICK_SECONDS: Final = 0.1
_MIB: Final = 1024 * 1024
_COUNTS: Final = """
SELECT (SELECT count(*) FROM products),
       (SELECT count(*) FROM stock_movements),
       (SELECT count(*) FROM stock_levels WHERE version = 1),
       (SELECT coalesce(sum(on_hand), 0)::bigint FROM stock_levels)
"""

Say = Callable[[str], None]


@dataclass
class Runs:
    """What the importer did, from one kill to the next."""

    seconds: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    """Done at the end of each, as the journal said."""
    rss_bytes_max: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; the exit status."""
    options = _parser().parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{options.rows:,} products, killed {options.kills} times, seed {seed}")
    chance = random.Random(seed)  # noqa: S311
    kills = sorted(int(options.rows * chance.uniform(0.05, 0.95)) for _ in range(options.kills))
    with tempfile.TemporaryDirectory(prefix="inventory-bench-") as name:
        directory = Path(name)
        file = directory / "products.csv"
        units = _write(file, options.rows)
        console.print(f"file: {file.stat().st_size / _MIB:.0f} MiB")
        with (
            databases.postgres(directory) as postgres,
            _served(postgres, directory) as server,
        ):
            deadline = time.monotonic() + options.seconds_max
            runs = _import(file, server, kills, deadline, options.mode, console.print)
            counts = _counts(postgres)
    _report(runs, options.rows, counts, console.print)
    expected = (options.rows, options.rows, options.rows, units)
    console.print(f"exact: {counts == expected}; expected {expected}")
    return 0 if counts == expected else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.importing", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--mode", choices=["atomic", "independent"], default="independent")
    parser.add_argument("--seconds-max", type=float, default=900.0)
    parser.add_argument("--seed", type=int, help="of the points where it is killed")
    return parser


def _write(path: Path, rows: int) -> int:
    """The file; how many units are in it."""
    units = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("sku,name,description,price,currency,label.colour,quantity\n")
        for n in range(rows):
            quantity = n % 97 + 1
            units += quantity
            file.write(
                f'SKU-{n:08},"Product {n}, boxed",Made for measuring number {n},'
                f"{n % 500}.90,EUR,{('red', 'green', '')[n % 3]},{quantity}\n"
            )
    return units


def _served(
    postgres: EmbeddedPostgres, directory: Path
) -> AbstractContextManager[processes.Server]:
    return processes.server(
        "inventory_grpc",
        "serve",
        "--listen",
        "127.0.0.1:0",
        log=directory / "server.log",
        database_url=postgres.url(databases.INVENTORY),
        migration_database_url=postgres.url(databases.INVENTORY, "owner"),
    )


def _import(
    file: Path, server: processes.Server, kills: Sequence[int], deadline: float, mode: str, say: Say
) -> Runs:
    runs, journal = Runs(), Path(f"{file}.journal")
    for point in (*kills, None):
        began = time.monotonic()
        words = ["import", str(file), "--mode", mode, "--target", server.address]
        importer = subprocess.Popen([sys.executable, "-m", "inventory_grpc", *words])
        _watched(importer, journal, point, runs, deadline)
        runs.seconds.append(time.monotonic() - began)
        runs.rows.append(_rows(journal))
        if point is not None:
            say(f"killed behind row {runs.rows[-1]:,} after {runs.seconds[-1]:.1f} s")
        elif importer.returncode:
            raise processes.BenchmarkFailed(f"the import ended with {importer.returncode}")
    return runs


def _watched(
    importer: "subprocess.Popen[bytes]",
    journal: Path,
    point: int | None,
    runs: Runs,
    deadline: float,
) -> None:
    """Until it ends, or is killed when that many rows are done."""
    process = psutil.Process(importer.pid)
    while True:
        try:
            importer.wait(_TICK_SECONDS)
        except subprocess.TimeoutExpired:
            runs.rss_bytes_max = max(runs.rss_bytes_max, process.memory_info().rss)
        else:
            return
        late = time.monotonic() > deadline
        if late or (point is not None and _rows(journal) >= point):
            importer.kill()
            importer.wait()
            if late:
                raise processes.BenchmarkFailed("it took longer than --seconds-max")
            return


def _rows(journal: Path) -> int:
    """Done so far; a line may be torn."""
    if not journal.exists():
        return 0
    *whole, _ = journal.read_bytes()[-4096:].split(b"\n")
    return int(json.loads(whole[-1]).get("rows", 0)) if len(whole) > 1 else 0


def _counts(postgres: EmbeddedPostgres) -> tuple[int, ...]:
    url = make_url(postgres.url(databases.INVENTORY, "superuser")).set(drivername="postgresql")
    with (
        closing(psycopg2.connect(url.render_as_string(hide_password=False))) as conn,
        conn.cursor() as cursor,
    ):
        cursor.execute(_COUNTS)
        row = cursor.fetchone()
        assert row is not None
        return tuple(row)


def _report(runs: Runs, rows: int, counts: tuple[int, ...], say: Say) -> None:
    seconds = sum(runs.seconds)
    say(f"{rows:,} rows in {seconds:.1f} s of {len(runs.seconds)} runs: {rows / seconds:,.0f}/s")
    say(f"peak memory of the importer: {runs.rss_bytes_max / _MIB:.0f} MiB RSS")
    say("products, movements, levels of version 1, units: " + ", ".join(f"{n:,}" for n in counts))


if __name__ == "__main__":
    sys.exit(main())
