"""Two requests are the same if they ask for the same, whatever bytes they came in."""

import re

import pytest

from inventory_grpc.domain.caller import Caller, Role
from inventory_grpc.domain.commands import Command
from inventory_grpc.rpc import encode, parse_orders
from inventory_grpc.rpc.calls import Call, current
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.rpc.writes.submit import Mutation
from inventory_grpc.v1.common_pb2 import DemandLine, ProductKey
from inventory_grpc.v1.orders_pb2 import CreateOrderRequest, CreateOrderResponse

ID = "01920000-0000-7000-8000-00000000000A"
CREATE = Mutation(
    "/inventory.v1.OrderService/CreateOrder",
    parse_orders.create_order,
    encode.order_in(CreateOrderResponse),
)
OTHER = Mutation("/inventory.v1.OrderService/Other", CREATE.parse, CREATE.encode)
LABELS = {f"key-{number}": str(number) for number in range(20)}


def _request(**more: str) -> CreateOrderRequest:
    line = DemandLine(product=ProductKey(sku="MUG"), quantity=2)
    labels = dict(reversed(LABELS.items())) if more else LABELS
    request = CreateOrderRequest(lines=[line], labels=labels)
    for name, value in more.items():
        setattr(request, name, value)
    return request


def _command(request: CreateOrderRequest) -> Command:
    return CREATE.parse(request, Violations())


def test_a_fingerprint_has_16_bytes_and_ignores_the_request_id_and_the_order_of_maps() -> None:
    first = CREATE.fingerprint(_request())
    assert len(first) == 16
    assert CREATE.fingerprint(_request(request_id=ID)) == first


def test_unknown_fields_at_any_depth_do_not_matter() -> None:
    unknown = b"\xf8\x3f\x01"
    line = DemandLine(product=ProductKey(sku="MUG"), quantity=2).SerializeToString() + unknown
    raw = b"\x0a" + bytes([len(line)]) + line + unknown
    received = CreateOrderRequest.FromString(raw)
    received.labels.update(LABELS)
    assert CREATE.fingerprint(received) == CREATE.fingerprint(_request())


def test_encodings_that_are_not_canonical_do_not_matter() -> None:
    # customer_reference before lines, and the line's quantity twice: the last one counts.
    line = b"\x10\x07\x0a\x05\x12\x03MUG\x10\x82\x00"
    raw = b"\x1a\x01C\x0a" + bytes([len(line)]) + line
    received = CreateOrderRequest.FromString(raw)
    received.labels.update(LABELS)
    assert CREATE.fingerprint(received) == CREATE.fingerprint(_request(customer_reference="C"))


def test_another_payload_or_method_has_another_fingerprint() -> None:
    prints = {
        CREATE.fingerprint(_request()),
        CREATE.fingerprint(_request(customer_reference="x")),
        OTHER.fingerprint(_request()),
    }
    assert len(prints) == 3


@pytest.mark.parametrize("validate_only", [False, True])
def test_a_request_id_goes_on_as_it_is_and_is_made_when_missing(validate_only: bool) -> None:
    current.set(Call(CREATE.method, Caller("shop", Role.WRITER)))
    given, missing = _request(request_id=ID), _request()
    with_id = CREATE.request(given, _command(given), ID, validate_only=validate_only)
    without = CREATE.request(missing, _command(missing), "", validate_only=validate_only)
    assert with_id.request_id == ID
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}", without.request_id)
    assert with_id.fingerprint == without.fingerprint
    assert with_id.validate_only is validate_only
    assert with_id.caller == "shop"
