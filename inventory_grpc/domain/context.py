"""What a decision may know besides the books: who asks, and the time and ids it is given."""

from datetime import UTC, datetime, timedelta

from inventory_grpc.domain.budget import UNLIMITED, HoldBudget
from inventory_grpc.domain.record import record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEX = tuple(f"{byte:02x}" for byte in range(256))


class Ids:
    """UUIDv7 (RFC 9562, method 3) of one moment of the database's clock.

    48 bits of milliseconds, 12 bits with the microseconds in it (<< 2), 22 bits counting up, 40
    bits of ``entropy``. So ids sort by the moment their rows were locked and, within one
    transaction, by the order of decision, whichever server made them. At most 4,194,303 per moment.
    """

    __slots__ = ("_count", "_head", "_prefix", "_suffix")

    def __init__(self, now: datetime, entropy: int) -> None:
        ms, us = divmod((now - _EPOCH) // _MICROSECOND, 1000)
        self._prefix = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{us << 2:03x}-"
        self._suffix = f"{entropy & 0xFFFFFFFFFF:010x}"
        self._count = -1
        self._head = ""

    def next(self) -> str:
        """The next id."""
        self._count += 1
        low = self._count & 0xFF
        if low == 0:
            self._head = f"{self._prefix}{0x8000 | self._count >> 8:04x}-"
        return f"{self._head}{_HEX[low]}{self._suffix}"


@record
class Context:
    """One request within one attempt."""

    now: datetime
    ids: Ids
    caller: str
    request_id: str
    budget: HoldBudget = UNLIMITED
