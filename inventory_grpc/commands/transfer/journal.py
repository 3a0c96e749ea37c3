"""How far an import came, so that it goes on near there after a crash.

A file of lines: what is imported, then the state after each batch, each line on the disk before the
next batch is counted. The last whole line counts; one torn by a crash does not. Without the file
everything is sent again, and has no second effect.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from inventory_grpc.commands.transfer.source import FileUnusable


@dataclass(frozen=True, slots=True)
class State:
    """What is behind us; all of it from the beginning of the import on."""

    rows: int = 0
    """Rows of the file that are done with."""
    created: int = 0
    there: int = 0
    rejected: int = 0
    rejects_bytes: int = 0
    """Length of the file of rejected rows."""
    checked: bool = False
    """The whole file was found to be good."""
    sample: tuple[str, str] | None = None
    """SKU and request id of something done, to see whether the server still has it."""


class Journal:
    """Open for one importer at a time, and gone once the import is complete."""

    def __init__(self, path: Path, header: dict[str, str]) -> None:
        """`header` says what is imported and where to. Raises FileUnusable."""
        self.path = path
        self._file = _opened(path)
        self._header = header
        self.state = self._last_state()
        if self.state is None:
            self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what is there: it is of something else."""
        self.state = State()
        self._file.seek(0)
        self._file.truncate()
        self._append(self._header)

    def note(self, state: State) -> None:
        """It is on the disk afterwards."""
        self.state = state
        self._append(asdict(state))

    def remove(self) -> None:
        """There is nothing left to resume."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _append(self, values: dict[str, object] | dict[str, str]) -> None:
        self._file.write(json.dumps(values).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _last_state(self) -> State | None:
        """That of this import; None if there is none."""
        self._file.seek(0)
        header, *states = [line for line in self._file if line.endswith(b"\n")] or [b""]
        if _read(header) != self._header:
            return None
        whole = 0
        state = State()
        for line in states:
            found = _read(line)
            if found is None:
                break
            state, whole = _state(found), whole + len(line)
        # Behind a torn line nothing more could be read.
        self._file.seek(len(header) + whole)
        self._file.truncate()
        return state


def _opened(path: Path) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise FileUnusable(
            f"cannot write the journal {path}: {error.strerror}; --journal names another place"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise FileUnusable(f"another import is running with the journal {path}") from None
    return os.fdopen(descriptor, "r+b")


def _read(line: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _state(values: dict[str, object]) -> State:
    known = {name: value for name, value in values.items() if name in State.__slots__}
    sample = known.pop("sample", None)
    pair = (str(sample[0]), str(sample[1])) if isinstance(sample, list) else None
    return State(**known, sample=pair)  # type: ignore[arg-type]
