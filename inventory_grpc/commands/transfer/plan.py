"""What shall be imported, from where, and how."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from inventory_grpc.commands.transfer.batches import ROWS_MAX
from inventory_grpc.commands.transfer.entries import (
    Entry,
    pass_products,
    product_entries,
    stock_entries,
)
from inventory_grpc.commands.transfer.records import Format, Record
from inventory_grpc.commands.transfer.seen import Seen
from inventory_grpc.commands.transfer.source import Source

What = Literal["products", "counts", "deliveries"]
Mode = Literal["atomic", "independent"]

IN_FLIGHT: Final = 4
"""While one batch commits, the next ones are parsed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An import."""

    source: Source
    kind: Format
    what: What
    mode: Mode
    target: str
    import_id: str = ""
    """Tells apart imports of the same rows; default: by the bytes of the file."""
    dry_run: bool = False
    in_flight: int = IN_FLIGHT
    batch_rows: int = ROWS_MAX
    journal: Path | None = None
    rejects: Path | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that cannot be missing."""
        return ("sku", "name") if self.what == "products" else ("sku", "quantity")

    @property
    def name(self) -> str:
        """The import id."""
        return self.import_id or self.source.digest

    @property
    def header(self) -> dict[str, str]:
        """What a journal must be about to be this import's."""
        target = hashlib.sha256(self.target.encode()).hexdigest()[:16]
        return {
            "file": self.source.digest,
            "import": self.name,
            "what": self.what,
            "mode": self.mode,
            "target": target,
            "format": self.kind,
        }

    def entries(self, records: Iterator[Record], seen: Seen, passed: int) -> Iterator[Entry[Any]]:
        """What the rows of the file stand for, behind so many that are done with."""
        if self.what == "products":
            # Batches end where products do.
            pass_products(records, passed, seen)
            return product_entries(records, self.name, seen)
        received = self.what == "deliveries"
        entries = stock_entries(records, self.name, seen, received=received)
        return islice(entries, passed, None)
