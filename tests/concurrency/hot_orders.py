"""Many orders for two products that cannot serve them all, and what must be true afterwards."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from inventory_grpc.domain.commands import PlaceOrder
from inventory_grpc.engine.request import Answer
from tests.concurrency.harness import (
    audit,
    levels,
    order_of,
    place,
    query,
    reason_of,
    shortages_of,
    uuid_of,
)
from tests.conftest import Database

SKUS = ("HOT-1", "HOT-2")
Place = Callable[[PlaceOrder, str], Awaitable[Answer]]
"""Sends an order under a request id."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An order that was asked for, and its answer."""

    command: PlaceOrder
    answer: Answer


def random_order(chance: random.Random) -> PlaceOrder:
    """1-3 lines, in either order, often of the same product."""
    lines = [(chance.choice(SKUS), 1) for _ in range(chance.randint(1, 3))]
    return place(*lines)


async def rush(
    chance: random.Random,
    servers: Sequence[Place],
    orders: int,
    callers: int = 64,
    make: Callable[[random.Random], PlaceOrder] = random_order,
) -> list[Outcome]:
    """So many orders from so many callers, each waiting for its answer before it goes on."""
    wanted = iter([(make(chance), uuid_of(chance)) for _ in range(orders)])
    outcomes: list[Outcome] = []

    async def caller(server: Place, share: Iterator[tuple[PlaceOrder, str]]) -> None:
        for command, request_id in share:
            outcomes.append(Outcome(command, await server(command, request_id)))

    async with asyncio.TaskGroup() as group:
        for number in range(callers):
            group.create_task(caller(servers[number % len(servers)], wanted))
    assert len(outcomes) == orders
    return outcomes


def check(database: Database, outcomes: Sequence[Outcome], stock: int) -> None:
    """Nothing promised twice, nothing refused that fitted, by the ledger's own order."""
    audit(database)
    assert {reason_of(each.answer) for each in outcomes} == {"OK", "INSUFFICIENT_STOCK"}
    for sku in SKUS:
        on_hand, allocated, shortfall, _ = levels(database)[sku, "default"]
        assert (on_hand, shortfall) == (stock, 0)
        assert allocated <= stock
    placed = [each for each in outcomes if not each.answer.code]
    refusals = _refusals(_replay(database, placed, stock), stock)
    for each in outcomes:
        if each.answer.code:
            _check_refused(each, refusals, stock)


State = tuple[int, ...]
"""Units allocated of each product."""
Refusal = tuple[tuple[int, ...], tuple[int | None, ...]]
"""Units wanted of each product, and what was allocated of those that were short."""


def _replay(database: Database, placed: Sequence[Outcome], stock: int) -> set[State]:
    """Place the orders one after the other, in the order of the ledger; every state between."""
    wanted = {order_of(each.answer).order_id: each.command for each in placed}
    # A movement's id sorts by the moment its rows were locked.
    ledger = query(
        database,
        "SELECT order_id::text, sku, allocated_after FROM stock_movements "
        "JOIN products USING (product_id) WHERE order_id IS NOT NULL ORDER BY movement_id",
    )
    state = dict.fromkeys(SKUS, 0)
    states = {tuple(state.values())}
    begun: dict[str, None] = {}
    for order_id, sku, after in ledger:
        state[sku] += 1
        assert state[sku] == after <= stock
        begun[order_id] = None
    assert set(begun) == set(wanted)
    state = dict.fromkeys(SKUS, 0)
    for order_id in begun:
        for line in wanted[order_id].lines:
            state[line.product.sku] += line.quantity
        states.add(tuple(state.values()))
    return states


def _check_refused(refused: Outcome, refusals: set[Refusal], stock: int) -> None:
    """There was a state, with what the refusal says it saw, in which it did not fit."""
    seen: dict[str, int] = {}
    for shortage in shortages_of(refused.answer):
        first, units = _demand(refused.command, shortage.sku)
        assert (shortage.line_index, shortage.requested) == (first, units)
        assert shortage.available == stock - shortage.allocated < units
        assert shortage.on_hand == stock
        seen[shortage.sku] = shortage.allocated
    demand = tuple(_demand(refused.command, sku)[1] for sku in SKUS)
    expected = tuple(seen.get(sku) for sku in SKUS)
    assert (demand, expected) in refusals, f"no state of the ledger refuses {demand} for {seen}"


def _refusals(states: set[State], stock: int) -> set[Refusal]:
    """Every refusal that one of the states can give."""
    wanted = [(one, two) for one in range(4) for two in range(4)]
    return {
        (
            demand,
            tuple(
                allocated if units and allocated + units > stock else None
                for allocated, units in zip(state, demand, strict=True)
            ),
        )
        for state in states
        for demand in wanted
    }


def _demand(command: PlaceOrder, sku: str) -> tuple[int, int]:
    """(first line, units together)"""
    lines = [index for index, line in enumerate(command.lines) if line.product.sku == sku]
    return lines[0] if lines else -1, sum(command.lines[index].quantity for index in lines)
