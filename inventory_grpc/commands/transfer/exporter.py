"""Products and their stock, page by page, as a file that can be imported."""

import csv
import gzip
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.client import InventoryClient, decimal, product_id
from inventory_grpc.client.values import moment
from inventory_grpc.commands.transfer.calling import in_parts
from inventory_grpc.commands.transfer.progress import Progress
from inventory_grpc.commands.transfer.records import COLUMNS, Format
from inventory_grpc.v1.common_pb2 import Money, ProductKey
from inventory_grpc.v1.products_pb2 import Product
from inventory_grpc.v1.stock_pb2 import Availability

_PAGE_SIZE: Final = 500
_CENTS: Final = 2

Stock = Mapping[str, int]
"""Units on hand by location, without zeros."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to."""

    products: int
    rows: int
    as_of: str
    """The instant that the stock is of."""


def export(
    client: InventoryClient,
    file: BinaryIO,
    kind: Format,
    as_of: datetime | None,
    progress: Progress,
) -> Exported:
    """All products that are not deleted, by time of creation. Raises InventoryError."""
    instant = moment(as_of) or _now(client)
    total = client.list_products(page_size=1, include_total=True).first_page().total_size
    progress.begin("exporting", total)
    products = rows = 0
    if kind == "csv":
        file.write(_csv([COLUMNS]))
    written = _csv_rows if kind == "csv" else _jsonl_rows
    for page in client.list_products(page_size=_PAGE_SIZE).pages():
        # The catalogue has no past, but what was made later can be told by its time.
        known = [each for each in page.products if _at(each.create_time) <= _at(instant)]
        stock = _stock_of(client, known, instant)
        for product in known:
            count, data = written(product, stock.get(product.product_id, {}))
            file.write(data)
            rows += count
        products += len(known)
        progress.advance(products, len(known))
    progress.end()
    return Exported(products, rows, instant.ToJsonString())


@contextmanager
def output(file: str) -> Iterator[BinaryIO]:
    """Where to write to; a file has its name only once it is complete, `-` is standard output."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as raw:
            if path.suffix == ".gz":
                with gzip.open(raw, "wb", compresslevel=6) as packed:
                    yield cast("BinaryIO", packed)
            else:
                yield raw
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _now(client: InventoryClient) -> Timestamp:
    """By the database's clock."""
    return client.batch_get_availability(["-"]).snapshot_time


def _at(time: Timestamp) -> tuple[int, int]:
    return time.seconds, time.nanos


def _stock_of(
    client: InventoryClient, products: Sequence[Product], instant: Timestamp
) -> dict[str, Stock]:
    if not products:
        return {}
    as_of = _datetime(instant)

    def availabilities(part: Sequence[ProductKey]) -> list[Availability]:
        return list(client.batch_get_availability(part, as_of_time=as_of).availabilities)

    keys = [product_id(each.product_id) for each in products]
    return {
        each.product_id: {
            level.location_id: level.on_hand for level in each.levels if level.on_hand
        }
        for each in in_parts(availabilities, keys)
    }


def _datetime(time: Timestamp) -> datetime:
    return time.ToDatetime(tzinfo=UTC)


def _csv_rows(product: Product, stock: Stock) -> tuple[int, bytes]:
    labels = _json(dict(sorted(product.labels.items()))) if product.labels else ""
    about = [product.sku, product.name, product.description, *_price(product), labels]
    rows = [[*about, place, str(units)] for place, units in stock.items()]
    rows = rows or [[*about, "", ""]]
    return len(rows), _csv(rows)


def _jsonl_rows(product: Product, stock: Stock) -> tuple[int, bytes]:
    price, currency = _price(product)
    values: dict[str, object] = {
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "price": price,
        "currency": currency,
        "labels": dict(sorted(product.labels.items())),
        "stock": dict(stock),
    }
    return 1, (_json({name: value for name, value in values.items() if value}) + "\n").encode()


def _price(product: Product) -> tuple[str, str]:
    if not product.HasField("price"):
        return "", ""
    return _amount(product.price), product.price.currency_code


def _amount(price: Money) -> str:
    """Exact, with two decimals or as many as it has."""
    whole, _, decimals = f"{decimal(price):f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(_CENTS, '0')}"


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
