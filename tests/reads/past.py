"""A warehouse with a past, made by real commands, and two other ways to know what it was like."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Command, DemandLine, Remainder
from inventory_grpc.domain.model import MovementKind, ProductKey, StockLevel
from inventory_grpc.domain.status import OrderStatus
from inventory_grpc.engine.request import Answer
from inventory_grpc.rpc import convert
from inventory_grpc.v1 import stock_pb2
from tests.concurrency.harness import (
    adjust,
    create_location,
    create_product,
    done,
    mutations,
    place,
    query,
    request,
    response,
)
from tests.conftest import Database
from tests.consistency.history import hold_of

PLACES = ("default", "berlin", "aachen")
AT_ONCE = 6

Maker = Callable[[], Command]
Levels = dict[tuple[str, str], stock_pb2.StockLevel]
"""By SKU and place; those that there are."""


class Row(NamedTuple):
    """A movement."""

    product_id: str
    sku: str
    location_id: str
    kind: int
    on_hand: int
    allocated: int
    held: int
    policy: tuple[int, int, int | None]
    shortfall: int
    occur_time: datetime


@dataclass
class Past:
    """What was made, and what the books said between two rounds of it."""

    skus: list[str] = field(default_factory=list)
    places: tuple[str, ...] = PLACES
    orders: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    seen: list[tuple[datetime, str, Levels]] = field(default_factory=list)
    """When, the last movement, and all levels."""


async def traffic(
    database: Database, chance: random.Random, rounds: int = 40, past: Past | None = None
) -> Past:
    """So many rounds of commands that arrive together; products and places come along the way."""
    made = past or Past()
    async with mutations(database) as server:
        if past is None:
            await done(server, create_product("P0", ("default", 50)))
            made.skus.append("P0")
            for place_ in PLACES[1:]:
                await done(server, create_location(place_))
        for round_ in range(rounds):
            if round_ % 8 == 0 and len(made.skus) < 5:
                sku = f"P{len(made.skus)}"
                await done(server, create_product(sku, (chance.choice(PLACES), 20)))
                made.skus.append(sku)
            batch = [_command(made, chance) for _ in range(AT_ONCE)]
            answers = await asyncio.gather(*(server.execute(request(each), None) for each in batch))
            for each, answer in zip(batch, answers, strict=True):
                _learn(made, each, answer)
            _look(database, made)
    return made


def _learn(past: Past, command: Command, answer: Any) -> None:
    if not isinstance(answer, Answer) or answer.code:
        return
    match command:
        case commands.PlaceOrder() | commands.ConvertHold():
            past.orders.append(response(command, answer).order.order_id)
        case commands.CreateHold():
            past.holds.append(response(command, answer).hold.hold_id)


def _command(past: Past, chance: random.Random) -> Command:
    """Any; many are refused, which leaves no trace."""
    sku, where = chance.choice(past.skus), chance.choice(PLACES)
    units, key = chance.randint(1, 9), ProductKey(sku=sku)
    other = chance.choice([each for each in PLACES if each != where])
    both = [(each, chance.randint(1, 4)) for each in chance.choices(past.skus, k=2)]
    life = timedelta(milliseconds=chance.choice([5, 3_600_000]))
    kinds: list[Maker] = [
        lambda: place(*both),
        lambda: hold_of(*both, ttl=life, location_id=""),
        lambda: adjust(sku, chance.choice([5 * units, -units]), where),
        lambda: commands.TransferStock(where, other, (DemandLine(key, units),), ""),
        lambda: commands.SetStockPolicy(
            key,
            where,
            chance.randint(0, 3),
            chance.choice([None, units]),
            chance.choice([None, units]),
            clear_low_stock_threshold=False,
            expected_version=0,
        ),
        lambda: commands.SetStock(key, where, 3 * units, None, None, ""),
    ]
    if past.orders:
        order_id = chance.choice(past.orders)
        kinds += [
            lambda: commands.CancelOrder(order_id, (), "", recall=True, expected_version=0),
            lambda: commands.ChangeOrderStatus(order_id, OrderStatus.SHIPPED, "", 0),
        ]
    if past.holds:
        hold_id = chance.choice(past.holds)
        kinds += [
            lambda: commands.ConvertHold(hold_id, (), Remainder.KEEP, "", {}, 0),
            lambda: commands.ReleaseHold(hold_id, "", 0),
        ]
    return chance.choice(kinds)()


# -- what is known of it ---------------------------------------------------------------------------


def replayed(database: Database, until: datetime | str) -> Levels:
    """What all changes up to a time, or to a movement's id, add up to, level by level."""
    what = "movement_id" if isinstance(until, str) else "occur_time"
    levels: dict[tuple[str, str], StockLevel] = {}
    for each in query(
        database,
        f"""SELECT product_id::text, sku, location_id, kind, on_hand_delta, allocated_delta,
                   held_delta, ARRAY[safety_stock_after, backorder_limit_after,
                   low_stock_threshold_after], shortfall_after, occur_time
              FROM stock_movements JOIN products USING (product_id)
             WHERE {what} <= %s ORDER BY product_id, location_id, stock_version""",  # noqa: S608
        until,
    ):
        row = Row(*each)
        key = (row.sku, row.location_id)
        levels[key] = _changed(levels.get(key) or StockLevel(row.product_id, *key), row)
    return {key: convert.stock_level(level) for key, level in levels.items()}


def _changed(level: StockLevel, row: Row) -> StockLevel:
    policy = (level.safety_stock, level.backorder_limit, level.low_stock_threshold)
    if row.kind == MovementKind.POLICY_CHANGED:
        policy = row.policy
    return StockLevel(
        level.product_id, level.sku, level.location_id, level.on_hand + row.on_hand,
        level.allocated + row.allocated, level.held + row.held, *policy, row.shortfall,
        level.version + 1, row.occur_time,
    )  # fmt: skip


def live_levels(database: Database) -> Levels:
    """The books as they are written now."""
    return {
        (row[1], row[2]): convert.stock_level(StockLevel(*row))
        for row in query(
            database,
            """SELECT product_id::text, sku, location_id, on_hand, allocated, held, safety_stock,
                      backorder_limit, low_stock_threshold, shortfall, s.version, s.update_time
                 FROM stock_levels s JOIN products USING (product_id) WHERE s.version > 0""",
        )
    }


def _look(database: Database, past: Past) -> None:
    [(now, last)] = query(
        database,
        "SELECT clock_timestamp(), (SELECT movement_id::text FROM stock_movements"
        " ORDER BY movement_id DESC LIMIT 1)",
    )
    past.seen.append((now, last, live_levels(database)))
