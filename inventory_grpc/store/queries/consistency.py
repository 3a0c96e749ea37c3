"""The ledger checked against counters and lines, one range of products per statement."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from inventory_grpc.domain.consistency import LedgerFacts
from inventory_grpc.domain.model import ProductKey, StockLevel
from inventory_grpc.store.engine import PLANNER
from inventory_grpc.store.ledger_facts import level_and_facts, suspects_sql
from inventory_grpc.store.statements import array, text_array

PRODUCTS_MAX: Final = 500
ROWS_MAX: Final = 10_000
"""Of the ledger, in a range of more than one product: a fraction of a second."""

FIRST_ID: Final = "00000000-0000-0000-0000-000000000000"
LAST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"

_IN_RANGE: Final = "product_id BETWEEN CAST(:first AS uuid) AND CAST(:last AS uuid)"
_SUSPECTS: Final = text(suspects_sql(_IN_RANGE)).execution_options(
    # A statement over thousands of rows looks dear enough to be compiled, which takes longer. A
    # product with a huge ledger sorts less on disk.
    **{PLANNER: "SET LOCAL jit = off; SET LOCAL work_mem = '32MB'"}
)
# A level's version says how many rows its ledger has; it costs something even if it has none.
_SIZES: Final = text(
    """SELECT p.product_id::text,
              (SELECT coalesce(sum(s.version + 1::numeric), 0) + 1 FROM stock_levels s
                WHERE s.product_id = p.product_id)
         FROM (SELECT product_id FROM products WHERE product_id >= CAST(:first AS uuid)
                ORDER BY product_id LIMIT :products_max) p
        ORDER BY p.product_id"""
)


class Range(NamedTuple):
    """Products by id, both ends included. Ids in it that no product has are looked at too."""

    first: str
    last: str


class Looked(NamedTuple):
    """What a range had, and its levels at which something may be wrong."""

    products: int
    levels: int
    movements: int
    moment: datetime
    suspects: list[tuple[StockLevel, LedgerFacts]]


_BY_KEY: Final = text(
    """SELECT p.product_id::text, '' FROM products p
        WHERE p.product_id = ANY (CAST(:ids AS uuid[]))
        UNION ALL
       SELECT p.product_id::text, p.sku FROM products p
        WHERE p.sku = ANY (CAST(:skus AS text[])) AND p.delete_time IS NULL"""
)


def ids_of(conn: Connection, keys: Iterable[ProductKey]) -> dict[ProductKey, str]:
    """The ids of those that exist; a deleted one answers to its id only."""
    asked = list(keys)
    ids = array(key.product_id for key in asked if key.product_id)
    skus = text_array(key.sku for key in asked if not key.product_id)
    found = conn.execute(_BY_KEY, {"ids": ids, "skus": skus}).all()
    return {ProductKey("" if sku else each, sku): each for each, sku in found}


def range_from(conn: Connection, first: str) -> Range:
    """The next range, from ``first`` on; the last one ends at LAST_ID."""
    found = conn.execute(_SIZES, {"first": first, "products_max": PRODUCTS_MAX}).all()
    last, rows = LAST_ID, 0
    for number, (product_id, size) in enumerate(found, start=1):
        rows += size
        if rows > ROWS_MAX and number > 1:
            return Range(first, last)
        last = product_id
    return Range(first, last if len(found) == PRODUCTS_MAX else LAST_ID)


def after(product_id: str) -> str:
    """The id behind."""
    digits = f"{int(product_id.replace('-', ''), 16) + 1:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def look_at(conn: Connection, chosen: Range) -> Looked:
    """Everything of a range in one snapshot."""
    rows = conn.execute(_SUSPECTS, {"first": chosen.first, "last": chosen.last}).all()
    products, levels, movements, moment = rows[0][:4]
    return Looked(products, levels, int(movements), moment, list(_suspects(rows)))


def _suspects(rows: Sequence[Any]) -> Iterator[tuple[StockLevel, LedgerFacts]]:
    for row in rows:
        if row[4] is not None:
            yield level_and_facts(row[4:])
