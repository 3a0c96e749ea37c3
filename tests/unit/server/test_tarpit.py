"""What is remembered of who sends too much metadata."""

from typing import TYPE_CHECKING, Final, cast

from inventory_grpc.server.tarpit import PEERS_MAX, Tarpit

if TYPE_CHECKING:
    from inventory_grpc.rpc.reply import Context

_SECOND_NS: Final = 1_000_000_000
_BYTES: Final = 20_000


class _Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


class _Call:
    """All that is asked of one."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer


def _offend(tarpit: Tarpit, peer: str) -> None:
    tarpit.exceeded(cast("Context", _Call(peer)), _BYTES)


def test_however_many_offend_only_so_many_are_remembered() -> None:
    tarpit = Tarpit(_Clock())
    for number in range(PEERS_MAX + 100):
        _offend(tarpit, f"ipv4:192.0.2.1:{number}")
    assert tarpit.remembered == PEERS_MAX
    assert tarpit.refused == PEERS_MAX + 100


def test_who_has_offended_a_second_ago_is_forgotten() -> None:
    clock = _Clock()
    tarpit = Tarpit(clock)
    for number in range(100):
        _offend(tarpit, f"ipv4:192.0.2.1:{number}")
    clock.now += _SECOND_NS
    _offend(tarpit, "ipv4:192.0.2.2:1")
    assert tarpit.remembered == 1


def test_on_a_unix_socket_offences_are_refused_and_that_is_all() -> None:
    tarpit = Tarpit(_Clock())
    tarpit.start(0)
    for _ in range(100):
        _offend(tarpit, "unix:")
    assert (tarpit.refused, tarpit.frozen) == (100, 0)
