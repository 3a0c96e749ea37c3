"""What became of the rows of a batch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from inventory_grpc.client.errors import InventoryError
from inventory_grpc.client.failures import row_failure
from inventory_grpc.v1.errors_pb2 import RowError

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class Result(Protocol[Answer_co]):
    """The result of one row, as batches answer it."""

    @property
    def response(self) -> Answer_co:
        """Set if it was done."""

    @property
    def error(self) -> RowError:
        """Set if it was refused."""

    @property
    def replayed(self) -> bool:
        """An earlier call's answer."""


class Results(Protocol[Answer_co]):
    """The answer of a batch."""

    @property
    def results(self) -> Iterable[Result[Answer_co]]:
        """One per row."""


@dataclass(frozen=True, slots=True)
class Row(Generic[Answer]):
    """What became of one row: either an answer or an error."""

    answer: Answer | None
    """What the singular call answers."""
    error: InventoryError | None
    """What the singular call would have raised; only in mode INDEPENDENT."""
    request_id: str
    """The idempotency key that the row was sent with."""
    replayed: bool
    """True when this is the stored answer of an earlier call with that request_id."""

    def get(self) -> Answer:
        """The answer; raises the error if there is one."""
        if self.error is not None:
            raise self.error
        assert self.answer is not None
        return self.answer


def rows_of(results: Iterable[Result[Answer]], request_ids: Iterable[str]) -> list[Row[Answer]]:
    """The rows in the order they were sent."""
    return [_row(result, sent) for result, sent in zip(results, request_ids, strict=True)]


def _row(result: Result[Answer], request_id: str) -> Row[Answer]:
    # A result without an outcome cannot come; with one of the two, the other has no reason.
    refused = result.error.code != 0
    error = row_failure(result.error) if refused else None
    if error is not None:
        error.request_id = request_id
    answer = None if refused else result.response
    return Row(answer, error, request_id, result.replayed)
