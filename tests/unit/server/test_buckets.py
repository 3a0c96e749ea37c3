"""What one caller may do, to the token and to the nanosecond."""

import random

import pytest

from inventory_grpc.domain.caller import Caller, Limits, Role
from inventory_grpc.domain.errors import RateLimited
from inventory_grpc.server.quotas import (
    IN_FLIGHT_RETRY_MS,
    STREAMS_RETRY_MS,
    Bucket,
    MethodQuotas,
    Quotas,
)

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
_ORDERS = "/inventory.v1.OrderService"
_SHOP = Caller("shop", Role.WRITER)
_OTHER = Caller("other", Role.WRITER)


class _Clock:
    def __init__(self) -> None:
        self.now = 123 * SECOND

    def __call__(self) -> int:
        return self.now


def _quotas(**limits: int) -> tuple[Quotas, _Clock]:
    clock = _Clock()
    return Quotas(Limits(**limits), clock), clock


def _enter_many(quotas: MethodQuotas, caller: Caller, calls: int) -> None:
    for _ in range(calls):
        quotas.enter(caller)


def _refusal(quotas: MethodQuotas, caller: Caller = _SHOP) -> RateLimited:
    with pytest.raises(RateLimited) as refused:
        quotas.enter(caller)
    return refused.value


def test_a_second_s_worth_may_be_done_at_once_and_then_one_by_one() -> None:
    bucket, now = Bucket(4), 77 * SECOND
    assert [bucket.take(now) for _ in range(4)] == [0] * 4
    assert bucket.take(now) == SECOND // 4
    now += SECOND // 4
    assert [bucket.take(now), bucket.take(now)] == [0, SECOND // 4]


def test_a_bucket_never_holds_more_than_a_second_s_worth() -> None:
    bucket = Bucket(3)
    assert bucket.take(0) == 0
    now = 1_000 * SECOND
    assert [bucket.take(now) for _ in range(3)] == [0] * 3
    assert bucket.take(now) > 0


def test_who_comes_a_nanosecond_early_waits_for_that_nanosecond() -> None:
    bucket = Bucket(1)
    assert bucket.take(0) == 0
    assert bucket.take(SECOND - 1) == 1
    assert bucket.take(SECOND) == 0


def test_a_refused_call_takes_nothing() -> None:
    bucket = Bucket(2)
    assert [bucket.take(0), bucket.take(0)] == [0, 0]
    waits = [bucket.take(0) for _ in range(100)]
    assert waits == [SECOND // 2] * 100


def test_a_debt_has_to_be_paid_first() -> None:
    bucket = Bucket(10)
    assert bucket.take(0) == 0
    bucket.pay(29, 0)
    # 10 tokens less 30: 20 to pay and one to take.
    assert bucket.take(0) == 21 * SECOND // 10
    assert bucket.take(SECOND) == 11 * SECOND // 10
    assert bucket.take(21 * SECOND // 10) == 0


def test_a_token_given_back_is_there_again() -> None:
    bucket = Bucket(1)
    assert bucket.take(0) == 0
    bucket.give_back()
    assert bucket.take(0) == 0


@pytest.mark.parametrize("per_second", [1, 3, 7, 999])
def test_who_asks_all_the_time_gets_a_burst_and_then_exactly_the_rate(per_second: int) -> None:
    seed = random.randrange(1_000_000)  # noqa: S311 - when to ask, nothing secret
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311
    bucket, now, taken = Bucket(per_second), 0, 0
    token = SECOND // per_second
    while taken < 3_000:
        wait = bucket.take(now)
        taken += not wait
        # Asking in between changes nothing.
        now += chance.randint(1, wait) if wait else 0
    tokens_since = now // token
    assert per_second + tokens_since - 1 <= taken <= per_second + tokens_since


def test_the_wait_told_is_the_wait_until_a_token_is_there_rounded_up() -> None:
    quotas, clock = _quotas(writes_per_second=300)
    orders = quotas.of(f"{_ORDERS}/CreateOrder", lasting=False)
    _enter_many(orders, _SHOP, 300)
    refused = _refusal(orders)
    assert (refused.caller, refused.limit, refused.allowed) == ("shop", "writes_per_second", 300)
    assert refused.retry_after_ms == 4  # 3.33
    clock.now += 3 * MILLISECOND
    assert _refusal(orders).retry_after_ms == 1
    clock.now += 1 * MILLISECOND
    orders.enter(_SHOP)


def test_each_group_and_each_caller_has_tokens_of_its_own() -> None:
    quotas, _ = _quotas(reads_per_second=1, writes_per_second=1, scans_per_second=1)
    for name in ("CreateOrder", "GetOrder", "ListOrders"):
        method = quotas.of(f"{_ORDERS}/{name}", lasting=False)
        method.enter(_SHOP)
        method.enter(_OTHER)
        _refusal(method)
    _refusal(quotas.of(f"{_ORDERS}/CancelOrder", lasting=False), _OTHER)


def test_a_batch_is_let_in_and_its_rows_are_paid_for() -> None:
    quotas, clock = _quotas(writes_per_second=10)
    batches = quotas.of(f"{_ORDERS}/BatchCreateOrders", lasting=False)
    orders = quotas.of(f"{_ORDERS}/CreateOrder", lasting=False)
    batches.enter(_SHOP)
    batches.charge(_SHOP, 1_000)
    assert _refusal(orders).retry_after_ms == 99_100
    clock.now += 99_100 * MILLISECOND
    orders.enter(_SHOP)
    _refusal(orders)


def test_who_is_turned_away_by_others_has_used_nothing() -> None:
    quotas, _ = _quotas(writes_per_second=1, in_flight=1)
    orders = quotas.of(f"{_ORDERS}/CreateOrder", lasting=False)
    for _ in range(3):
        orders.enter(_SHOP)
        orders.turn_away(_SHOP)
    orders.enter(_SHOP)


def test_calls_at_once_are_counted_over_all_methods_and_streams_apart() -> None:
    quotas, _ = _quotas(in_flight=2, watch_streams=1)
    orders = quotas.of(f"{_ORDERS}/CreateOrder", lasting=False)
    lists = quotas.of(f"{_ORDERS}/ListOrders", lasting=False)
    watches = quotas.of("/inventory.v1.ChangeService/WatchChanges", lasting=True)
    orders.enter(_SHOP)
    lists.enter(_SHOP)
    watches.enter(_SHOP)
    for refused, limit, allowed, retry_ms in (
        (_refusal(orders), "in_flight", 2, IN_FLIGHT_RETRY_MS),
        (_refusal(watches), "watch_streams", 1, STREAMS_RETRY_MS),
    ):
        assert (refused.limit, refused.allowed) == (limit, allowed)
        assert refused.retry_after_ms == retry_ms
    orders.enter(_OTHER)
    lists.leave(_SHOP)
    orders.enter(_SHOP)
    _refusal(orders)
    watches.leave(_SHOP)
    watches.enter(_SHOP)


def test_too_many_at_once_take_no_tokens() -> None:
    quotas, _ = _quotas(writes_per_second=2, in_flight=1)
    orders = quotas.of(f"{_ORDERS}/CreateOrder", lasting=False)
    orders.enter(_SHOP)
    assert _refusal(orders).limit == "in_flight"
    orders.leave(_SHOP)
    orders.enter(_SHOP)


def test_a_caller_s_own_limits_win_and_zero_is_none() -> None:
    quotas, _ = _quotas(reads_per_second=1, writes_per_second=1, in_flight=5)
    own = Limits(reads_per_second=3, writes_per_second=0, in_flight=0)
    favourite = Caller("favourite", Role.WRITER, own)
    reads = quotas.of(f"{_ORDERS}/GetOrder", lasting=False)
    _enter_many(reads, favourite, 3)
    assert _refusal(reads, favourite).allowed == 3
    _enter_many(quotas.of(f"{_ORDERS}/CreateOrder", lasting=False), favourite, 500)


def test_without_limits_nobody_is_refused() -> None:
    quotas, _ = _quotas()
    for name in ("CreateOrder", "GetOrder", "ListOrders", "BatchCreateOrders"):
        method = quotas.of(f"{_ORDERS}/{name}", lasting=False)
        _enter_many(method, _SHOP, 1_000)
        method.charge(_SHOP, 1_000)
        method.turn_away(_SHOP)


def test_new_limits_apply_at_once_and_calls_in_flight_stay_counted() -> None:
    quotas, _ = _quotas()
    orders = quotas.of(f"{_ORDERS}/CreateOrder", lasting=False)
    before = Caller("shop", Role.WRITER, Limits(writes_per_second=5, in_flight=5))
    _enter_many(orders, before, 3)
    stricter = Caller("shop", Role.WRITER, Limits(writes_per_second=2, in_flight=4))
    orders.enter(stricter)
    assert _refusal(orders, stricter).limit == "in_flight"
    for _ in range(3):
        orders.leave(before)
    orders.enter(stricter)
    assert _refusal(orders, stricter).limit == "writes_per_second"


def test_the_same_limits_read_once_more_fill_no_bucket() -> None:
    quotas, _ = _quotas()
    orders = quotas.of(f"{_ORDERS}/CreateOrder", lasting=False)
    orders.enter(Caller("shop", Role.WRITER, Limits(writes_per_second=1)))
    _refusal(orders, Caller("shop", Role.WRITER, Limits(writes_per_second=1)))
