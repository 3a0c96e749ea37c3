"""What one connection may do: queue as many calls as it likes, and cost nobody else anything."""

import socket
import struct
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc

from inventory_grpc.v1 import orders_pb2
from tests.server.harness import Server, Status, code_of

_UNKNOWN = orders_pb2.GetOrderRequest(order_id="01900000-0000-7000-8000-000000000000")
_HEADERS, _DATA, _RST_STREAM, _SETTINGS = 1, 0, 3, 4
_END_STREAM, _END_HEADERS = 1, 4
_CANCEL = struct.pack(">I", 8)
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def test_a_thousand_calls_at_once_on_one_connection_are_all_answered(server: Server) -> None:
    calls = [server.orders.GetOrder.future(_UNKNOWN, timeout=30) for _ in range(1_000)]
    assert Counter(map(code_of, calls)) == {grpc.StatusCode.NOT_FOUND: 1_000}


def test_a_client_that_opens_and_resets_streams_harms_nobody(server: Server) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(1) as attacker:
        resets = attacker.submit(_reset_rapidly, server.target, stop)
        try:
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                assert code_of(server.orders.GetOrder.future(_UNKNOWN, timeout=5)) == (
                    grpc.StatusCode.NOT_FOUND
                )
        finally:
            stop.set()
        assert resets.result() > 10_000
    assert server.health() == Status.SERVING


def _reset_rapidly(target: str, stop: threading.Event) -> int:
    """Open calls and reset each at once until told to stop; how many."""
    host, port = target.rsplit(":", 1)
    resets = 0
    with socket.create_connection((host, int(port)), timeout=10) as conn:
        reader = threading.Thread(target=_discard, args=(conn,), daemon=True)
        reader.start()
        conn.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        for stream in range(1, 2**31, 2):
            if stop.is_set():
                break
            conn.sendall(
                _frame(_HEADERS, _END_HEADERS, stream, _header_block())
                + _frame(_DATA, _END_STREAM, stream, bytes(5))
                + _frame(_RST_STREAM, 0, stream, _CANCEL)
            )
            resets += 1
        conn.shutdown(socket.SHUT_RDWR)
        reader.join()
    return resets


def _discard(conn: socket.socket) -> None:
    try:
        while conn.recv(65536):
            pass
    except OSError:
        pass


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


def _header_block() -> bytes:
    # 0x83 and 0x86 are ":method: POST" and ":scheme: http" of HPACK's static table.
    named = {
        ":path": "/inventory.v1.OrderService/GetOrder",
        ":authority": "test",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    literals = [_literal(name, value) for name, value in named.items()]
    return b"\x83\x86" + b"".join(literals)


def _literal(name: str, value: str) -> bytes:
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
