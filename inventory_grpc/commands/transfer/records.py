"""Rows of CSV and objects of JSONL, one by one, with the lines they stand on."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from inventory_grpc.commands.transfer.source import FileUnusable, Lines

Format = Literal["csv", "jsonl"]

REJECTED_LINE: Final = "rejected_line"
REJECTED_REASON: Final = "rejected_reason"
_PRODUCT: Final = ("sku", "name", "description", "price", "currency", "labels")
_STOCK: Final = ("location_id", "quantity")
# Of a rejects file, so that it can be mended and imported as it is.
_REMARKS: Final = (REJECTED_LINE, REJECTED_REASON)
COLUMNS: Final = (*_PRODUCT, *_STOCK)
LABEL: Final = "label."
"""`label.colour` is the label `colour`."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the file."""

    line: int
    """Where it begins, from 1."""
    text: str
    """As it stands there."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """By column; text in CSV, whatever JSON has in JSONL."""
    problem: str = ""
    """Why it cannot be read; then there are no values."""


Reader = Callable[[Lines, Sequence[str]], Iterator[Record]]


def format_of(file: str, given: Format | None) -> Format:
    """By the file's extension, unless given. Raises FileUnusable."""
    if given is not None:
        return given
    name = file.lower().removesuffix(".gz")
    if name.endswith(".csv"):
        return "csv"
    if name.endswith((".jsonl", ".ndjson")):
        return "jsonl"
    raise FileUnusable(f"{file}: say what it is with --format csv or --format jsonl")


def records(lines: Lines, kind: Format, required: Sequence[str]) -> Iterator[Record]:
    """All of the file but empty lines. Raises FileUnusable for a header that will not do."""
    reader = _csv_records if kind == "csv" else _jsonl_records
    for record in reader(lines, required):
        yield record if record.problem or record.text.isascii() else _decoded(record)


def header_of(lines: Lines, kind: Format) -> str:
    """The first row of a CSV file as it stands there."""
    if kind == "jsonl":
        return ""
    with suppress(csv.Error):
        next(csv.reader(lines), None)
    return lines.taken()


def _decoded(record: Record) -> Record:
    try:
        record.text.encode()
    except UnicodeEncodeError as error:
        byte = ord(record.text[error.start]) - 0xDC00
        line = record.line + record.text.count("\n", 0, error.start)
        return Record(record.line, record.text, {}, f"byte 0x{byte:02x} in line {line}: no UTF-8")
    return record


def _csv_records(lines: Lines, required: Sequence[str]) -> Iterator[Record]:
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise FileUnusable(f"the header cannot be read: {error}") from None
    _check_header(header, required)
    lines.taken()
    while True:
        line = lines.number + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Record(line, lines.taken(), {}, _unreadable(line, lines.number, error))
            continue
        if cells is None:
            return
        text = lines.taken()
        if len(cells) == len(header):
            yield Record(line, text, dict(zip(header, cells, strict=True)))
        elif cells:
            problem = f"has {len(cells)} cells, the header has {len(header)}"
            yield Record(line, text, {}, problem)


def _unreadable(first: int, last: int, error: csv.Error) -> str:
    # A quote that is never closed takes in what follows, up to 128 KiB; then reading begins anew.
    lines = f" in lines {first}-{last}" if last > first else ""
    return f"is no CSV{lines}: {error}"


def _check_header(header: Sequence[str], required: Sequence[str]) -> None:
    known = {*COLUMNS, *_REMARKS}
    if not header:
        raise FileUnusable("the file is empty: the first line names the columns")
    if unknown := [name for name in header if name not in known and not name.startswith(LABEL)]:
        raise FileUnusable(
            f"unknown column {unknown[0]!a}: known are {', '.join(COLUMNS)} and {LABEL}NAME, "
            "separated by commas"
        )
    if twice := [name for name in header if header.count(name) > 1]:
        raise FileUnusable(f"column {twice[0]!a} is there twice")
    if missing := [name for name in required if name not in header]:
        raise FileUnusable(f"the header has no column {missing[0]!a}")


def _jsonl_records(lines: Lines, required: Sequence[str]) -> Iterator[Record]:
    known = {*COLUMNS, *_REMARKS, "stock"}
    for each in lines:
        text = lines.taken()
        if each.strip():
            yield _object(lines.number, text, known, required)


def _object(line: int, text: str, known: set[str], required: Sequence[str]) -> Record:
    try:
        values = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return Record(line, text, {}, f"is no JSON: {error}")
    if not isinstance(values, dict):
        return Record(line, text, {}, "is no JSON object")
    for name in values:
        if name not in known and not name.startswith(LABEL):
            return Record(line, text, {}, f"unknown key {name!a}: known are {', '.join(COLUMNS)}")
    for name in required:
        if name not in values and not (name in _STOCK and "stock" in values):
            return Record(line, text, {}, f"{name} is missing")
    return Record(line, text, values)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
