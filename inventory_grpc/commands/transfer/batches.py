"""Entries in batches that fit into a call, several of them on their way at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Final, TypeVar

from google.protobuf.message import Message

from inventory_grpc.commands.transfer.entries import Entry

ROWS_MAX: Final = 1_000
LINES_MAX: Final = 10_000
BYTES_MAX: Final = 3 * 1024 * 1024
"""Servers take 4 MiB unless told otherwise; where it is less, a batch is sent in parts."""

Payload = TypeVar("Payload")
Given = TypeVar("Given")
Made = TypeVar("Made")


def batches(
    entries: Iterable[Entry[Payload]], rows_max: int = ROWS_MAX
) -> Iterator[Sequence[Entry[Payload]]]:
    """Each as large as allowed; bad entries count like others, because they are kept as well."""
    batch: list[Entry[Payload]] = []
    lines = size = 0
    for entry in entries:
        entry_lines, entry_size = len(entry.records), _bytes(entry)
        full = len(batch) == rows_max or lines + entry_lines > LINES_MAX
        if batch and (full or size + entry_size > BYTES_MAX):
            yield batch
            batch, lines, size = [], 0, 0
        batch.append(entry)
        # One of JSONL may have several initial stocks on one line.
        lines += max(entry_lines, len(entry.stock_lines))
        size += entry_size
    if batch:
        yield batch


def _bytes(entry: Entry[Payload]) -> int:
    if isinstance(entry.payload, Message):
        return entry.payload.ByteSize() + 8
    return sum(len(each.text) for each in entry.records)


def in_order(
    executor: Executor, work: Callable[[Given], Made], given: Iterable[Given], at_once: int
) -> Iterator[tuple[Given, Made]]:
    """What becomes of each, in their order; never more than `at_once` are begun and not told."""
    waiting: deque[tuple[Given, Future[Made]]] = deque()
    for each in given:
        waiting.append((each, executor.submit(work, each)))
        if len(waiting) >= at_once:
            first, future = waiting.popleft()
            yield first, future.result()
    while waiting:
        first, future = waiting.popleft()
        yield first, future.result()
