"""No input whatsoever makes the service answer UNKNOWN or INTERNAL."""

from collections.abc import Callable, Mapping
from typing import Final

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from inventory_grpc.v1 import holds_pb2, locations_pb2, orders_pb2, products_pb2, stock_pb2
from tests.server.harness import Server, rich_status

METHODS: Final = tuple(
    method
    for file in (products_pb2, locations_pb2, stock_pb2, holds_pb2, orders_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
)
ALLOWED: Final = frozenset(grpc.StatusCode) - {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.UNIMPLEMENTED,
}
IDS: Final = tuple(f"01920000-0000-7000-8000-00000000000{digit}" for digit in range(3))

Sent = tuple[MethodDescriptor, bytes]

# Mostly values that are well-formed, so that messages get past the first checks.
_TEXTS = st.one_of(
    st.sampled_from(["", "MUG", "CUP", "default", "berlin", "EUR", "*", "name", "sku", *IDS]),
    st.text(max_size=20),
    st.sampled_from(["\x00", "\u202e", "x" * 5000, "%", "\\", "'", "\ufffe", "😀" * 300]),
)
_NUMBERS = st.one_of(
    st.integers(0, 5),
    st.sampled_from([-1, 10**9, 10**9 + 1, 10**15, 253402300800]),
    st.integers(-(2**63), 2**63 - 1),
)
_SMALL_NUMBERS = st.one_of(st.integers(-1, 5), st.integers(-(2**31), 2**31 - 1))
_SCALARS: Mapping[int, SearchStrategy[object]] = {
    FieldDescriptor.TYPE_STRING: _TEXTS,
    FieldDescriptor.TYPE_INT64: _NUMBERS,
    FieldDescriptor.TYPE_INT32: _SMALL_NUMBERS,
    FieldDescriptor.TYPE_ENUM: st.one_of(st.integers(0, 4), st.integers(-(2**31), 2**31 - 1)),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
}


def _message(draw: Callable[[SearchStrategy[object]], object], descriptor: Descriptor) -> Message:
    """A message with any of its fields set to anything of their type."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if draw(st.integers(0, 3)):
            _fill(draw, message, field)
    return message


def _fill(
    draw: Callable[[SearchStrategy[object]], object], message: Message, field: FieldDescriptor
) -> None:
    nested = field.message_type
    target = getattr(message, field.name)
    if nested is not None and nested.GetOptions().map_entry:
        target.update(draw(st.dictionaries(_TEXTS, _TEXTS, max_size=3)))
    elif field.is_repeated:
        count = draw(st.integers(0, 3))
        assert isinstance(count, int)
        for _ in range(count):
            target.append(_value(draw, field))
    elif nested is not None:
        target.CopyFrom(_message(draw, nested))
        target.SetInParent()
    else:
        setattr(message, field.name, draw(_SCALARS[field.type]))


def _value(draw: Callable[[SearchStrategy[object]], object], field: FieldDescriptor) -> object:
    if field.message_type is not None:
        return _message(draw, field.message_type)
    return draw(_SCALARS[field.type])


@st.composite
def typed_calls(draw: Callable[[SearchStrategy[object]], object]) -> Sent:
    """A method and a message of its request type."""
    method = draw(st.sampled_from(METHODS))
    assert isinstance(method, MethodDescriptor)
    return method, _message(draw, method.input_type).SerializeToString()


@st.composite
def raw_calls(draw: Callable[[SearchStrategy[object]], object]) -> Sent:
    """A method and any bytes."""
    method, raw = draw(st.sampled_from(METHODS)), draw(st.binary(max_size=200))
    assert isinstance(method, MethodDescriptor)
    assert isinstance(raw, bytes)
    return method, raw


@st.composite
def damaged_calls(draw: Callable[[SearchStrategy[object]], object]) -> Sent:
    """A method and a message of its type with one byte changed."""
    sent = draw(typed_calls())
    assert isinstance(sent, tuple)
    method, raw = sent
    position, value = draw(st.integers(0, max(len(raw) - 1, 0))), draw(st.integers(0, 255))
    assert isinstance(position, int)
    assert isinstance(value, int)
    return method, raw[:position] + bytes([value]) + raw[position + 1 :]


def test_no_message_and_no_bytes_make_any_method_answer_unknown_or_internal(
    server: Server,
) -> None:
    _stock(server)
    seen: dict[grpc.StatusCode, int] = {}

    @settings(
        max_examples=600,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.one_of(typed_calls(), typed_calls(), damaged_calls(), raw_calls()))
    def call(sent: Sent) -> None:
        code = _code(server, *sent)
        seen[code] = seen.get(code, 0) + 1
        assert code in ALLOWED

    call()
    assert grpc.StatusCode.OK in seen
    assert grpc.StatusCode.INVALID_ARGUMENT in seen


def test_the_empty_message_makes_no_method_answer_unknown_or_internal(server: Server) -> None:
    codes = {_path(method): _code(server, method, b"") for method in METHODS}
    assert {path: code for path, code in codes.items() if code not in ALLOWED} == {}


def _stock(server: Server) -> None:
    """Something that drawn keys can find."""
    berlin = locations_pb2.Location(location_id="berlin")
    server.locations.CreateLocation(locations_pb2.CreateLocationRequest(location=berlin))
    for sku in ("MUG", "CUP"):
        server.products.CreateProduct(
            products_pb2.CreateProductRequest(
                product=products_pb2.Product(sku=sku, name=sku),
                initial_stock=[products_pb2.InitialStock(quantity=10)],
            )
        )


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _code(server: Server, method: MethodDescriptor, raw: bytes) -> grpc.StatusCode:
    error = _error(server.channel, method, raw)
    if error is None:
        return grpc.StatusCode.OK
    # Whatever a handler refuses says why; this raises if there is no status.
    rich_status(error)
    code: grpc.StatusCode = error.code()
    return code


def _error(channel: grpc.Channel, method: MethodDescriptor, raw: bytes) -> grpc.RpcError | None:
    unary: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_path(method))
    stream: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_path(method))
    try:
        if method.server_streaming:
            list(stream(raw, timeout=10))
        else:
            unary(raw, timeout=10)
    except grpc.RpcError as error:
        return error
    return None
