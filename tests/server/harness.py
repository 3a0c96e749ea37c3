"""A real server process, and what tests ask of one."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2

from inventory_grpc.v1.changes_pb2_grpc import ChangeServiceStub
from inventory_grpc.v1.holds_pb2_grpc import HoldServiceStub
from inventory_grpc.v1.locations_pb2_grpc import LocationServiceStub
from inventory_grpc.v1.orders_pb2_grpc import OrderServiceStub
from inventory_grpc.v1.products_pb2_grpc import ProductServiceStub
from inventory_grpc.v1.stock_pb2_grpc import StockServiceStub
from tests.conftest import Database

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30

Detail = TypeVar(
    "Detail",
    error_details_pb2.BadRequest,
    error_details_pb2.ErrorInfo,
    error_details_pb2.RetryInfo,
)
Status = health_pb2.HealthCheckResponse


@dataclass
class Server:
    """A server as a child process, ready when it is handed out."""

    process: subprocess.Popen[str]
    log: Path
    line: str = ""
    """What it printed when it was ready."""
    target: str = ""
    credentials: grpc.ChannelCredentials | None = None
    """What its callers connect with, over TLS; None without."""
    _channels: list[grpc.Channel] = field(default_factory=list)

    @cached_property
    def channel(self) -> grpc.Channel:
        """A connection to it, made when first used."""
        return self.connect()

    def connect(self) -> grpc.Channel:
        """Another connection; it does not share the sockets of the others."""
        own_sockets = [("grpc.use_local_subchannel_pool", 1)]
        if self.credentials is None:
            channel = grpc.insecure_channel(self.target, options=own_sockets)
        else:
            channel = grpc.secure_channel(self.target, self.credentials, options=own_sockets)
        self._channels.append(channel)
        return channel

    @cached_property
    def orders(self) -> OrderServiceStub:
        return OrderServiceStub(self.channel)

    @cached_property
    def holds(self) -> HoldServiceStub:
        return HoldServiceStub(self.channel)

    @cached_property
    def products(self) -> ProductServiceStub:
        return ProductServiceStub(self.channel)

    @cached_property
    def stock(self) -> StockServiceStub:
        return StockServiceStub(self.channel)

    @cached_property
    def locations(self) -> LocationServiceStub:
        return LocationServiceStub(self.channel)

    @cached_property
    def changes(self) -> ChangeServiceStub:
        return ChangeServiceStub(self.channel)

    def health(self, service: str = "", channel: grpc.Channel | None = None) -> int:
        """Its status now."""
        request = health_pb2.HealthCheckRequest(service=service)
        check = (channel or self.channel).unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        return check(request, timeout=5).status

    def watch_health(self, service: str = "", seconds_max: float = 30) -> Iterator[int]:
        """Its status now and after every change; DEADLINE_EXCEEDED after ``seconds_max``."""
        request = health_pb2.HealthCheckRequest(service=service)
        watch = self.connect().unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        for answer in watch(request, timeout=seconds_max):
            yield answer.status

    def terminate(self) -> None:
        """Ask it to drain and end; see `wait`."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without any chance to clean up, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def wait(self, seconds_max: float = STOP_SECONDS_MAX) -> int:
        """Its exit status, once it ended."""
        return self.process.wait(seconds_max)

    def events(self, name: str) -> list[dict[str, object]]:
        """Its log lines of one kind."""
        lines = self.log.read_text().splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in parsed if each["event"] == name]

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def command(*flags: str) -> list[str]:
    """The command line of a server on any free port."""
    return [sys.executable, "-m", "inventory_grpc", "serve", "--listen", "127.0.0.1:0", *flags]


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without its settings, with those given."""
    inherited = {name: value for name, value in os.environ.items() if "INVENTORY_" not in name}
    return {**inherited, **{f"INVENTORY_{name.upper()}": value for name, value in settings.items()}}


def spawn(log: Path, flags: Iterable[str], settings: dict[str, str]) -> Server:
    """Start a server without waiting for anything."""
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            command(*flags),
            env=environment(**settings),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    return Server(process, log)


@contextmanager
def running(log: Path, *flags: str, **settings: str) -> Iterator[Server]:
    """A server from ready until the end of the block, where it is killed if it still runs."""
    server = spawn(log, flags, settings)
    try:
        server.line = read_line(server.process, START_SECONDS_MAX)
        server.target = target_of(server.line, server.log)
        yield server
    finally:
        server.close()


def read_line(process: subprocess.Popen[str], seconds_max: float) -> str:
    """The next line the process prints; empty when it ends or says nothing for so long."""
    assert process.stdout is not None
    pipe, line, deadline = process.stdout.fileno(), b"", time.monotonic() + seconds_max
    # Byte by byte: a buffer would take the next lines, too, and `select` knows of the pipe alone.
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready or not (byte := os.read(pipe, 1)):
            break
        line += byte
    return line.decode()


def target_of(line: str, log: Path) -> str:
    """The address in the line that a server prints when it is ready."""
    found = re.search(r"(127\.0\.0\.1|\[::1\]):\d+", line)
    assert found is not None, f"the server did not get ready: {line!r}\n{log.read_text()}"
    return found[0]


def trailers(error: grpc.RpcError) -> dict[str, str | bytes]:
    """The trailing metadata that came with an error."""
    call: object = error
    # What a stub raises is both an error and a finished call.
    assert isinstance(call, grpc.Call)
    return {entry[0]: entry[1] for entry in call.trailing_metadata() or ()}


def rich_status(error: grpc.RpcError) -> status_pb2.Status:
    """The google.rpc.Status that came with an error."""
    metadata = trailers(error)
    return status_pb2.Status.FromString(metadata["grpc-status-details-bin"])


def reason_of(error: grpc.RpcError) -> str:
    """The reason in the error's ErrorInfo."""
    reason: str = detail(error, error_details_pb2.ErrorInfo()).reason
    return reason


def detail(error: grpc.RpcError, into: Detail) -> Detail:
    """The error's detail of that type."""
    found = [each for each in rich_status(error).details if each.Is(into.DESCRIPTOR)]
    assert len(found) == 1
    found[0].Unpack(into)
    return into


def poll_until(condition: Callable[[], bool], seconds_max: float = 10) -> None:
    """Wait for what nobody announces: processes that end, locks that somebody waits for."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def locked(database: Database, table: str) -> Iterator[None]:
    """Nobody else can read or write the table inside the block."""
    conn = database.connect("owner")
    try:
        with conn.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        conn.close()


def blocked_statements(database: Database, count: int) -> None:
    """Wait until so many statements wait for a lock."""
    conn = database.connect("superuser")
    conn.set_session(autocommit=True)

    def blocked() -> bool:
        with conn.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            row = cursor.fetchone()
            return row is not None and row[0] >= count

    try:
        poll_until(blocked)
    finally:
        conn.close()


def code_of(call: grpc.Future) -> grpc.StatusCode:  # type: ignore[type-arg]
    """The code that a call in the background failed with, once it has."""
    with pytest.raises(grpc.RpcError) as refused:
        call.result()
    return refused.value.code()
