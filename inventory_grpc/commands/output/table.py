"""Tables as text: on a terminal as many columns as fit, elsewhere all there are, never cut."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from google.protobuf.message import Message
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from inventory_grpc.commands.output.columns import DETAIL, Column, Resource
from inventory_grpc.commands.output.values import text_of

_GAP: Final = 2
_PROSE_MIN: Final = 8
_STYLES: Final = {
    "ACTIVE": "green", "CANCELLED": "red", "CONFIRMED": "cyan", "CONVERTED": "cyan",
    "DELIVERED": "green", "EXPIRED": "red", "PENDING": "yellow", "RELEASED": "dim",
    "fail": "bold red", "ok": "green", "warn": "yellow",
}  # fmt: skip
"""Words that stand out, wherever they stand alone."""

_TITLES: Final = {
    "create_time": "created", "customer_reference": "customer", "delete_time": "deleted",
    "expire_time": "expires", "first_time": "first", "from_status": "from", "last_time": "last",
    "line_index": "line", "line_number": "line", "location_id": "location", "occur_time": "time",
    "order_version": "version", "owner_reference": "owner", "stock_version": "version",
    "to_status": "to", "update_time": "updated",
}  # fmt: skip
"""Shorter names for the heads of columns."""

Cells = Sequence[str]


def rows_of(resource: Resource, messages: Iterable[Message]) -> Iterator[list[str]]:
    """The cells of all columns."""
    for message in messages:
        yield [_cell(message, column) for column in resource.columns]


def lines(columns: Sequence[Column], rows: Sequence[Cells], width: int | None) -> Iterator[Text]:
    """A table; `width` is that of the terminal, None for as wide as it gets."""
    shown = _shown(columns, rows, width)
    numbers = {index for index in shown if _is_numeric(rows, index)}
    widths = _widths(columns, rows, shown, width)
    header = [_title(column) for column in columns]
    yield _line(header, shown, widths, numbers, "bold")
    for row in rows:
        yield _line(row, shown, widths, numbers, "")


def details(resource: Resource, message: Message) -> Iterator[Text]:
    """All columns that say something, one per line."""
    (cells,) = rows_of(resource, [message])
    broad = max(len(each.name) for each in resource.columns)
    for column, cell in zip(resource.columns, cells, strict=True):
        if cell:
            # A second line would look like another field.
            told = cell.replace("\n", "\n" + " " * (broad + _GAP))
            yield Text.assemble((column.name.ljust(broad + _GAP), "bold"), (told, _style(cell)))


def _title(column: Column) -> str:
    plain = column.name.removesuffix("_quantity").removesuffix("_delta")
    return _TITLES.get(plain, plain).replace("_", " ").upper()


def _cell(message: Message, column: Column) -> str:
    text = text_of(message, column.source)
    if column.name.endswith("_delta") and text.isdigit() and text != "0":
        return f"+{text}"
    if column.name.endswith(("_time", "_expiry")) and text:
        return text[:19].replace("T", " ") + "Z"
    return text


def _shown(columns: Sequence[Column], rows: Sequence[Cells], width: int | None) -> list[int]:
    """Which columns there is something to show of, and room for."""
    shown = [
        index
        for index, column in enumerate(columns)
        if column.rank == 0 or (column.rank < DETAIL and any(row[index] for row in rows))
    ]
    while width is not None and _natural(columns, rows, shown) > width:
        # Of two of the same rank the one further to the right goes.
        last = max(shown, key=lambda index: (columns[index].rank, index))
        if columns[last].rank == 0:
            break
        shown.remove(last)
    return shown


def _natural(columns: Sequence[Column], rows: Sequence[Cells], shown: Sequence[int]) -> int:
    """The least that these columns need: ids whole, prose at its shortest."""
    broad = (_broad(columns, rows, index) for index in shown)
    least = (
        min(each, max(_PROSE_MIN, 20)) if columns[index].prose else each
        for each, index in zip(broad, shown, strict=True)
    )
    return sum(least) + _GAP * (len(shown) - 1)


def _broad(columns: Sequence[Column], rows: Sequence[Cells], index: int) -> int:
    cells = (cell_len(_flat(row[index])) for row in rows)
    return max((len(_title(columns[index])), *cells))


def _widths(
    columns: Sequence[Column], rows: Sequence[Cells], shown: Sequence[int], width: int | None
) -> dict[int, int]:
    widths = {index: _broad(columns, rows, index) for index in shown}
    if width is None:
        return widths
    over = sum(widths.values()) + _GAP * (len(shown) - 1) - width
    prose = [index for index in shown if columns[index].prose]
    for index in sorted(prose, key=widths.__getitem__, reverse=True):
        kept = max(_PROSE_MIN, widths[index] - max(0, over))
        over -= widths[index] - min(kept, widths[index])
        widths[index] = min(kept, widths[index])
    return widths


def _line(
    row: Cells, shown: Sequence[int], widths: dict[int, int], numbers: set[int], style: str
) -> Text:
    line = Text(style=style)
    for place, index in enumerate(shown):
        cell = _fitted(_flat(row[index]), widths[index])
        padding = " " * (widths[index] - cell_len(cell))
        line.append(" " * _GAP if place else "")
        line.append(padding + cell if index in numbers else cell, "" if style else _style(cell))
        if index not in numbers and place < len(shown) - 1:
            line.append(padding)
    line.rstrip()
    return line


def _flat(cell: str) -> str:
    return " ".join(cell.split())


def _fitted(cell: str, width: int) -> str:
    return cell if cell_len(cell) <= width else set_cell_size(cell, width - 1).rstrip() + "…"


def _is_numeric(rows: Sequence[Cells], index: int) -> bool:
    filled = [row[index] for row in rows if row[index]]
    return bool(filled) and all(each.lstrip("+-").replace(".", "", 1).isdigit() for each in filled)


def _style(cell: str) -> str:
    return "red" if cell.startswith("-") and cell[1:].isdigit() else _STYLES.get(cell, "")
