"""Calls of any size, until every row has an answer that is about the row."""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from grpc import StatusCode

from inventory_grpc.client import AnswerTooLarge, InventoryError, ResourceExhausted
from inventory_grpc.client.batches import Row

Asked = TypeVar("Asked")
Got = TypeVar("Got")
Answer = TypeVar("Answer")

_OF_THE_ROW: Final = {
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.ALREADY_EXISTS,
    StatusCode.FAILED_PRECONDITION,
    StatusCode.OUT_OF_RANGE,
}
_ATTEMPTS_MAX: Final = 30
_PAUSE_SECONDS: Final = 0.05
_PAUSE_SECONDS_MAX: Final = 2.0


def settled(
    call: Callable[[Sequence[Asked]], list[Row[Answer]]], asked: Sequence[Asked]
) -> list[Row[Answer]]:
    """Of a batch whose rows stand each for itself: one may meet a lock or a restart of the
    database, and is sent again, with its request id. Raises the error of a row that this does not
    help."""
    rows = in_parts(call, asked)
    pause = _PAUSE_SECONDS
    for attempt in range(_ATTEMPTS_MAX):
        open_rows = [index for index, row in enumerate(rows) if not _is_settled(row.error)]
        if not open_rows:
            break
        if attempt + 1 == _ATTEMPTS_MAX:
            rows[open_rows[0]].get()
        time.sleep(pause)
        pause = min(2 * pause, _PAUSE_SECONDS_MAX)
        again = in_parts(call, [asked[index] for index in open_rows])
        for index, row in zip(open_rows, again, strict=True):
            rows[index] = row
    return rows


def is_of_the_row(error: InventoryError) -> bool:
    """Whether the row is to blame, and not the server or the way to it."""
    return error.code in _OF_THE_ROW


def _is_settled(error: InventoryError | None) -> bool:
    return error is None or is_of_the_row(error)


def in_parts(call: Callable[[Sequence[Asked]], list[Got]], asked: Sequence[Asked]) -> list[Got]:
    """One call, or several where a message would be larger than the server takes or answers."""
    try:
        return call(asked)
    except (AnswerTooLarge, ResourceExhausted) as error:
        # Quotas have a reason, and pass; a message that is too large has none, and does not.
        if len(asked) == 1 or (error.reason and not isinstance(error, AnswerTooLarge)):
            raise
    half = len(asked) // 2
    return in_parts(call, asked[:half]) + in_parts(call, asked[half:])
