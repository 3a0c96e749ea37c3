"""Fields of messages as text: one way for every column of every table."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.client.values import decimal
from inventory_grpc.v1.common_pb2 import Money, ProductKey


def text_of(message: Message, path: str) -> str:
    """The field at `path`, such as `stock.on_hand`; empty where a message on the way is unset."""
    *way, last = path.split(".")
    for name in way:
        if not message.HasField(name):
            return ""
        message = getattr(message, name)
    field: Any = message.DESCRIPTOR.fields_by_name[last]
    value = getattr(message, last)
    if isinstance(value, Mapping):
        return " ".join(f"{key}={value[key]}" for key in sorted(value))
    if field.is_repeated:
        return " ".join(_text(field, each) for each in value)
    if field.has_presence and not message.HasField(last):
        return ""
    return _text(field, value)


def enum_name(enum: Any, number: int) -> str:
    """The value's name without the prefix that all have; empty for UNSPECIFIED."""
    found = enum.values_by_number.get(number)
    if found is None:
        return str(number)
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return "" if found.name.endswith("_UNSPECIFIED") else str(found.name.removeprefix(prefix))


def time_text(moment: Timestamp) -> str:
    """A time as people read it, in UTC."""
    return f"{moment.ToDatetime():%Y-%m-%d %H:%M:%S}Z"


def _text(field: Any, value: Any) -> str:
    if field.enum_type is not None:
        return enum_name(field.enum_type, value)
    match value:
        case bool():
            return "yes" if value else "no"
        case Timestamp():
            return str(value.ToJsonString())
        case Money():
            return _amount(value)
        case ProductKey():
            return value.sku or value.product_id
    return str(value)


def _amount(value: Money) -> str:
    """With two decimals, or as many as it has."""
    whole, _, fraction = f"{decimal(value):f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def messages_at(message: Message, name: str) -> Sequence[Message]:
    """The messages in a repeated field."""
    found: Sequence[Message] = getattr(message, name)
    return found
