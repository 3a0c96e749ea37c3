"""What a batch RPC makes of its rows before, and of their answers after, the write path."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest

from inventory_grpc.domain.errors import (
    DomainError,
    InvalidFields,
    OrderNotFound,
    RequestIdReused,
)
from inventory_grpc.engine.request import Answer
from inventory_grpc.rpc import errors
from inventory_grpc.rpc.calls import Call, current
from inventory_grpc.rpc.writes import batch, orders
from inventory_grpc.v1 import orders_pb2

_BATCH = orders._BATCH_CREATE
_ORDER = orders_pb2.CreateOrderResponse(order=orders_pb2.Order(order_id="an order"))
_REFUSAL = OrderNotFound(["an order"])


class _Untouchable(Sequence[Any]):
    """Rows that nobody may look at."""

    def __len__(self) -> int:
        return batch.ROWS_MAX + 1

    def __getitem__(self, index: object) -> NoReturn:
        raise AssertionError(index)

    def __iter__(self) -> Iterator[NoReturn]:
        raise AssertionError


@dataclass
class _TooMany:
    requests: Sequence[Any] = field(default_factory=_Untouchable)
    mode: int = 0
    validate_only: bool = False


async def test_of_too_many_rows_none_is_looked_at() -> None:
    unused: Any = None
    with pytest.raises(InvalidFields) as refused:
        await batch.submit_batch(unused, _BATCH, _TooMany(), unused)
    [violation] = refused.value.violations
    assert violation.field == "requests"


def test_a_response_has_each_rows_answer_in_order() -> None:
    call = Call("/a.Method")
    current.set(call)
    code, status = errors.encode_refusal(_REFUSAL)
    response = orders_pb2.BatchCreateOrdersResponse.FromString(
        batch._response(
            _BATCH,
            [
                Answer(0, _ORDER.SerializeToString(), commit_id="first"),
                Answer(0, _ORDER.SerializeToString(), replayed=True),
                Answer(0, b"", commit_id="last"),
                Answer(code, status),
                Answer(code, status, replayed=True),
                RequestIdReused("an id"),
            ],
        )
    )
    empty = orders_pb2.CreateOrderResponse()
    made, replayed, nothing, *refused = response.results
    assert [made.response, replayed.response, nothing.response] == [_ORDER, _ORDER, empty]
    assert nothing.WhichOneof("outcome") == "response"
    assert [each.WhichOneof("outcome") for each in refused] == ["error"] * 3
    expected = [_REFUSAL, _REFUSAL, RequestIdReused("an id")]
    assert [each.error.message for each in refused] == list(map(_message, expected))
    assert [each.replayed for each in response.results] == [
        False, True, False, False, True, False,
    ]  # fmt: skip
    assert call.batch_id == "last"
    assert call.row_reasons == {"ORDER_NOT_FOUND": 2, "REQUEST_ID_REUSED": 1}


def test_a_response_is_what_protobuf_would_have_written() -> None:
    current.set(Call("/a.Method"))
    whole = orders_pb2.BatchCreateOrdersResponse()
    whole.results.add(response=_ORDER)
    whole.results.add(response=_ORDER, replayed=True)
    body = _ORDER.SerializeToString()
    answers = [Answer(0, body), Answer(0, body, replayed=True)]
    assert batch._response(_BATCH, answers) == whole.SerializeToString()


def _message(refusal: DomainError) -> str:
    _, status = errors.encode_refusal(refusal)
    return errors.row_error_of(status, batch.ROW_ERRORS_BYTES_MAX).message
