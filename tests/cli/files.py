"""Files to import, and what became of them."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from inventory_grpc.client import InventoryClient
from inventory_grpc.v1.products_pb2 import Product
from tests.server.harness import environment

HEADER: Final = ("sku", "name", "price", "currency", "quantity")


def csv_text(rows: Iterable[Sequence[object]], header: Sequence[str] = HEADER) -> str:
    """A file with that header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def write(path: Path, rows: Iterable[Sequence[object]], header: Sequence[str] = HEADER) -> Path:
    """A CSV file."""
    path.write_text(csv_text(rows, header), encoding="utf-8")
    return path


def plain_rows(prefix: str, count: int) -> list[tuple[object, ...]]:
    """Good rows of so many products, each with stock."""
    return [(f"{prefix}-{n:05}", f"Product {n}", f"{n}.50", "EUR", n % 7 + 1) for n in range(count)]


def units(rows: Iterable[Sequence[object]]) -> int:
    """Of all those rows."""
    return sum(int(str(row[-1])) for row in rows)


def products(client: InventoryClient, prefix: str) -> dict[str, Product]:
    """Those whose SKU begins so, by SKU."""
    return {each.sku: each for each in client.list_products(sku_prefix=prefix, page_size=1000)}


def levels(client: InventoryClient, sku: str) -> dict[str, int]:
    """Units on hand by location."""
    return {each.location_id: each.on_hand for each in client.list_stock_levels(product=sku)}


def told_lines(text: str) -> list[int]:
    """The lines that were reported as bad."""
    return [int(line) for line in re.findall(r"^line (\d+): ", text, re.MULTILINE)]


def rejected_lines(path: Path) -> list[int]:
    """The lines in a file of rejected rows."""
    with path.open(encoding="utf-8", newline="") as file:
        return [int(row["rejected_line"]) for row in csv.DictReader(file)]


def spawned(target: str, *words: object) -> "subprocess.Popen[str]":
    """An importer as a process of its own, which can be killed."""
    command = [sys.executable, "-m", "inventory_grpc", "import", *(str(each) for each in words)]
    return subprocess.Popen(
        command,
        env=environment(client_target=target),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill(process: "subprocess.Popen[str]") -> None:
    """As a power cut would."""
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it had ended before it was killed"
