"""A hold for the time of a block is given back unless it became an order."""

from collections.abc import Callable

import pytest

from inventory_grpc.client import (
    AsyncInventoryClient,
    HoldReleased,
    InsufficientStock,
    InventoryClient,
    InventoryError,
    Limits,
    Policy,
)
from inventory_grpc.v1.holds_pb2 import HoldStatus
from tests.client.proxy import proxied
from tests.server.harness import Server


class _Broken(Exception):
    pass


@pytest.fixture
def available(client: InventoryClient, sku: str) -> Callable[[], int]:
    """What is available of the test's product, of which there are 10."""
    client.create_product(sku, "Mug", initial_stock=10)
    return lambda: client.get_stock_level(sku).stock_level.available


def test_what_is_not_converted_is_released(
    client: InventoryClient, sku: str, available: Callable[[], int]
) -> None:
    with client.hold([(sku, 4)], ttl=60, owner_reference="cart-7") as hold:
        assert available() == 6
        assert [each.quantity for each in hold.message.lines] == [4]
    assert available() == 10
    assert hold.message.status == HoldStatus.HOLD_STATUS_RELEASED


def test_what_is_converted_stays(
    client: InventoryClient, sku: str, available: Callable[[], int]
) -> None:
    with client.hold([(sku, 4)], ttl=60) as hold:
        order = hold.convert(customer_reference="web-1")
    assert (order.hold_id, order.customer_reference) == (hold.hold_id, "web-1")
    assert (available(), client.get_stock_level(sku).stock_level.allocated) == (6, 4)
    assert client.get_hold(hold.hold_id).hold.status == HoldStatus.HOLD_STATUS_CONVERTED


def test_of_a_hold_converted_in_part_the_rest_is_released(
    client: InventoryClient, sku: str, available: Callable[[], int]
) -> None:
    with client.hold([(sku, 4)], ttl=60) as hold:
        hold.convert({1: 1})
        assert available() == 6
    assert available() == 9


def test_an_exception_releases_it_and_goes_on(
    client: InventoryClient, sku: str, available: Callable[[], int]
) -> None:
    with pytest.raises(_Broken), client.hold([(sku, 4)], ttl=60):
        raise _Broken
    assert available() == 10


def test_it_can_be_extended_and_released_early(
    client: InventoryClient, sku: str, available: Callable[[], int]
) -> None:
    with client.hold([(sku, 4)], ttl=60) as hold:
        before = hold.message.expire_time.seconds
        hold.extend(3_600)
        assert hold.message.expire_time.seconds > before + 3_000
        hold.release()
        assert available() == 10
        with pytest.raises(HoldReleased):
            hold.convert()


def test_one_that_somebody_else_has_ended_is_no_error_at_the_end(
    client: InventoryClient, sku: str, available: Callable[[], int]
) -> None:
    with client.hold([(sku, 4)], ttl=60) as hold:
        client.release_hold(hold.hold_id)
    with client.hold([(sku, 4)], ttl=60) as hold:
        client.convert_hold(hold.hold_id)
    assert available() == 6


def test_without_stock_there_is_no_block(
    client: InventoryClient, sku: str, available: Callable[[], int]
) -> None:
    with pytest.raises(InsufficientStock), client.hold([(sku, 11)], ttl=60):
        raise AssertionError("never entered")
    with client.hold([(sku, 11)], ttl=60, allow_partial=True) as hold:
        assert hold.message.lines[0].quantity == 10
    assert available() == 10
    assert [each.hold_id for each in client.list_holds(product=sku)] == [hold.hold_id]


def test_a_release_that_fails_does_not_hide_what_went_wrong_before(
    server: Server, sku: str, available: Callable[[], int]
) -> None:
    policy = Policy(write=Limits(call=0.5, attempt=0.2))
    with proxied(server.target) as proxy, InventoryClient(proxy.target, policy=policy) as far:
        with pytest.raises(_Broken) as raised:  # noqa: PT012, SIM117
            with far.hold([(sku, 4)], ttl=60):
                proxy.lose_answers()
                raise _Broken
        proxy.cut()
        with pytest.raises(InventoryError), far.hold([(sku, 4)], ttl=60):
            proxy.lose_answers()
    assert "was not released" in raised.value.__notes__[0]
    # The requests arrived all the same.
    assert available() == 10


async def test_asyncio_has_it_too(server: Server, sku: str, available: Callable[[], int]) -> None:
    async with AsyncInventoryClient(server.target) as client:
        with pytest.raises(_Broken):
            async with client.hold([(sku, 4)], ttl=60):
                raise _Broken
        async with client.hold([(sku, 4)], ttl=60) as hold:
            await hold.convert({1: 3})
    assert available() == 7
