"""Customers at a few hot products, all at once: what they ask for and what they were told."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import Message

from inventory_grpc.engine.request import Answer
from inventory_grpc.v1 import common_pb2, holds_pb2, orders_pb2, stock_pb2
from tests.concurrency.harness import reason_of, uuid_of
from tests.concurrency.shop_calls import METHODS, Shop

PLACES: Final = {"HOT-1": ("default",), "HOT-2": ("default",), "HOT-3": ("default", "second")}
"""Where each product is kept."""
_THOUGHT_SECONDS: Final = 0.07
"""What a customer takes on average before the next call; so holds end while others are made."""
_RECENT: Final = 300
"""Of the holds and of the orders so many are still talked about."""


@dataclass
class Memory:
    """What the customers were told, all of them together."""

    holds: dict[str, dict[int, holds_pb2.Hold]] = field(default_factory=dict)
    """By hold_id and version."""
    orders: dict[str, dict[int, orders_pb2.Order]] = field(default_factory=dict)
    asked: dict[str, holds_pb2.CreateHoldRequest] = field(default_factory=dict)
    """The request that made the hold."""
    converted: list[tuple[holds_pb2.ConvertHoldRequest, holds_pb2.ConvertHoldResponse]] = field(
        default_factory=list
    )
    refused: list[tuple[Any, Answer]] = field(default_factory=list)
    restocked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Units received, by SKU and place."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How often which method answered what."""

    def learn(self, request: Any, answer: Answer) -> None:
        """Take note of the first answer to a request; every version is told once only."""
        method = METHODS[type(request)]
        name = method.path.rpartition("/")[2]
        self.reasons[f"{name} {reason_of(answer)}"] += 1
        if answer.code:
            self.refused.append((request, answer))
            return
        response = method.response(answer.body)
        if isinstance(request, stock_pb2.AdjustStockRequest):
            self.restocked[request.product.sku, request.location_id] += request.delta
        if isinstance(request, holds_pb2.CreateHoldRequest):
            self.asked[response.hold.hold_id] = request
        if isinstance(request, holds_pb2.ConvertHoldRequest):
            self.converted.append((request, response))
        fields = response.DESCRIPTOR.fields_by_name
        if "hold" in fields:
            versions = self.holds.setdefault(response.hold.hold_id, {})
            assert versions.setdefault(response.hold.version, response.hold) is response.hold
        if "order" in fields:
            changes = self.orders.setdefault(response.order.order_id, {})
            assert changes.setdefault(response.order.version, response.order) is response.order

    def hold(self, hold_id: str) -> holds_pb2.Hold:
        """As last heard of."""
        versions = self.holds[hold_id]
        return versions[max(versions)]

    def order(self, order_id: str) -> orders_pb2.Order:
        """As last heard of."""
        versions = self.orders[order_id]
        return versions[max(versions)]


class Traffic:
    """So many calls from so many customers, each waiting for its answer before it goes on."""

    def __init__(self, chance: random.Random, shop: Shop, calls: int) -> None:
        self.memory = Memory()
        self._chance = chance
        self._shop = shop
        self._left = calls
        self._holds: deque[str] = deque(maxlen=_RECENT)
        self._orders: deque[str] = deque(maxlen=_RECENT)
        self._done: deque[tuple[Message, Answer]] = deque(maxlen=_RECENT)

    async def run(self, customers: int, at_call: Callable[[int], object]) -> None:
        """``at_call`` hears the number of calls left before each."""
        async with asyncio.TaskGroup() as group:
            for _ in range(customers):
                group.create_task(self._customer(at_call))

    async def _customer(self, at_call: Callable[[int], object]) -> None:
        while self._left > 0:
            self._left -= 1
            at_call(self._left)
            await asyncio.sleep(self._chance.expovariate(1 / _THOUGHT_SECONDS))
            await self._one_step()

    async def _one_step(self) -> None:
        steps: dict[Callable[[], Any], float] = {
            self._create_hold: 30,
            self._place_order: 12,
            self._restock: 2,
        }
        if self._holds:
            steps[self._about_a_hold] = 36
        if self._orders:
            steps[self._about_an_order] = 18
        if self._done:
            steps[self._ask_again] = 2
        [step] = self._chance.choices([*steps], [*steps.values()])
        await step()

    async def _send(self, request: Message) -> None:
        """Sometimes twice at once, which has one effect and one answer."""
        if self._chance.random() < 0.02:
            first, second = await asyncio.gather(self._shop.send(request), self._shop.send(request))
            # What was refused for contention is not stored: the other may have succeeded.
            if "CONTENTION" not in {reason_of(first), reason_of(second)}:
                assert first.body == second.body, (request, first, second)
                assert {first.replayed, second.replayed} == {True, False}, (request, first)
            answer = second if reason_of(first) == "CONTENTION" else first
        else:
            answer = await self._shop.send(request)
        self._heard(request, answer)

    def _heard(self, request: Message, answer: Answer) -> None:
        self.memory.learn(request, answer)
        if reason_of(answer) != "CONTENTION":
            self._done.append((request, answer))
        if not answer.code:
            response = METHODS[type(request)].response(answer.body)
            if isinstance(request, holds_pb2.CreateHoldRequest):
                self._holds.append(response.hold.hold_id)
            elif isinstance(request, orders_pb2.CreateOrderRequest | holds_pb2.ConvertHoldRequest):
                self._orders.append(response.order.order_id)

    async def _ask_again(self) -> None:
        """Whatever has happened since, the answer is the same and nothing happens."""
        request, answer = self._chance.choice(self._done)
        again = await self._shop.send(request)
        assert (again.body, again.replayed) == (answer.body, True), (request, answer, again)

    # -- what takes stock ----------------------------------------------------------------------

    async def _create_hold(self) -> None:
        request = holds_pb2.CreateHoldRequest(
            request_id=self._id(),
            lines=self._lines(),
            allow_partial=self._chance.random() < 0.3,
            allocation=self._allocation(),
            locking=self._locking(),
        )
        request.ttl.FromMilliseconds(self._lifetime_ms())
        await self._send(request)

    async def _place_order(self) -> None:
        await self._send(
            orders_pb2.CreateOrderRequest(
                request_id=self._id(),
                lines=self._lines(),
                allocation=self._allocation(),
                locking=self._locking(),
            )
        )

    async def _restock(self) -> None:
        sku = self._chance.choice([*PLACES])
        request = stock_pb2.AdjustStockRequest(
            request_id=self._id(),
            location_id=self._chance.choice(PLACES[sku]),
            delta=self._chance.randint(1, 20),
            reason=stock_pb2.ADJUSTMENT_REASON_RECEIVED,
        )
        request.product.sku = sku
        await self._send(request)

    def _lines(self) -> Iterator[common_pb2.DemandLine]:
        """1-3 lines, often of the same product; a place is named only where there is a choice."""
        for _ in range(self._chance.randint(1, 3)):
            sku = self._chance.choice([*PLACES])
            line = common_pb2.DemandLine(quantity=self._chance.randint(1, 4))
            line.product.sku = sku
            if len(PLACES[sku]) > 1 and self._chance.random() < 0.3:
                line.location_id = self._chance.choice(PLACES[sku])
            yield line

    # -- what becomes of it --------------------------------------------------------------------

    async def _about_a_hold(self) -> None:
        """Often several want different things of one hold at once, or just when its time is up."""
        hold_id = self._chance.choice(self._holds)
        moment = self._chance.random()
        if moment < 0.1:
            end = self.memory.hold(hold_id).expire_time.ToDatetime(UTC)
            left = (end - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(0.0, left + self._chance.uniform(-0.02, 0.01)))
        callers = 2 if moment < 0.2 else 1
        self._left -= callers - 1
        hold = self.memory.hold(hold_id)
        await asyncio.gather(*(self._send(self._change_of(hold)) for _ in range(callers)))

    def _change_of(self, hold: holds_pb2.Hold) -> Message:
        changes: list[Callable[..., Message]] = [self._conversion, self._extension, self._release]
        [change] = self._chance.choices(changes, [5, 3, 2])
        version = hold.version if self._chance.random() < 0.1 else 0
        return change(hold, hold_id=hold.hold_id, request_id=self._id(), expected_version=version)

    def _conversion(self, hold: holds_pb2.Hold, **fields: Any) -> holds_pb2.ConvertHoldRequest:
        """All of it, or some of one or two lines."""
        request = holds_pb2.ConvertHoldRequest(**fields)
        if self._chance.random() < 0.4:
            chosen = self._chance.sample(hold.lines, min(len(hold.lines), 2))
            for line in chosen:
                units = self._chance.randint(1, line.quantity)
                request.lines.add(line_number=line.line_number, quantity=units)
            request.remainder = self._chance.choice(
                [holds_pb2.HOLD_REMAINDER_KEEP, holds_pb2.HOLD_REMAINDER_RELEASE]
            )
        return request

    def _extension(self, _hold: holds_pb2.Hold, **fields: Any) -> holds_pb2.ExtendHoldRequest:
        request = holds_pb2.ExtendHoldRequest(**fields)
        request.ttl.FromMilliseconds(self._lifetime_ms())
        return request

    def _release(self, _hold: holds_pb2.Hold, **fields: Any) -> holds_pb2.ReleaseHoldRequest:
        return holds_pb2.ReleaseHoldRequest(reason="changed my mind", **fields)

    async def _about_an_order(self) -> None:
        """Ship or cancel it, or a part of one of its lines."""
        order = self.memory.order(self._chance.choice(self._orders))
        kind: Any = self._chance.choice(
            [orders_pb2.ShipOrderRequest, orders_pb2.CancelOrderRequest]
        )
        request = kind(order_id=order.order_id, request_id=self._id())
        if self._chance.random() < 0.5:
            line = self._chance.choice(order.lines)
            units = self._chance.randint(1, line.quantity)
            request.lines.add(line_number=line.line_number, quantity=units)
        await self._send(request)

    # -- chance --------------------------------------------------------------------------------

    def _id(self) -> str:
        return uuid_of(self._chance)

    def _lifetime_ms(self) -> int:
        return self._chance.randint(1000, 3000)

    def _allocation(self) -> common_pb2.AllocationStrategy.ValueType:
        return self._chance.choice(
            [
                common_pb2.ALLOCATION_STRATEGY_PRIORITY,
                common_pb2.ALLOCATION_STRATEGY_PRIORITY,
                common_pb2.ALLOCATION_STRATEGY_MOST_STOCK,
                common_pb2.ALLOCATION_STRATEGY_SINGLE_LOCATION,
            ]
        )

    def _locking(self) -> common_pb2.LockingStrategy.ValueType:
        if self._chance.random() < 0.15:
            return common_pb2.LOCKING_STRATEGY_OPTIMISTIC
        return common_pb2.LOCKING_STRATEGY_PESSIMISTIC
