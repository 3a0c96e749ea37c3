"""What a sweeper sends: all that is due, but never the same that cannot be expired for ever."""

from inventory_grpc.server.setbacks import (
    CHUNK_HOLDS,
    HOLDS_MAX,
    PAUSE_SECONDS,
    PAUSE_SECONDS_MAX,
    Setbacks,
)


def _holds(count: int, first: int = 0) -> list[str]:
    return [f"hold-{number}" for number in range(first, first + count)]


def _sent(setbacks: Setbacks, due: list[str], now: float) -> list[str]:
    """One pass that expires nothing; what it sent."""
    chunks = setbacks.chunks(due, now)
    for chunk in chunks:
        setbacks.note(chunk, now)
    return [hold_id for chunk in chunks for hold_id in chunk]


def test_a_pass_sends_the_longest_due_first_a_few_at_a_time_and_not_all_at_once() -> None:
    due = _holds(2 * HOLDS_MAX)
    chunks = Setbacks().chunks(due, 0)
    assert [hold_id for chunk in chunks for hold_id in chunk] == due[:HOLDS_MAX]
    assert {len(chunk) for chunk in chunks} == {CHUNK_HOLDS}


def test_the_holds_of_a_failed_chunk_go_alone_at_once_beside_the_others() -> None:
    setbacks = Setbacks()
    assert not setbacks.note(("A", "B"), 0)
    assert setbacks.chunks(["A", "B", "C", "D"], 0) == [("C", "D"), ("A",), ("B",)]


def test_a_hold_that_fails_alone_rests_for_longer_and_longer() -> None:
    setbacks = Setbacks()
    now, pauses = 0.0, []
    assert _sent(setbacks, ["A"], now) == ["A"]
    for _ in range(12):
        assert _sent(setbacks, ["A"], now) == ["A"]
        start = now
        while not _sent_next(setbacks, now):
            now += PAUSE_SECONDS / 2
        pauses.append(now - start)
    assert pauses[:3] == [PAUSE_SECONDS, 2 * PAUSE_SECONDS, 4 * PAUSE_SECONDS]
    assert pauses[-1] == PAUSE_SECONDS_MAX


def test_only_its_first_failure_alone_is_news() -> None:
    setbacks = Setbacks()
    assert [setbacks.note(("A",), now) for now in range(5)] == [False, True, False, False, False]


def test_those_that_rest_make_room_for_the_others() -> None:
    setbacks = Setbacks()
    stuck, others = _holds(HOLDS_MAX), _holds(10, first=HOLDS_MAX)
    for _ in range(2):
        _sent(setbacks, stuck, 0)
    room = HOLDS_MAX + setbacks.resting(1)
    assert _sent(setbacks, [*stuck, *others][:room], 1) == others


def test_what_is_due_no_more_is_forgotten() -> None:
    setbacks = Setbacks()
    for _ in range(2):
        _sent(setbacks, ["A"], 0)
    assert setbacks.chunks([], 1) == []
    assert setbacks.resting(1) == 0
    assert _sent(setbacks, ["A"], 1) == ["A"]


def _sent_next(setbacks: Setbacks, now: float) -> bool:
    return setbacks.chunks(["A"], now) != []
