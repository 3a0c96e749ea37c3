"""Decoding for the services that are not ours: gRPC answers UNKNOWN when a deserializer raises."""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import DecodeError

Request = TypeVar("Request")
Instead = TypeVar("Instead")


def lenient(
    decode: Callable[[bytes], Request], instead: Instead
) -> Callable[[bytes], Request | Instead]:
    """`decode`, with `instead` for bytes that are no message."""

    def deserialize(raw: bytes) -> Request | Instead:
        try:
            return decode(raw)
        except DecodeError:
            return instead

    return deserialize
