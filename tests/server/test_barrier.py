"""Who is kept from connecting, and who is not."""

import socket
import sys
from collections.abc import Iterator

import pytest

from inventory_grpc.server import packet_filter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are no such filters")

_SECONDS = 0.3
_LOOPBACK = {"127.0.0.1": socket.inet_aton("127.0.0.1"), "::1": bytes(8)}
_STRANGERS = [
    *(socket.inet_aton(f"192.0.2.{number}") for number in range(60)),
    *(socket.inet_pton(socket.AF_INET6, f"2001:db8:{number:x}::")[:8] for number in range(40)),
]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """On both versions of IP, as servers have one."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        yield listener


@pytest.mark.parametrize("host", _LOOPBACK)
def test_only_who_is_named_is_kept_out(listener: socket.socket, host: str) -> None:
    packet_filter.stop_sources(listener, [*_STRANGERS, _LOOPBACK[host]])
    [other] = set(_LOOPBACK) - {host}
    assert not _connects(listener, host)
    assert _connects(listener, other)
    packet_filter.stop_sources(listener, _STRANGERS)
    assert _connects(listener, host)
    packet_filter.stop_nothing(listener)
    assert _connects(listener, host)


def test_who_got_in_beside_others_that_were_kept_out_is_heard(listener: socket.socket) -> None:
    packet_filter.stop_sources(listener, _STRANGERS)
    with socket.create_connection(("127.0.0.1", listener.getsockname()[1]), _SECONDS) as client:
        accepted, _ = listener.accept()
        with accepted:
            client.sendall(b"hello")
            assert accepted.recv(5) == b"hello"


def _connects(listener: socket.socket, host: str) -> bool:
    try:
        socket.create_connection((host, listener.getsockname()[1]), _SECONDS).close()
    except TimeoutError:
        return False
    return True
