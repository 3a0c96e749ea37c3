"""When a call is sent again, with what, and when not."""

import uuid

import grpc
import pytest

from inventory_grpc.client import (
    ApiKey,
    Contention,
    DeadlineExceeded,
    HoldBudgetExceeded,
    InsufficientStock,
    InventoryError,
    Limits,
    Policy,
    RateLimited,
    Token,
    Unavailable,
    VersionMismatch,
    rows,
)
from inventory_grpc.client.errors import Facts
from inventory_grpc.client.policy import Attempts
from inventory_grpc.client.refusals import error_of
from inventory_grpc.v1.orders_pb2 import (
    BatchCreateOrdersResponse,
    CreateOrderResponse,
    GetOrderResponse,
)
from tests.client.fakes import ORDERS, Fake, faked

_Code = grpc.StatusCode
_ID = "01920000-0000-7000-8000-0000000000aa"
_PUSHBACK = "grpc-retry-pushback-ms"

_PASSING = [
    (_Code.UNAVAILABLE, ""),
    (_Code.UNAVAILABLE, "DRAINING"),
    (_Code.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
    (_Code.UNAVAILABLE, "LOCK_TIMEOUT"),
    (_Code.UNAVAILABLE, "A_REASON_OF_TOMORROW"),
    (_Code.ABORTED, "CONTENTION"),
    (_Code.RESOURCE_EXHAUSTED, "RATE_LIMITED"),
    (_Code.DEADLINE_EXCEEDED, ""),
    (_Code.CANCELLED, ""),
    (_Code.UNKNOWN, ""),
]
_LASTING = [
    (_Code.ABORTED, "VERSION_MISMATCH", VersionMismatch),
    (_Code.ABORTED, "", InventoryError),
    (_Code.FAILED_PRECONDITION, "INSUFFICIENT_STOCK", InsufficientStock),
    (_Code.RESOURCE_EXHAUSTED, "HOLD_BUDGET_EXCEEDED", HoldBudgetExceeded),
    (_Code.RESOURCE_EXHAUSTED, "", InventoryError),
    (_Code.INTERNAL, "INTERNAL", InventoryError),
    (_Code.UNIMPLEMENTED, "", InventoryError),
]


@pytest.mark.parametrize(("code", "reason"), _PASSING)
def test_what_passes_is_sent_again_with_the_same_request_id(
    code: grpc.StatusCode, reason: str
) -> None:
    with faked() as fake:
        placed = fake.call(lambda client: client.create_order([("MUG", 2)]))
        first = fake.refuse(ORDERS["CreateOrder"], code, reason)
        second = fake.refuse(ORDERS["CreateOrder"], code, reason)
        third, _ = fake.answer(ORDERS["CreateOrder"], CreateOrderResponse())
        assert placed.result(10) == CreateOrderResponse()
    assert first == second == third
    assert uuid.UUID(first.request_id).version == 7


@pytest.mark.parametrize(("code", "reason", "kind"), _LASTING)
def test_what_lasts_is_raised_at_once(
    code: grpc.StatusCode, reason: str, kind: type[InventoryError]
) -> None:
    with faked() as fake:
        placed = fake.call(lambda client: client.create_order([("MUG", 2)], request_id=_ID))
        fake.refuse(ORDERS["CreateOrder"], code, reason)
        with pytest.raises(kind) as raised:
            placed.result(10)
    assert (raised.value.code, raised.value.reason, raised.value.attempts) == (code, reason, 1)
    assert raised.value.request_id == _ID


def test_every_logical_call_has_a_request_id_of_its_own() -> None:
    with faked() as fake:
        sent = set()
        for _ in range(10):
            placed = fake.call(lambda client: client.create_order([("MUG", 2)]))
            request, _ = fake.answer(ORDERS["CreateOrder"], CreateOrderResponse())
            sent.add(request.request_id)
            placed.result(10)
    assert len(sent) == 10


def test_the_caller_may_bring_the_request_id() -> None:
    with faked() as fake:
        placed = fake.call(lambda client: client.create_order([("MUG", 2)], request_id=_ID))
        assert fake.refuse(ORDERS["CreateOrder"], _Code.UNAVAILABLE).request_id == _ID
        request, _ = fake.answer(ORDERS["CreateOrder"], CreateOrderResponse())
        placed.result(10)
    assert request.request_id == _ID


def test_the_rows_of_a_batch_keep_theirs_also_when_the_batch_is_sent_by_hand_again() -> None:
    batch = [rows.order([("MUG", 1)]) for _ in range(2)]
    answer = BatchCreateOrdersResponse(results=[BatchCreateOrdersResponse.Result()] * 2)
    sent, told = [], list[str]()
    with faked() as fake:
        for _ in range(2):
            placed = fake.call(lambda client: client.batch_create_orders(batch))
            sent.append(fake.refuse(ORDERS["BatchCreateOrders"], _Code.UNAVAILABLE))
            sent.append(fake.answer(ORDERS["BatchCreateOrders"], answer)[0])
            told = [row.request_id for row in placed.result(10)]
    ids = [[row.request_id for row in each.requests] for each in sent]
    assert ids == [told] * 4
    assert len(set(told)) == 2


def test_it_gives_up_after_so_many_attempts() -> None:
    with faked(Policy(attempts_max=3, backoff=0.001)) as fake:
        placed = fake.call(lambda client: client.create_order([("MUG", 2)]))
        for _ in range(3):
            fake.refuse(ORDERS["CreateOrder"], _Code.ABORTED, "CONTENTION")
        with pytest.raises(Contention) as raised:
            placed.result(10)
    assert raised.value.attempts == 3


def test_a_server_that_forbids_it_is_obeyed() -> None:
    with faked() as fake:
        read = fake.call(lambda client: client.get_order(_ID))
        fake.refuse(ORDERS["GetOrder"], _Code.UNAVAILABLE, "OVERLOADED", (_PUSHBACK, "-1"))
        with pytest.raises(Unavailable) as raised:
            read.result(10)
    assert raised.value.attempts == 1


def test_a_wait_that_ends_after_the_deadline_is_not_begun() -> None:
    with faked() as fake:
        read = fake.call(lambda client: client.get_order(_ID, timeout=5))
        fake.refuse(ORDERS["GetOrder"], _Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", retry_after=3_600)
        with pytest.raises(RateLimited) as raised:
            read.result(4)
    assert raised.value.retry_after == 3_600


def test_credentials_are_asked_for_before_every_attempt() -> None:
    tokens = iter(["one", "two"])
    with faked(credentials=Token(lambda: next(tokens))) as fake:
        read = fake.call(lambda client: client.get_order(_ID))
        fake.refuse(ORDERS["GetOrder"], _Code.UNAVAILABLE)
        _, metadata = fake.answer(ORDERS["GetOrder"], GetOrderResponse())
        read.result(10)
    assert metadata == {"authorization": "Bearer two"}


def test_a_key_travels_as_such() -> None:
    with faked(credentials=ApiKey("sesame")) as fake:
        read = fake.call(lambda client: client.get_order(_ID))
        _, metadata = fake.answer(ORDERS["GetOrder"], GetOrderResponse())
        read.result(10)
    assert metadata == {"x-api-key": "sesame"}


def test_an_option_that_a_call_does_not_have_is_no_silent_nothing(fake: Fake) -> None:
    with pytest.raises(TypeError, match="custmer_reference"):
        fake.client.create_order([("MUG", 1)], custmer_reference="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="request_id"):
        fake.client.get_order(_ID, request_id=_ID)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="statues"):
        fake.client.list_orders(statues=["PENDING"])  # type: ignore[call-arg]


class _Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def _attempts(clock: _Clock, call: float | None = 10, **policy: float) -> Attempts:
    limits = Limits(call=call, attempt=4)
    made = Policy(backoff=policy.get("backoff", 1.0), backoff_max=policy.get("backoff_max", 8.0))
    return Attempts(made, limits, clock, lambda: 0.5)


def _error(code: grpc.StatusCode = _Code.UNAVAILABLE, after: float | None = None) -> InventoryError:
    return error_of(Facts(code, retry_after=after))


def test_an_attempt_has_its_share_of_the_deadline_and_the_last_one_the_rest() -> None:
    clock = _Clock()
    attempts = _attempts(clock)
    assert attempts.begin() == 4
    clock.seconds += 8
    assert attempts.begin() == pytest.approx(2)


def test_an_attempt_that_got_no_answer_is_followed_by_another_until_the_time_is_up() -> None:
    clock = _Clock()
    attempts = _attempts(clock)
    attempts.begin()
    clock.seconds += 4
    assert attempts.pause_after(_error(_Code.DEADLINE_EXCEEDED)) == 0.5
    clock.seconds += 6
    with pytest.raises(DeadlineExceeded):
        attempts.pause_after(_error(_Code.DEADLINE_EXCEEDED))


def test_pauses_double_up_to_a_bound_and_are_a_random_part_of_that() -> None:
    attempts = _attempts(_Clock(), call=None)
    pauses = []
    for _ in range(6):
        attempts.begin()
        pauses.append(attempts.pause_after(_error()))
    assert pauses == [0.5, 1, 2, 4, 4, 4]


def test_a_wait_that_the_server_asks_for_is_kept() -> None:
    attempts = _attempts(_Clock(), backoff=0.1)
    attempts.begin()
    assert attempts.pause_after(_error(after=3)) == pytest.approx(3.05)


def test_a_thousand_attempts_are_no_overflow() -> None:
    attempts = Attempts(Policy(attempts_max=10_000), Limits(None, None))
    attempts.made = 5_000
    assert attempts.pause_after(_error()) <= 2
