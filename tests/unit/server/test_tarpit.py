"""What is remembered of who sends too much metadata."""

from inventory_grpc.server.tarpit import OFFENDERS_MAX, Offences

_SECOND_NS = 1_000_000_000


def test_so_many_at_once_are_forgiven_and_so_many_a_second() -> None:
    offences, now = Offences(10), _SECOND_NS
    assert [offences.too_many("a", 0, now) for _ in range(11)] == [False] * 10 + [True]
    assert not offences.too_many("b", 0, now)
    now += _SECOND_NS // 10
    assert [offences.too_many("a", 0, now) for _ in range(2)] == [False, True]


def test_a_larger_one_counts_as_several() -> None:
    offences, now = Offences(10), _SECOND_NS
    assert not offences.too_many("a", 9, now)
    assert offences.too_many("a", 0, now)
    assert offences.too_many("b", 10, now)


def test_however_many_offend_only_so_many_are_remembered() -> None:
    offences = Offences(10)
    for number in range(OFFENDERS_MAX + 100):
        offences.too_many(str(number), 0, _SECOND_NS)
    assert len(offences) == OFFENDERS_MAX


def test_who_has_not_offended_for_a_second_is_forgotten() -> None:
    offences = Offences(10)
    for number in range(100):
        offences.too_many(str(number), 0, _SECOND_NS)
    offences.too_many("later", 0, 2 * _SECOND_NS)
    assert len(offences) == 1
