"""Two clients, one source; and everything the API has is in them."""

import inspect
import re
from typing import Any, get_args

import pytest
from google.protobuf.descriptor import MethodDescriptor

from inventory_grpc.client import (
    AsyncInventoryClient,
    InventoryClient,
    InventoryError,
    values,
)
from inventory_grpc.v1 import (
    changes_pb2,
    common_pb2,
    errors_pb2,
    holds_pb2,
    locations_pb2,
    orders_pb2,
    products_pb2,
    stock_pb2,
)
from tests.client.unasync import PACKAGE, modules

_FILES: tuple[Any, ...] = (
    products_pb2,
    locations_pb2,
    stock_pb2,
    holds_pb2,
    orders_pb2,
    changes_pb2,
)
_METHODS: list[MethodDescriptor] = [
    method
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
_NAMES = {"WatchChanges": "watch"}
_ENUMS = {
    values.Allocation: common_pb2.AllocationStrategy,
    values.Locking: common_pb2.LockingStrategy,
    values.BatchModeName: common_pb2.BatchMode,
    values.OrderStatusName: orders_pb2.OrderStatus,
    values.HoldStatusName: holds_pb2.HoldStatus,
    values.Remainder: holds_pb2.HoldRemainder,
    values.Disposition: orders_pb2.ReturnDisposition,
    values.AdjustmentReasonName: stock_pb2.AdjustmentReason,
    values.MovementKindName: stock_pb2.MovementKind,
    values.ChangeKindName: changes_pb2.ChangeKind,
    values.ProductOrder: products_pb2.ProductOrderBy,
}


def test_the_blocking_client_is_the_one_that_its_source_makes() -> None:
    made = modules()
    there = {
        path: path.read_text(encoding="utf-8")
        for path in (PACKAGE / "sync").glob("*.py")
        if path.name != "__init__.py"
    }
    assert there == made, "run: python -m tests.client.unasync"


@pytest.mark.parametrize("method", _METHODS, ids=lambda method: method.name)
def test_every_call_of_the_api_is_a_documented_method_of_both(method: MethodDescriptor) -> None:
    name = _NAMES.get(method.name) or _snake(method.name)
    plain, for_asyncio = getattr(InventoryClient, name), getattr(AsyncInventoryClient, name)
    assert inspect.getdoc(plain)
    assert list(inspect.signature(plain).parameters) == list(
        inspect.signature(for_asyncio).parameters
    )


def test_every_reason_has_an_exception_of_its_own() -> None:
    reasons = {
        name.removeprefix("ERROR_REASON_")
        for name, number in errors_pb2.ErrorReason.items()
        if number
    }
    assert InventoryError.by_reason.keys() == reasons
    assert len(set(InventoryError.by_reason.values())) == len(reasons)


@pytest.mark.parametrize("names", _ENUMS, ids=lambda names: str(get_args(names)[0]))
def test_the_names_are_those_of_the_enum(names: Any) -> None:
    prefix = _ENUMS[names].keys()[0].removesuffix("UNSPECIFIED")
    known = {name.removeprefix(prefix) for name in _ENUMS[names].keys()[1:]}
    assert set(get_args(names)) == known


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
