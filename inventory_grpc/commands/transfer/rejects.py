"""The rows that were not imported: why, and as they stood in the file."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from inventory_grpc.commands.transfer.records import (
    REJECTED_LINE,
    REJECTED_REASON,
    Format,
    Record,
)
from inventory_grpc.commands.transfer.source import FileUnusable

Told = Callable[[int, str], None]


class Rejects:
    """A file of the same format with two more columns; made when there is something to put in."""

    def __init__(self, path: Path | None, kind: Format, header: str, told: Told) -> None:
        """`told` gets the line and the reason of each."""
        self.path = path
        self.count = 0
        self._kind = kind
        self._header = header
        self._told = told
        self._file: BinaryIO | None = None

    def resume(self, size: int) -> None:
        """Keep so many bytes of an earlier run, which is all that its journal knew of."""
        if self.path is None or not self.path.exists():
            return
        if not size:
            self.path.unlink()
            return
        self._file = self._opened(self.path, "r+b")
        self._file.truncate(size)
        self._file.seek(0, os.SEEK_END)

    def add(self, record: Record, reason: str) -> None:
        """One row. Raises FileUnusable."""
        self.count += 1
        self._told(record.line, reason)
        if self.path is None:
            return
        if self._file is None:
            self._file = self._opened(self.path, "wb")
            self._write(self._first_line())
        line = self._csv(record, reason) if self._kind == "csv" else self._json(record, reason)
        self._write(line)

    def saved(self) -> int:
        """The size of the file, once that much is on the disk."""
        if self._file is None:
            return 0
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """What is added is in the file afterwards."""
        if self._file is not None:
            self._file.close()

    def _opened(self, path: Path, mode: str) -> BinaryIO:
        try:
            return path.open(mode)  # type: ignore[return-value]
        except OSError as error:
            raise FileUnusable(
                f"cannot write {path}: {error.strerror}; --rejects names another place"
            ) from None

    def _write(self, line: str) -> None:
        assert self._file is not None
        self._file.write(line.encode("utf-8", "surrogateescape"))

    def _first_line(self) -> str:
        if self._kind == "jsonl":
            return ""
        # That of a rejects file which is imported again has the two columns already.
        columns = [] if _is_rejects(self._header) else [REJECTED_LINE, REJECTED_REASON]
        return _ended(",".join([*columns, self._header]))

    def _csv(self, record: Record, reason: str) -> str:
        cells = [record.line, reason]
        if record.problem.startswith("is no CSV"):
            # As one cell: its quotes would take in the rows behind it.
            return _row([*cells, record.text])
        if _is_rejects(self._header):
            values = {**record.values, REJECTED_LINE: record.line, REJECTED_REASON: reason}
            columns = next(csv.reader([self._header]))
            return _row([values.get(name, "") for name in columns])
        return _ended(f"{_row(cells).rstrip()},{record.text}")

    def _json(self, record: Record, reason: str) -> str:
        remarks = json.dumps({REJECTED_LINE: record.line, REJECTED_REASON: reason})[1:]
        text = record.text.strip()
        if record.problem.startswith("is no JSON"):
            # What cannot be read is kept as text.
            return f"{{{json.dumps({'rejected_text': text})[1:-1]}, {remarks}\n"
        # At the end they win over those of an earlier file of rejected rows.
        rest = text[:-1].rstrip()
        return f"{rest}{'' if rest.endswith('{') else ', '}{remarks}\n"


def _is_rejects(header: str) -> bool:
    return REJECTED_LINE in header


def _row(cells: list[object]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n"
