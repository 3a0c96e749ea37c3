"""Messages put together of serialized parts are what protobuf would have written."""

import pytest
from google.protobuf.descriptor import Descriptor

from inventory_grpc.rpc import encode, wire
from inventory_grpc.rpc.writes import batch
from inventory_grpc.v1 import orders_pb2, products_pb2, stock_pb2

_BATCHES = [
    message
    for file in (orders_pb2, products_pb2, stock_pb2)
    for message in file.DESCRIPTOR.message_types_by_name.values()
    if "results" in message.fields_by_name
]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_a_part_of_any_length_is_framed_as_protobuf_frames_it(length: int) -> None:
    order_id = "x" * length
    whole = orders_pb2.Order(order_id=order_id).SerializeToString()
    assert orders_pb2.Order.DESCRIPTOR.fields_by_name["order_id"].number == 1
    # What is empty is not written by protobuf, and reads as if it were not.
    assert wire.delimited(1, order_id.encode()) == (whole if length else b"\x0a\x00")


def test_a_field_whose_tag_takes_two_bytes_is_refused() -> None:
    with pytest.raises(AssertionError):
        wire.delimited(16, b"")
    with pytest.raises(AssertionError):
        wire.true(16)


@pytest.mark.parametrize("message", _BATCHES, ids=lambda message: message.name)
def test_every_batchs_response_has_the_same_numbers(message: Descriptor) -> None:
    assert len(_BATCHES) == 4
    result = message.fields_by_name["results"]
    assert result.number == batch.RESULTS
    assert result.message_type is not None
    numbers = {field.name: field.number for field in result.message_type.fields}
    assert numbers == {
        "response": batch.RESPONSE, "error": batch.ERROR, "replayed": batch.REPLAYED
    }  # fmt: skip


def test_the_resume_token_is_the_field_that_protobuf_reads() -> None:
    message = orders_pb2.CreateOrderResponse.FromString(encode.resume_token("a token" * 30))
    assert message == orders_pb2.CreateOrderResponse(resume_token="a token" * 30)
