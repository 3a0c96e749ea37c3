"""Every RPC that is described has one entry in the table of rights, and nothing else has."""

import pytest

from inventory_grpc.domain.caller import Caller, Role
from inventory_grpc.rpc.rights import entries, needed_for
from inventory_grpc.v1 import (
    changes_pb2,
    holds_pb2,
    locations_pb2,
    orders_pb2,
    products_pb2,
    stock_pb2,
)

_FILES = (changes_pb2, holds_pb2, locations_pb2, orders_pb2, products_pb2, stock_pb2)
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
_LOOKING = ("Get", "BatchGet", "List", "Watch", "Check")


def test_every_method_has_exactly_one_entry_and_no_entry_is_without_a_method() -> None:
    assert sorted(name for name, _ in entries()) == sorted(METHODS)


def test_a_method_without_an_entry_is_for_nobody() -> None:
    assert needed_for("/inventory.v1.OrderService/Unheard") is None
    assert needed_for("/other.v1.OrderService/GetOrder") is None


@pytest.mark.parametrize("method", METHODS)
def test_readers_may_look_and_change_nothing(method: str) -> None:
    looks = METHODS[method].name.startswith(_LOOKING)
    mutates = "request_id" in METHODS[method].input_type.fields_by_name
    needed = needed_for(method)
    assert needed is not None
    assert not (looks and mutates)
    assert needed is Role.READER or not looks or "CheckConsistency" in method
    assert looks or needed > Role.READER


def test_each_role_may_what_those_before_it_may() -> None:
    assert Role.READER < Role.WRITER < Role.OPERATOR < Role.ADMIN
    assert Caller("x", Role.ADMIN).role >= max(needed for _, needed in entries())
