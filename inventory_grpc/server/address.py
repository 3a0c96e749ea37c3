"""The listening address: taken by nobody else, and how a client on this machine writes it.

gRPC alone would not tell: of a name with several addresses it is content with one that it gets, it
replaces the socket file of a running server, and a shared port may be shared with strangers.
"""

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

from inventory_grpc.server.errors import AddressTakenError, AddressUnusableError, StartError

_UNIX: Final = "unix:"
_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@dataclass(frozen=True, slots=True)
class Address:
    """HOST and PORT (0 = any free one), or the path of a Unix socket; the other is empty."""

    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, listen: str) -> Self:
        """From the setting `listen`, whose form is checked there."""
        if listen.startswith(_UNIX):
            return cls("", 0, listen.removeprefix(_UNIX))
        host, _, port = listen.rpartition(":")
        return cls(host.strip("[]"), int(port))

    def nth(self, number: int) -> "Address":
        """That of the nth of several processes: port after port, unless any free one will do."""
        if self.path:
            return Address("", 0, self.path if number == 1 else f"{self.path}.{number}")
        return self.with_port(self.port + number - 1 if self.port else 0)

    def with_port(self, port: int) -> "Address":
        """The same address with the port that was found free."""
        return Address(self.host, port, self.path)

    @property
    def client(self) -> "Address":
        """What a client on this machine connects to: a wildcard becomes the loopback."""
        return Address(_WILDCARDS.get(self.host, self.host), self.port, self.path)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it. Raises AddressUnusableError for no address."""
        return bool(self.path) or all(ip_address(ip).is_loopback for _, ip in _resolve(self))

    def __str__(self) -> str:
        if self.path:
            return _UNIX + self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def check_free(address: Address) -> None:
    """Raise `AddressTakenError` or `AddressUnusableError` unless a server could listen there."""
    if address.path:
        _check_socket_file(address)
        return
    with ExitStack() as sockets:
        for bound in _bind_all(address, sockets):
            _listen(bound, address)


def reserve(address: Address, resources: ExitStack) -> Address:
    """Hold a TCP address for workers until `resources` close; gives port 0 a number.

    The held sockets are bound but never listen, so they get no connections. They are bound alone
    and shared only afterwards: a stranger's port is refused, also one that it would share.
    """
    if address.path:
        raise StartError("several workers cannot share a Unix socket: use --workers 1 or a port")
    check_free(address)
    held = _bind_all(address, resources)
    for bound in held:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return address.with_port(held[0].getsockname()[1])


def _bind_all(address: Address, resources: ExitStack) -> list[socket.socket]:
    """One socket per IP address that the host name has on this machine."""
    held: list[socket.socket] = []
    port = address.port
    for family, ip in _resolve(address):
        bound = resources.enter_context(socket.socket(family, socket.SOCK_STREAM))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # gRPC listens on :: for both families; two sockets here would meet each other.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ip != "::"))
        try:
            bound.bind((ip, port))
        except OSError as error:
            if error.errno in _NOT_HERE and len(_resolve(address)) > 1:
                continue
            raise _start_error(address, error) from None
        port = bound.getsockname()[1]
        held.append(bound)
    if not held:
        raise AddressUnusableError(str(address), "no such address on this machine")
    return held


def _resolve(address: Address) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise AddressUnusableError(str(address), str(error.strerror)) from None
    return list(dict.fromkeys((family, str(where[0])) for family, *_, where in found))


def _listen(bound: socket.socket, address: Address) -> None:
    try:
        bound.listen(1)
    except OSError as error:
        raise _start_error(address, error) from None


def _start_error(address: Address, error: OSError) -> StartError:
    if error.errno == errno.EADDRINUSE:
        return AddressTakenError(str(address))
    return AddressUnusableError(str(address), error.strerror or str(error))


def _check_socket_file(address: Address) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address.path)
        except (FileNotFoundError, ConnectionRefusedError):
            # Missing, or left by a dead server; gRPC makes or replaces the file itself.
            pass
        except OSError as error:
            raise AddressUnusableError(str(address), error.strerror or str(error)) from None
        else:
            raise AddressTakenError(str(address))
    if not Path(address.path).absolute().parent.is_dir():
        raise AddressUnusableError(str(address), "its directory does not exist")
