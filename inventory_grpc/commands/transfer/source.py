"""The file that is imported: read as often as needed, line by line, whatever its size."""

import gzip
import hashlib
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

LINE_BYTES_MAX: Final = 1024 * 1024
_GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = 1024 * 1024


class FileUnusable(ValueError):
    """The file cannot be read, or not as what it is said to be; the text is one line."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and the SHA-256 of its bytes."""

    path: Path
    digest: str
    size: int
    changed_ns: int
    """When it was written last."""

    @contextmanager
    def lines(self) -> Iterator["Lines"]:
        """From the first line on. Raises FileUnusable."""
        with _reading(self.path), self.path.open("rb") as raw:
            if os.fstat(raw.fileno()).st_mtime_ns != self.changed_ns:
                raise FileUnusable(f"{self.path} was changed meanwhile")
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            if packed:
                with gzip.open(raw) as unpacked:
                    yield Lines(raw, cast("BinaryIO", unpacked))
            else:
                yield Lines(raw, raw)


class Lines:
    """Iterates over the lines as text; bytes that are no UTF-8 become lone surrogates."""

    def __init__(self, raw: BinaryIO, reader: BinaryIO) -> None:
        self.number = 0
        """Of the line that was read last, from 1."""
        self._raw = raw
        self._reader = reader
        self._taken: list[str] = []

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._reader.readline(LINE_BYTES_MAX + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > LINE_BYTES_MAX:
            raise FileUnusable(f"line {self.number} has more than {LINE_BYTES_MAX:,} bytes")
        text = line.decode("utf-8", "surrogateescape")
        if self.number == 1:
            text = text.removeprefix("\ufeff")
        self._taken.append(text)
        return text

    def taken(self) -> str:
        """The lines since this was asked last, as they stand in the file."""
        text = "".join(self._taken)
        self._taken.clear()
        return text

    @property
    def bytes_read(self) -> int:
        """Of the file as it lies on the disk, packed or not."""
        return self._raw.tell()


@contextmanager
def opened(file: str) -> Iterator[Source]:
    """The file of that name; for `-` standard input. What can be read only once, like a pipe, is
    kept on the disk until the end of the block.

    Raises FileUnusable.
    """
    path = Path(file)
    if file != "-" and not path.is_fifo():
        with _reading(path):
            yield _source(path)
        return
    with tempfile.TemporaryDirectory(prefix="inventory-import-") as directory:
        copy = Path(directory, "copy")
        with copy.open("wb") as kept:
            if file == "-":
                shutil.copyfileobj(sys.stdin.buffer, kept, _CHUNK)
            else:
                with _reading(path), path.open("rb") as pipe:
                    shutil.copyfileobj(pipe, kept, _CHUNK)
        yield _source(copy)


def _source(path: Path) -> Source:
    status = path.stat()
    return Source(path, _digest(path), status.st_size, status.st_mtime_ns)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileUnusable(f"{path} is damaged: {error}") from None
    except OSError as error:
        # Only what is about this file: others say themselves what they could not do.
        if error.filename is None or os.fspath(error.filename) != str(path):
            raise
        raise FileUnusable(f"cannot read {path}: {error.strerror}") from None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
