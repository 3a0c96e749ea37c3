"""Holds and their history."""

from datetime import datetime
from enum import IntEnum

from inventory_grpc.domain.record import record
from inventory_grpc.domain.status import HoldStatus


class HoldEventKind(IntEnum):
    """What happened to a hold; the numbers are those of the history."""

    CREATED = 1
    EXTENDED = 2
    CONVERTED = 3
    RELEASED = 4
    EXPIRED = 5


@record
class HoldLine:
    """Units of one product set aside at one location."""

    line_number: int
    requested_line: int
    product_id: str
    sku: str
    location_id: str
    requested_quantity: int
    """Of the requested line, which may have become several."""
    quantity: int
    """Granted here."""
    converted: int = 0
    released: int = 0
    expired: int = 0

    @property
    def open(self) -> int:
        """Units still set aside."""
        return self.quantity - self.converted - self.released - self.expired


@record
class Hold:
    """Units set aside for a limited time."""

    hold_id: str
    status: HoldStatus
    """As stored: a due hold is ACTIVE here until its expiry is written; see ``status_at``."""
    lines: tuple[HoldLine, ...]
    owner_reference: str
    expire_time: datetime
    order_ids: tuple[str, ...]
    """The orders it became, oldest first."""
    version: int
    create_time: datetime
    update_time: datetime
    caller: str
    """Who made it, and whose budget it counts against."""

    @property
    def open(self) -> int:
        """Units still set aside."""
        return sum(line.open for line in self.lines)

    @property
    def counted(self) -> int:
        """Units that its caller's budget counts until the hold's end is written."""
        if self.status is not HoldStatus.ACTIVE:
            return 0
        return sum(line.open + line.expired for line in self.lines)

    def status_at(self, now: datetime) -> HoldStatus:
        """Expired from expire_time on; and for good, once any line has expired, even if the clock
        steps back."""
        if self.status is not HoldStatus.ACTIVE:
            return self.status
        due = self.expire_time <= now or any(line.expired for line in self.lines)
        return HoldStatus.EXPIRED if due else HoldStatus.ACTIVE


@record
class HoldEvent:
    """One immutable entry of a hold's history; every version of a hold is exactly one."""

    event_id: str
    hold_id: str
    kind: HoldEventKind
    lines: tuple[tuple[int, int], ...]
    """(line_number, units)"""
    reason: str
    order_id: str
    """The order it became, or part of it."""
    expire_time: datetime
    actor: str
    request_id: str
    hold_version: int
    occur_time: datetime
