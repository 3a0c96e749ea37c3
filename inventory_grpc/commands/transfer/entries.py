"""From the rows of a file to what is sent: one entry per product, or per row of stock."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Generic, TypeVar

from inventory_grpc.commands.transfer import cells, identity
from inventory_grpc.commands.transfer.cells import BadCell
from inventory_grpc.commands.transfer.records import Record
from inventory_grpc.commands.transfer.seen import Seen
from inventory_grpc.v1.products_pb2 import CreateProductRequest, InitialStock, Product

LOCATIONS_MAX: Final = 100
"""Of initial stock, which the API limits."""
DEFAULT: Final = "default"

Payload = TypeVar("Payload")


@dataclass(frozen=True, slots=True)
class Entry(Generic[Payload]):
    """Rows that belong together, and what is sent for them; nothing if there is a problem."""

    records: Sequence[Record]
    payload: Payload | None = None
    problems: dict[int, str] = field(default_factory=dict)
    """Reasons by line."""
    stock_lines: Sequence[int] = ()
    """The line of each initial stock."""

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.records[0].line


def product_entries(
    records: Iterable[Record], import_id: str, seen: Seen
) -> Iterator[Entry[CreateProductRequest]]:
    """Neighbouring rows of one SKU are one product."""
    for group in _groups(records):
        entry = _product(group, import_id)
        sku = group[0].values.get("sku")
        repeated = seen.first_line(sku, entry.line) if isinstance(sku, str) and sku else None
        if repeated is not None:
            problem = f"sku repeats line {repeated}: rows of one product must be neighbours"
            entry = Entry(group, None, {**entry.problems, entry.line: problem})
        yield entry


def pass_products(records: Iterator[Record], rows: int, seen: Seen) -> None:
    """Over rows that are done with, of which only the SKUs matter still."""
    last: object = None
    for record in islice(records, rows):
        sku = record.values.get("sku")
        if isinstance(sku, str) and sku and sku != last:
            seen.first_line(sku, record.line)
        last = sku


def _groups(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    group: list[Record] = []
    for record in records:
        # One row more than allowed is enough to be refused.
        if group and (group[0].values.get("sku") != _sku(record) or len(group) > LOCATIONS_MAX):
            yield group
            group = []
        group.append(record)
    if group:
        yield group


def _sku(record: Record) -> object:
    # What cannot be read belongs to nobody.
    return record if record.problem else record.values.get("sku")


def _product(group: Sequence[Record], import_id: str) -> Entry[CreateProductRequest]:
    first, *others = group
    problems = {}
    request = CreateProductRequest()
    try:
        request.product.CopyFrom(_product_of(first))
    except BadCell as bad:
        problems[first.line] = str(bad)
    for record in others:
        if differing := _differing(first, record):
            problems[record.line] = f"{differing} is not that of line {first.line}, the same sku"
    lines = _add_stock(group, request, problems)
    if problems:
        return Entry(group, None, problems)
    request.request_id = identity.of_product(import_id, request)
    return Entry(group, request, {}, lines)


def _product_of(record: Record) -> Product:
    if record.problem:
        raise BadCell(record.problem)
    sku, name = cells.text(record, "sku"), cells.text(record, "name")
    if not sku:
        raise BadCell("sku is required")
    price, description = cells.price(record), cells.text(record, "description")
    labels = cells.labels(record)
    try:
        return Product(sku=sku, name=name, description=description, price=price, labels=labels)
    except ValueError:
        raise BadCell("has text that is no Unicode") from None


def _differing(first: Record, other: Record) -> str:
    """The first column of the product in which they differ; an empty cell differs from none."""
    for name, value in other.values.items():
        of_stock = name in {"location_id", "quantity", "stock"} or name.startswith("rejected_")
        if not of_stock and value not in (None, "") and value != first.values.get(name):
            return name
    return ""


def _add_stock(
    group: Sequence[Record], request: CreateProductRequest, problems: dict[int, str]
) -> Sequence[int]:
    lines: dict[str, int] = {}
    for record in group:
        try:
            for place, units in cells.stock(record).items():
                before = lines.setdefault(place or DEFAULT, record.line)
                if before != record.line:
                    raise BadCell(f"location_id repeats line {before}")  # noqa: TRY301
                request.initial_stock.append(InitialStock(location_id=place, quantity=units))
        except BadCell as bad:
            problems.setdefault(record.line, str(bad))
        except ValueError:
            problems.setdefault(record.line, "has text that is no Unicode")
    return list(lines.values())


@dataclass(frozen=True, slots=True)
class StockRow:
    """A count, or a delivery, of one product at one location."""

    sku: str
    location_id: str
    quantity: int
    request_id: str


def stock_entries(
    records: Iterable[Record], import_id: str, seen: Seen, *, received: bool
) -> Iterator[Entry[StockRow]]:
    """One per row; of counts, each level at most once."""
    for record in records:
        try:
            rows = _stock_rows(record, import_id, seen, received=received)
        except BadCell as bad:
            yield Entry([record], None, {record.line: str(bad)})
        else:
            yield Entry([record], rows)


def _stock_rows(record: Record, import_id: str, seen: Seen, *, received: bool) -> StockRow:
    if record.problem:
        raise BadCell(record.problem)
    sku, place = cells.text(record, "sku"), cells.text(record, "location_id") or DEFAULT
    if not sku:
        raise BadCell("sku is required")
    units = cells.quantity(record.values.get("quantity"))
    if received:
        if not units:
            raise BadCell("quantity must be at least 1")
        time = seen.times(f"{sku} {place} {units}", record.line)
        return StockRow(
            sku, place, units, identity.of_stock(import_id, "received", sku, place, units, time)
        )
    before = seen.first_line(f"{sku} {place}", record.line)
    if before is not None:
        raise BadCell(f"sku and location_id repeat line {before}")
    return StockRow(sku, place, units, identity.of_stock(import_id, "count", sku, place, units, 1))
