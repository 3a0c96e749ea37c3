"""Filters that the kernel asks of each packet for a socket, whether to drop it.

socket(7), SO_ATTACH_FILTER, in the code of the classic Berkeley packet filter; whoever has a socket
may attach one. Linux only.
"""

import ctypes
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_Instruction = tuple[int, int, int, int]
"""Code, how many to skip if true, how many if false, operand."""

# asm/socket.h and linux/filter.h; Python's socket module names none of them.
_SO_ATTACH_FILTER: Final = 26
_SO_DETACH_FILTER: Final = 27
_LOAD_BYTE, _LOAD_WORD, _AND, _IF_EQUAL, _GO, _RETURN = 0x30, 0x20, 0x54, 0x15, 0x05, 0x06
_IP: Final = 0xFFF0_0000
"""Where the header of IP begins; 4 in the first half of its first byte is IPv4."""
_KEEP: Final = 0xFFFF_FFFF
_DROP: Final = 0
_IPV4_BYTES: Final = 4


def stop_everything(connection: socket.socket) -> None:
    """The other end is not heard any more, not even that it is gone. Raises OSError."""
    _attach(connection, [(_RETURN, 0, 0, _DROP)])


def stop_sources(connection: socket.socket, sources: Iterable[bytes]) -> None:
    """Of IPv4 the addresses, of IPv6 their first halves. Raises OSError."""
    _attach(connection, list(_unless_from(sources)))


def stop_nothing(connection: socket.socket) -> None:
    """Raises OSError if nothing is stopped."""
    connection.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def _attach(connection: socket.socket, program: Sequence[_Instruction]) -> None:
    code = b"".join(struct.pack("HBBI", *each) for each in program)
    # The kernel makes a copy.
    kept = ctypes.create_string_buffer(code, len(code))
    pointer = struct.pack("HP", len(program), ctypes.addressof(kept))
    connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)


def _unless_from(sources: Iterable[bytes]) -> Iterator[_Instruction]:
    ipv4, ipv6 = [], []
    for source in sources:
        if len(source) == _IPV4_BYTES:
            ipv4.append(int.from_bytes(source, "big"))
        else:
            ipv6.append(struct.unpack("!II", source))
    yield _LOAD_BYTE, 0, 0, _IP
    yield _AND, 0, 0, 0xF0
    yield _IF_EQUAL, 1, 0, 0x40
    # Beyond what follows for IPv4.
    yield _GO, 0, 0, 2 * len(ipv4) + 2
    yield _LOAD_WORD, 0, 0, _IP + 12
    for word in ipv4:
        yield _IF_EQUAL, 0, 1, word
        yield _RETURN, 0, 0, _DROP
    yield _RETURN, 0, 0, _KEEP
    for first, second in ipv6:
        yield _LOAD_WORD, 0, 0, _IP + 8
        yield _IF_EQUAL, 0, 3, first
        yield _LOAD_WORD, 0, 0, _IP + 12
        yield _IF_EQUAL, 0, 1, second
        yield _RETURN, 0, 0, _DROP
    yield _RETURN, 0, 0, _KEEP
