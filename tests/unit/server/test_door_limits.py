"""A call that is refused, by whomever, has used up nothing."""

from typing import Any, Final

import pytest

from inventory_grpc.domain.caller import ANONYMOUS, Limits
from inventory_grpc.domain.errors import Draining, Overloaded, RateLimited
from inventory_grpc.server.admission import Admission
from inventory_grpc.server.door import MethodDoor, ServerDoors
from inventory_grpc.server.quotas import Quotas

_CREATE: Final = "/inventory.v1.OrderService/CreateOrder"
_NOBODY: Final[Any] = None
"""Where nobody is asked who it is, nothing is asked of the call."""


def _door(admission: Admission, **limits: Any) -> MethodDoor:
    quotas = Quotas(Limits(**limits), lambda: 0)
    return ServerDoors(None, quotas, admission, Admission(0)).of(_CREATE, lasting=False)


async def test_what_a_full_server_refuses_takes_no_token_and_no_place() -> None:
    admission = Admission(1)
    door = _door(admission, writes_per_second=3, in_flight=2)
    door.enter(_NOBODY)
    for _ in range(5):
        with pytest.raises(Overloaded):
            door.enter(_NOBODY)
    for _ in range(2):
        door.leave(ANONYMOUS)
        door.enter(_NOBODY)
    assert admission.in_flight == 1


async def test_what_a_draining_server_refuses_takes_no_token() -> None:
    admission = Admission(10)
    door = _door(admission, writes_per_second=1)
    admission.drain()
    for _ in range(3):
        with pytest.raises(Draining):
            door.enter(_NOBODY)


async def test_who_is_over_its_limit_takes_no_place_in_the_server() -> None:
    admission = Admission(10)
    door = _door(admission, writes_per_second=1)
    door.enter(_NOBODY)
    for _ in range(20):
        with pytest.raises(RateLimited):
            door.enter(_NOBODY)
    assert admission.in_flight == 1
