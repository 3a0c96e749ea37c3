"""Every method counts against one limit, and a batch counts its rows."""

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from inventory_grpc.rpc.costs import METHODS, Group, group_of, rows_of
from inventory_grpc.v1 import (
    changes_pb2,
    holds_pb2,
    locations_pb2,
    orders_pb2,
    products_pb2,
    stock_pb2,
)

_FILES = (changes_pb2, holds_pb2, locations_pb2, orders_pb2, products_pb2, stock_pb2)
_ALL: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def test_every_method_is_of_exactly_one_group() -> None:
    grouped = [method for methods in METHODS.values() for method in methods]
    assert sorted(grouped) == sorted(_ALL)


@pytest.mark.parametrize("method", _ALL)
def test_what_may_change_something_is_a_write(method: str) -> None:
    """Mutations are those that can be tried with validate_only."""
    can_be_tried = "validate_only" in _ALL[method].input_type.fields_by_name
    assert (group_of(method) is Group.WRITES) == can_be_tried


@pytest.mark.parametrize("method", _ALL)
def test_what_has_pages_or_goes_on_is_a_scan(method: str) -> None:
    has_pages = "page_size" in _ALL[method].input_type.fields_by_name
    adds_up = method.endswith("Summary")
    is_scan = has_pages or adds_up or _ALL[method].server_streaming
    assert (group_of(method) is Group.SCANS) == is_scan


def test_a_method_that_nobody_thought_of_has_no_group() -> None:
    with pytest.raises(LookupError):
        group_of("/inventory.v1.OrderService/BurnOrder")


@pytest.mark.parametrize("method", [each for each in _ALL if "/Batch" in each])
def test_a_batch_counts_its_rows_at_least_one_and_a_thousand_at_most(method: str) -> None:
    rows = rows_of(method)
    assert rows is not None
    message = GetMessageClass(_ALL[method].input_type)()
    of_the_batch = getattr(message, _first_list(_ALL[method].input_type).name)
    assert rows(message) == 1
    for wanted, more in ((3, 3), (1_000, 997), (1_000, 500)):
        if _first_list(_ALL[method].input_type).message_type is None:
            of_the_batch.extend(["x"] * more)
        else:
            for _ in range(more):
                of_the_batch.add()
        assert rows(message) == wanted


@pytest.mark.parametrize("method", [each for each in _ALL if "/Batch" not in each])
def test_any_other_call_counts_as_one(method: str) -> None:
    assert rows_of(method) is None


def _first_list(request: Descriptor) -> FieldDescriptor:
    """The rows: what a batch repeats comes first."""
    return next(field for field in request.fields if field.is_repeated)
