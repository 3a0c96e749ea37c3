"""Lines of the access log, before they reach a file: whole, bounded, in one piece."""

import asyncio
import json
import os
import threading
from collections.abc import Sequence
from io import StringIO
from typing import Literal

import pytest

from inventory_grpc.domain.caller import Caller, Role
from inventory_grpc.rpc.calls import Call
from inventory_grpc.server.access_log import LINES_MAX, AccessLog
from inventory_grpc.server.logging import LineHandler

METHOD = "/inventory.v1.OrderService/CreateOrder"
FORGED = 'x"}\n{"event": "forged"}\r\x1b[2J\x00\x85\u2028\u202e'
NOT_FOUND = 5


def a_call(name: str = "shop", code: int = 0) -> Call:
    return Call(METHOD, Caller(name, Role.READER), code=code)


async def written(log: AccessLog, stream: StringIO) -> list[dict[str, object]]:
    log.start()
    await log.stop()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_no_text_ends_a_line_or_begins_one() -> None:
    stream = StringIO()
    call = a_call(FORGED)
    call.peer = call.request_id = call.reason = call.trace_id = call.batch_id = FORGED
    log = AccessLog("all", "info", LineHandler(stream, human=False))
    log.of(METHOD).ended(call, 0.001)
    [line] = await written(log, stream)
    assert not any(ord(each) < 32 or ord(each) == 127 for each in stream.getvalue().rstrip("\n"))
    for field in ("caller", "peer", "request_id", "reason", "trace_id", "batch_id"):
        assert not any(each in str(line[field]) for each in "\n\r\x1b\x00\x85\u2028")


@pytest.mark.parametrize(
    ("which", "level", "codes"),
    [
        ("all", "info", ["OK", "NOT_FOUND", "UNAVAILABLE", "INTERNAL"]),
        ("all", "warning", ["UNAVAILABLE", "INTERNAL"]),
        ("errors", "debug", ["NOT_FOUND", "UNAVAILABLE", "INTERNAL"]),
        ("errors", "error", ["INTERNAL"]),
    ],
)
async def test_which_calls_have_a_line(
    which: Literal["all", "errors"], level: str, codes: Sequence[str]
) -> None:
    stream = StringIO()
    log = AccessLog(which, level, LineHandler(stream, human=False))
    for code in (0, NOT_FOUND, 14, 13):
        log.of(METHOD).ended(a_call(code=code), 0.001)
    assert [line["code"] for line in await written(log, stream)] == codes


class Stuck(LineHandler):
    """A disk that hangs."""

    def __init__(self, stream: StringIO) -> None:
        super().__init__(stream, human=False)
        self.writing = threading.Event()
        self.go_on = threading.Event()

    def write_lines(self, lines: Sequence[str]) -> None:
        self.writing.set()
        assert self.go_on.wait(20)
        super().write_lines(lines)


async def test_a_reader_that_hangs_costs_lines_and_no_time() -> None:
    stream = StringIO()
    handler = Stuck(stream)
    log = AccessLog("all", "info", handler)
    log.start()
    log.of(METHOD).ended(a_call(), 0)
    await asyncio.to_thread(handler.writing.wait)
    for _ in range(LINES_MAX + 3):
        log.of(METHOD).ended(a_call(), 0)
    assert log.dropped == 3
    handler.go_on.set()
    await log.stop()
    assert stream.getvalue().count("\n") == 1 + LINES_MAX


async def test_lines_are_written_again_once_the_disk_has_room() -> None:
    stream = StringIO()
    full = [True]

    class Disk(LineHandler):
        def write_lines(self, lines: Sequence[str]) -> None:
            if full.pop() if full else False:
                tried.set()
                raise OSError(28, "no space left")
            super().write_lines(lines)

    tried = threading.Event()
    log = AccessLog("all", "info", Disk(stream, human=False))
    log.start()
    log.of(METHOD).ended(a_call(), 0)
    await asyncio.to_thread(tried.wait)
    log.of(METHOD).ended(a_call(), 0)
    await log.stop()
    assert (stream.getvalue().count("\n"), log.dropped) == (1, 1)


def test_a_pipe_is_written_in_pieces_that_it_takes_whole() -> None:
    """Or lines of several workers would be torn apart. In this mode a read gets one write."""
    reading, writing = os.pipe2(os.O_DIRECT)
    lines = [f"{number:0{100 + number % 50}}\n" for number in range(300)]
    pieces: list[str] = []

    def read() -> None:
        while piece := os.read(reading, 1 << 16):
            pieces.append(piece.decode())

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(writing, "w") as stream:
        LineHandler(stream, human=False).write_lines(lines)
    reader.join()
    os.close(reading)
    assert "".join(pieces) == "".join(lines)
    assert all(piece.endswith("\n") for piece in pieces)
    assert len(pieces) < len(lines) / 20
