"""The serial model: the ledger and the histories, step by step, one thing after the other.

It is written from the contract alone. A step that it does not allow where it stands fails, so
nothing is left that could have happened only because two things happened at once.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from inventory_grpc.domain.model import HoldEventKind, MovementKind
from inventory_grpc.domain.status import HoldStatus

Counters = tuple[int, int, int]
"""on_hand, allocated, held"""
Line = tuple[str, int]
"""(order_id or hold_id, line_number)"""


@dataclass(frozen=True, slots=True)
class Movement:
    """One row of the ledger."""

    sku: str
    location_id: str
    version: int
    kind: MovementKind
    deltas: Counters
    after: Counters
    line_number: int
    order_id: str
    hold_id: str
    request_id: str
    actor: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One row of a hold's history."""

    hold_id: str
    version: int
    kind: HoldEventKind
    units: Mapping[int, int]
    order_id: str
    expire_time: datetime
    request_id: str
    time: datetime


@dataclass
class Reservation:
    """One hold, event by event."""

    granted: dict[int, int]
    expire_time: datetime
    version: int = 1
    status: HoldStatus = HoldStatus.ACTIVE
    converted: Counter[int] = field(default_factory=Counter)
    released: Counter[int] = field(default_factory=Counter)
    order_ids: list[str] = field(default_factory=list)

    def left(self) -> dict[int, int]:
        """Units neither converted nor released, by line; only of lines that have some."""
        units = {
            number: granted - self.converted[number] - self.released[number]
            for number, granted in self.granted.items()
        }
        assert min(units.values()) >= 0, "more was taken from a line than it had"
        return {number: left for number, left in units.items() if left}

    def apply(self, event: Event, moved: Mapping[MovementKind, Counter[int]]) -> None:
        """``moved``: what the ledger says the same request did to its lines."""
        assert self.status is HoldStatus.ACTIVE, "a hold changed after its end"
        self.version += 1
        assert event.version == self.version
        left = self.left()
        if event.kind is HoldEventKind.EXPIRED:
            assert event.time >= self.expire_time
            assert event.units == left
            self.status = HoldStatus.EXPIRED
            return
        assert event.time < self.expire_time, "a hold changed when its time was over"
        self.converted += moved[MovementKind.ALLOCATED]
        self.released += moved[MovementKind.HOLD_RELEASED]
        match event.kind:
            case HoldEventKind.EXTENDED:
                assert not moved[MovementKind.ALLOCATED] + moved[MovementKind.HOLD_RELEASED]
                self.expire_time = event.expire_time
            case HoldEventKind.CONVERTED:
                assert moved[MovementKind.ALLOCATED] == event.units
                assert not moved[MovementKind.HOLD_RELEASED] or not self.left()
                self.order_ids.append(event.order_id)
                if not self.left():
                    self.status = HoldStatus.CONVERTED
            case HoldEventKind.RELEASED:
                assert moved[MovementKind.HOLD_RELEASED] == event.units == left
                self.status = HoldStatus.RELEASED
        assert event.expire_time == self.expire_time

    def told(self) -> object:
        """As a caller would have been told."""
        lines = [
            (number, granted, self.converted[number], self.released[number])
            for number, granted in self.granted.items()
        ]
        return self.status, lines, list(self.order_ids), self.expire_time


class Shelf:
    """One stock level. ``policy``: its safety stock and backorder limit, once they are set."""

    def __init__(self, policy: tuple[int, int]) -> None:
        self.on_hand = self.allocated = self.held = self.version = 0
        self.seen: list[Counters] = [(0, 0, 0)]
        self.put_in = self.shipped = 0
        self.open_orders: Counter[Line] = Counter()
        self.open_holds: Counter[Line] = Counter()
        self.left_by_hold: dict[str, int] = {}
        """What could still be promised after the last unit that a new hold got."""
        self._policy = policy
        self._safety = self._backorder = 0
        self._time: datetime | None = None

    def promisable(self, counters: Counters) -> int:
        """Units that a new order or hold may have then."""
        on_hand, allocated, held = counters
        return on_hand - allocated - held - self._safety + self._backorder

    def apply(self, move: Movement, hold_line: int, ends: Mapping[str, datetime]) -> None:
        """``hold_line``: the line of the hold that it is about; ``ends``: when holds end."""
        assert move.version == self.version + 1
        # Whoever changes it reads the clock after it has locked it.
        assert self._time is None or self._time <= move.time
        self.version, self._time = move.version, move.time
        on_hand, allocated, held = move.deltas
        units = abs(on_hand or allocated or held)
        assert move.deltas == _DELTAS[move.kind, bool(move.hold_id)](units)
        if move.kind is MovementKind.HOLD_EXPIRED:
            assert move.actor == "system:expiry"
            assert move.time >= ends[move.hold_id]
        self._account(move, units, (move.hold_id, hold_line))
        self.on_hand, self.allocated, self.held = after = (
            self.on_hand + on_hand, self.allocated + allocated, self.held + held,
        )  # fmt: skip
        assert after == move.after
        assert min(after) >= 0
        self.seen.append(after)

    def _account(self, move: Movement, units: int, hold: Line) -> None:
        """Where the units come from and go to, counters aside."""
        order = (move.order_id, move.line_number)
        left = self.promisable((self.on_hand, self.allocated, self.held))
        match move.kind:
            case MovementKind.RECEIVED:
                self.put_in += units
            case MovementKind.POLICY_CHANGED:
                self._safety, self._backorder = self._policy
            case MovementKind.HELD:
                assert units <= left, "more was held than there was"
                self.left_by_hold[move.hold_id] = left - units
                assert hold not in self.open_holds
                self.open_holds[hold] = units
            case MovementKind.HOLD_EXPIRED:
                assert units == self.open_holds[hold], "other units expired than were open"
                self._take(self.open_holds, hold, units)
            case MovementKind.HOLD_RELEASED:
                self._take(self.open_holds, hold, units)
            case MovementKind.ALLOCATED:
                if move.hold_id:
                    self._take(self.open_holds, hold, units)
                else:
                    assert units <= left, "more was promised than there was"
                self.open_orders[order] += units
            case MovementKind.SHIPPED:
                assert units <= self.on_hand, "more was shipped than there was"
                self.shipped += units
                self._take(self.open_orders, order, units)
            case MovementKind.DEALLOCATED:
                self._take(self.open_orders, order, units)

    @staticmethod
    def _take(open_units: Counter[Line], line: Line, units: int) -> None:
        assert open_units[line] >= units, "a line gave more than it had"
        open_units[line] -= units


_K: Final = MovementKind
_DELTAS: Final[Mapping[tuple[MovementKind, bool], Callable[[int], Counters]]] = {
    (_K.RECEIVED, False): lambda units: (units, 0, 0),
    (_K.POLICY_CHANGED, False): lambda _: (0, 0, 0),
    (_K.HELD, True): lambda units: (0, 0, units),
    (_K.HOLD_RELEASED, True): lambda units: (0, 0, -units),
    (_K.HOLD_EXPIRED, True): lambda units: (0, 0, -units),
    (_K.ALLOCATED, False): lambda units: (0, units, 0),
    (_K.ALLOCATED, True): lambda units: (0, units, -units),
    (_K.SHIPPED, False): lambda units: (-units, -units, 0),
    (_K.DEALLOCATED, False): lambda units: (0, -units, 0),
}
"""What a movement of so many units does to the counters: by its kind, and whether it has a hold."""
