"""A server takes its address alone, or says in one line why it cannot."""

import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from inventory_grpc.server.address import Address, check_free, reserve
from inventory_grpc.server.errors import AddressTakenError, AddressUnusableError, StartError
from tests.conftest import Database
from tests.server.harness import Server, Status, spawn


def test_a_second_server_does_not_take_the_port_of_the_first(
    server: Server, database: Database, tmp_path: Path
) -> None:
    flags = ("--no-migrate", "--listen", server.target)
    second = spawn(tmp_path / "second", flags, {"database_url": database.url})
    try:
        assert second.wait() == 1
    finally:
        second.close()
    lines = second.log.read_text().splitlines()
    assert lines == [f"cannot listen on {server.target}: it is in use by another process"]
    assert server.health() == Status.SERVING


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost"])  # noqa: S104
@pytest.mark.parametrize("shared", [False, True])
def test_a_port_somebody_listens_on_is_taken(host: str, *, shared: bool) -> None:
    with _listening(shared=shared) as taken, pytest.raises(AddressTakenError):
        check_free(Address(host, taken.getsockname()[1]))


def test_a_reserved_port_is_free_for_sharers_and_taken_for_everybody_else() -> None:
    with ExitStack() as resources:
        address = reserve(Address("127.0.0.1", 0), resources)
        assert address.port > 0
        for _worker in range(2):
            sharer = resources.enter_context(socket.socket())
            sharer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sharer.bind((address.host, address.port))
            sharer.listen()
        with pytest.raises(AddressTakenError):
            check_free(address)
        for _call in range(20):
            socket.create_connection((address.host, address.port), timeout=1).close()


def test_an_address_of_another_machine_is_unusable() -> None:
    with pytest.raises(AddressUnusableError, match=r"192\.0\.2\.1:50051"):
        check_free(Address("192.0.2.1", 50051))


def test_a_unix_socket_is_taken_while_a_server_answers_on_it(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    address = Address.parse(f"unix:{path}")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(path))
        listening.listen()
        with pytest.raises(AddressTakenError):
            check_free(address)
    # What a killed server leaves is nobody's.
    check_free(address)


def test_several_workers_need_a_port() -> None:
    with ExitStack() as resources, pytest.raises(StartError, match="Unix socket"):
        reserve(Address.parse("unix:/tmp/socket"), resources)


@pytest.mark.parametrize(
    ("listen", "client"),
    [
        ("0.0.0.0:50051", "127.0.0.1:50051"),
        ("[::]:50051", "[::1]:50051"),
        ("inventory.example:1", "inventory.example:1"),
        ("unix:/run/inventory", "unix:/run/inventory"),
    ],
)
def test_a_client_on_this_machine_finds_a_wildcard_on_the_loopback(
    listen: str, client: str
) -> None:
    assert str(Address.parse(listen)) == listen
    assert str(Address.parse(listen).client) == client


def _listening(*, shared: bool) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken
