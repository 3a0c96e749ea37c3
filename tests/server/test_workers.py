"""Several processes on one port: none is missed, none stays behind."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import Database
from tests.server.harness import Server, Status, poll_until, running, spawn


@pytest.fixture
def workers(database: Database, tmp_path: Path) -> Iterator[Server]:
    """Two workers and their parent, on any free port."""
    flags = ("--no-migrate", "--workers", "2")
    with running(tmp_path / "log", *flags, database_url=database.url) as parent:
        yield parent


def test_all_workers_are_ready_when_the_one_line_comes(workers: Server) -> None:
    assert workers.health() == Status.SERVING
    assert len(workers.events("worker_ready")) == 2
    assert len(_children(workers)) == 2


def test_connections_are_spread_over_the_workers(workers: Server) -> None:
    channels = [workers.connect() for _ in range(16)]
    for channel in channels:
        workers.channel = channel
        assert workers.health() == Status.SERVING
    port = int(workers.target.rpartition(":")[2])
    used = [_accepted(child, port) for child in _children(workers)]
    assert all(used), f"a worker got no connection: {used}"


def test_a_killed_worker_is_replaced(workers: Server) -> None:
    before = {child.pid for child in _children(workers)}
    victim = _children(workers)[0]
    victim.kill()
    poll_until(lambda: len(workers.events("worker_ready")) == 3, 30)
    after = {child.pid for child in _children(workers)}
    assert len(after) == 2
    assert victim.pid in before - after
    assert workers.health() == Status.SERVING


def test_no_worker_outlives_a_killed_parent(workers: Server) -> None:
    children = _children(workers)
    workers.kill()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert (len(gone), alive) == (2, [])


def test_sigterm_drains_all_workers(workers: Server) -> None:
    children = _children(workers)
    workers.terminate()
    assert workers.wait() == 0
    assert not any(child.is_running() for child in children)
    assert len(workers.events("draining")) == 2
    assert len(workers.events("stopped")) == 2


def test_ctrl_c_in_a_terminal_stops_once(workers: Server) -> None:
    # A terminal signals the whole foreground group; only the parent is in it.
    workers.process.send_signal(signal.SIGINT)
    assert workers.wait() == 0
    assert workers.events("forced_exit") == []


def test_no_worker_has_the_password_on_its_command_line(
    workers: Server, database: Database
) -> None:
    assert all(database.url not in " ".join(child.cmdline()) for child in _children(workers))


@pytest.mark.parametrize("shared", [False, True], ids=["exclusive", "shared"])
def test_workers_do_not_share_a_port_with_a_stranger(
    database: Database, tmp_path: Path, *, shared: bool
) -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        address = f"127.0.0.1:{stranger.getsockname()[1]}"
        flags = ("--no-migrate", "--workers", "2", "--listen", address)
        server = spawn(tmp_path / "log", flags, {"database_url": database.url})
        try:
            assert server.wait() == 1
        finally:
            server.close()
    said = server.log.read_text().splitlines()[-1]
    assert said == f"cannot listen on {address}: it is in use by another process"


def _children(server: Server) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(server.process.pid).children()
        if child.status() != psutil.STATUS_ZOMBIE
    ]


def _accepted(worker: psutil.Process, port: int) -> int:
    """How many connections to the port the worker took."""
    return sum(
        each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port
        for each in worker.net_connections("tcp")
    )
