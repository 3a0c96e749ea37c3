"""Who waits with others gets his share of every batch, and his own calls keep their order."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

import pytest

from inventory_grpc.domain.commands import AllocationStrategy, DemandLine, PlaceOrder
from inventory_grpc.domain.model import ProductKey
from inventory_grpc.engine.arrivals import Arrivals
from inventory_grpc.engine.request import Group, Request
from inventory_grpc.engine.ticket import Ticket

_LINES_MAX: Final = 1_000
_COMMAND: Final = PlaceOrder(
    (DemandLine(ProductKey(sku="MUG"), 1),), AllocationStrategy.PRIORITY, "", {}
)


class _Queue:
    """Arrivals whose tickets are numbered as they come."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self._numbers = count()
        self._loop = asyncio.new_event_loop()

    def add(
        self, caller: str, tickets: int = 1, *, weight: int = 1, optimistic: bool = False
    ) -> list[Ticket]:
        added = []
        for number in (next(self._numbers) for _ in range(tickets)):
            request = Request(caller, "", b"", _COMMAND, lambda _: b"")
            waiter = self._loop.create_future()
            ticket = Ticket(Group((request,)), waiter, 0.0, number, weight, optimistic)
            added.append(ticket)
            self.arrivals.add(ticket)
        return added

    def next(self, lines_max: int = _LINES_MAX) -> list[Ticket]:
        return self.arrivals.next_batch(lines_max, lambda _: True)

    def close(self) -> None:
        self._loop.close()


@pytest.fixture
def queue() -> Iterator[_Queue]:
    each = _Queue()
    yield each
    each.close()


def _lines(batch: Sequence[Ticket], caller: str) -> int:
    return sum(ticket.weight for ticket in batch if ticket.caller == caller)


def test_a_lone_caller_s_tickets_go_in_their_order_as_many_as_fit(queue: _Queue) -> None:
    tickets = [*queue.add("a", 3, weight=400), *queue.add("a", weight=200), *queue.add("a")]
    assert [queue.next(), queue.next(), queue.next()] == [tickets[:2], tickets[2:], []]


def test_a_ticket_larger_than_a_batch_goes_alone(queue: _Queue) -> None:
    [large, small] = [*queue.add("a", weight=5_000), *queue.add("a")]
    assert [queue.next(), queue.next()] == [[large], [small]]


def test_who_comes_behind_four_thousand_of_another_is_in_the_next_batch(queue: _Queue) -> None:
    queue.add("greedy", 4_000, weight=2)
    [late] = queue.add("late")
    batch = queue.next()
    assert late in batch
    assert _lines(batch, "greedy") == 998


def test_what_fits_into_one_batch_goes_in_order_of_arrival(queue: _Queue) -> None:
    tickets = [ticket for caller in "aabacbbbca" for ticket in queue.add(caller)]
    assert queue.next() == tickets


def test_callers_share_a_batch_by_lines_not_by_calls(queue: _Queue) -> None:
    queue.add("large", 100, weight=100)
    queue.add("small", 5_000)
    batch = queue.next()
    assert (_lines(batch, "large"), _lines(batch, "small")) == (500, 500)


def test_who_needs_little_leaves_the_rest_to_others(queue: _Queue) -> None:
    queue.add("a", 10)
    queue.add("b", 5_000)
    batch = queue.next()
    assert (_lines(batch, "a"), _lines(batch, "b")) == (10, 990)


def test_who_does_not_fit_any_more_comes_first_next_time(queue: _Queue) -> None:
    singles = queue.add("a", 5_000)
    [whole] = queue.add("b", weight=_LINES_MAX)
    assert queue.next() == singles[:1_000]
    assert queue.next() == [whole]
    assert queue.next() == singles[1_000:2_000]


def test_a_place_that_cannot_be_divided_goes_round(queue: _Queue) -> None:
    for caller in "abc":
        queue.add(caller, 10)
    alone = [queue.next(1)[0].caller for _ in range(6)]
    assert alone == [*"abcabc"]
    pairs = [{ticket.caller for ticket in queue.next(2)} for _ in range(3)]
    assert pairs == [{"a", "b"}, {"c", "a"}, {"b", "c"}]


def test_neither_kind_waits_for_another_caller_s_tickets_of_the_other_kind(queue: _Queue) -> None:
    queue.add("greedy", 4_000)
    [late] = queue.add("late", optimistic=True)
    assert late not in queue.next()
    assert queue.next() == [late]


def test_tickets_of_nobody_who_still_waits_take_no_place(queue: _Queue) -> None:
    gone = set(queue.add("a", 500))
    queue.add("b", 5_000)
    [last] = queue.add("a")
    batch = queue.arrivals.next_batch(10, lambda ticket: ticket not in gone)
    assert last in batch
    assert len(batch) == 10
    assert len(queue.arrivals) == 5_501 - 500 - 10


@pytest.mark.parametrize("callers", [1, 2, 7])
def test_whatever_comes_all_of_it_goes_once_and_each_caller_s_in_order(
    queue: _Queue, callers: int
) -> None:
    seed = random.randrange(1_000_000)  # noqa: S311 - nothing secret
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311
    added: list[Ticket] = []
    taken: list[Ticket] = []
    for _ in range(300):
        if chance.random() < 0.6:
            caller, weight = str(chance.randrange(callers)), chance.choice((1, 1, 1, 3, 40))
            optimistic = chance.random() < 0.2
            added += queue.add(caller, chance.randint(1, 9), weight=weight, optimistic=optimistic)
        else:
            batch = queue.next(20)
            assert len({ticket.optimistic for ticket in batch}) <= 1
            assert len(batch) <= 1 or sum(ticket.weight for ticket in batch) <= 20
            assert sorted(batch, key=lambda ticket: ticket.number) == batch
            taken += batch
        assert len(queue.arrivals) == len(added) - len(taken)
    while queue.arrivals:
        taken += queue.next(20)
    assert set(taken) == set(added)
    assert len(taken) == len(added)
    for queues in {(ticket.caller, ticket.optimistic) for ticket in added}:
        numbers = [each.number for each in taken if (each.caller, each.optimistic) == queues]
        assert numbers == sorted(numbers)


def test_a_lone_caller_s_tickets_are_taken_as_from_one_line(queue: _Queue) -> None:
    """Whichever kind has the oldest ticket comes next."""
    kinds = [False, False, True, False, True, True, False]
    tickets = [ticket for kind in kinds for ticket in queue.add("a", optimistic=kind)]
    locking = [ticket for ticket in tickets if not ticket.optimistic]
    optimistic = [ticket for ticket in tickets if ticket.optimistic]
    assert [queue.next(2) for _ in range(4)] == [
        locking[:2], optimistic[:2], locking[2:], optimistic[2:],
    ]  # fmt: skip
