"""Protobuf's wire format (https://protobuf.dev/programming-guides/encoding), as far as messages are
put together of parts that are serialized already."""

from functools import lru_cache
from typing import Final

_DELIMITED: Final = 2
"""The wire type of messages, strings and bytes."""


def delimited(field: int, content: bytes) -> bytes:
    """A message, string or bytes as the field of this number, up to 15."""
    return _head(field, len(content)) + content


def true(field: int) -> bytes:
    """A bool that is set, as the field of this number, up to 15."""
    assert field < 16, "its tag is one byte"
    return bytes([field << 3, 1])


@lru_cache(maxsize=4096)
def _head(field: int, length: int) -> bytes:
    """Tag and length; answers to the same kind of request are often as long as each other."""
    assert field < 16, "its tag is one byte"
    head = bytearray([field << 3 | _DELIMITED])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head)
