"""Holds to decide on, and commands about them, in a few words."""

from datetime import datetime, timedelta
from typing import Any

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.budget import UNLIMITED, HoldBudget
from inventory_grpc.domain.commands import (
    AllocationStrategy,
    Command,
    ConvertHold,
    CreateHold,
    DemandLine,
    LineQuantity,
    Remainder,
)
from inventory_grpc.domain.context import Context
from inventory_grpc.domain.decide import decide
from inventory_grpc.domain.entries import DueLine
from inventory_grpc.domain.model import (
    Hold,
    HoldLine,
    MovementKind,
)
from inventory_grpc.domain.results import Conversion
from inventory_grpc.domain.status import HoldStatus
from tests.unit.domain.harness import IDS, NOW, key

MINUTE = timedelta(minutes=1)
SINGLE = AllocationStrategy.SINGLE_LOCATION
Line = tuple[str, int] | tuple[str, int, str]


def at(now: datetime = NOW, budget: HoldBudget = UNLIMITED) -> Context:
    return Context(now, IDS, "somebody", "r", budget)


def hold(made: Books, *lines: Line, ttl: timedelta = MINUTE, **how: Any) -> Hold:
    """Hold (SKU, quantity[, location])."""
    demand = tuple(DemandLine(key(line[0]), line[1], *line[2:]) for line in lines)
    budget = how.pop("budget", UNLIMITED)
    partial = how.pop("partial", False)
    strategy = how.pop("strategy", AllocationStrategy.PRIORITY)
    made_now = decide(made, CreateHold(demand, ttl, "cart", partial, strategy), at(budget=budget))
    assert isinstance(made_now, Hold)
    return made_now


def changed(made: Books, command: Command, now: datetime = NOW) -> Hold:
    after = decide(made, command, at(now))
    assert isinstance(after, Hold)
    return after


def converted(
    made: Books, held: Hold, *units: tuple[int, int], remainder: Remainder = Remainder.KEEP
) -> Conversion:
    lines = tuple(LineQuantity(*each) for each in units)
    made_now = decide(made, ConvertHold(held.hold_id, lines, remainder, "ref", {}, 0), at())
    assert isinstance(made_now, Conversion)
    return made_now


def convert(held: Hold, *units: tuple[int, int]) -> ConvertHold:
    lines = tuple(LineQuantity(*each) for each in units)
    return ConvertHold(held.hold_id, lines, Remainder.KEEP, "", {}, 0)


def counters(made: Books, sku: str, location_id: str = "default") -> tuple[int, int, int]:
    """(on_hand, allocated, held)"""
    now = made.levels[f"id-{sku}"][location_id]
    return now.on_hand, now.allocated, now.held


def kinds(made: Books) -> list[MovementKind]:
    return [move.kind for move in made.movements]


def granted(held: Hold) -> list[tuple[int, str, str, int, int]]:
    """(requested line, SKU, location, requested, granted)"""
    return [
        (each.requested_line, each.sku, each.location_id, each.requested_quantity, each.quantity)
        for each in held.lines
    ]


def stored(made: Books, sku: str, units: int, expire_time: datetime) -> Hold:
    """A hold as read: its units are held already."""
    line = HoldLine(1, 0, f"id-{sku}", sku, "default", units, units)
    held = Hold(
        f"h-{sku}-{units}", HoldStatus.ACTIVE, (line,), "", expire_time, (), 1, NOW, NOW, "owner"
    )
    made.holds[held.hold_id] = held
    return held


def due(held: Hold) -> DueLine:
    line = held.lines[0]
    return DueLine(
        held.hold_id, 1, line.product_id, line.location_id, 0, 0, line.open, held.expire_time
    )
