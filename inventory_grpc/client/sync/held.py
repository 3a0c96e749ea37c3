# Made from `aio` by `python -m tests.client.unasync`. Do not edit.
"""A hold for the time of a block."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from inventory_grpc.client.errors import InventoryError
from inventory_grpc.client.refusals import HoldConverted, HoldExpired, HoldReleased
from inventory_grpc.client.values import Labels, Part, Remainder, Seconds
from inventory_grpc.v1.holds_pb2 import (
    ConvertHoldResponse,
    ExtendHoldResponse,
    Hold,
    HoldStatus,
    ReleaseHoldResponse,
)
from inventory_grpc.v1.orders_pb2 import Order


class Convert(Protocol):
    """`convert_hold` of the client."""

    def __call__(
        self,
        hold_id: str,
        lines: Part | None = None,
        *,
        remainder: Remainder = "KEEP",
        customer_reference: str = "",
        labels: Labels | None = None,
    ) -> ConvertHoldResponse:
        """Turns held units into an order."""


class Extend(Protocol):
    """`extend_hold` of the client."""

    def __call__(self, hold_id: str, ttl: Seconds) -> ExtendHoldResponse:
        """Changes when it ends."""


class Release(Protocol):
    """`release_hold` of the client."""

    def __call__(self, hold_id: str, *, reason: str = "") -> ReleaseHoldResponse:
        """Gives back what is held."""


class Held:
    """Units that are held for the time of a block, and released at its end unless converted.

    A release at the end that is refused because there is nothing left to release is no error. One
    that fails otherwise is raised, unless the block itself raised: then it becomes a note of that
    exception. Either way the hold ends by itself when its ttl is over.
    """

    def __init__(
        self,
        create: Callable[[], Hold],
        convert: Convert,
        extend: Extend,
        release: Release,
    ) -> None:
        self._create = create
        self._convert = convert
        self._extend = extend
        self._release = release
        self.message = Hold()
        """The hold as the last answer told it: its lines, its expire_time, its status."""

    @property
    def hold_id(self) -> str:
        """Its id; empty before the block."""
        return self.message.hold_id

    def convert(
        self,
        lines: Part | None = None,
        *,
        remainder: Remainder = "KEEP",
        customer_reference: str = "",
        labels: Labels | None = None,
    ) -> Order:
        """Turn it, or a part of it, into an order; see `convert_hold`."""
        done = self._convert(
            self.hold_id,
            lines,
            remainder=remainder,
            customer_reference=customer_reference,
            labels=labels,
        )
        self.message = done.hold
        return done.order

    def extend(self, ttl: Seconds) -> None:
        """Let it end `ttl` from now; see `extend_hold`."""
        self.message = (self._extend(self.hold_id, ttl)).hold

    def release(self, reason: str = "") -> None:
        """Give it back before the block ends; see `release_hold`."""
        self.message = (self._release(self.hold_id, reason=reason)).hold

    def __enter__(self) -> Self:
        self.message = self._create()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.message.status != HoldStatus.HOLD_STATUS_ACTIVE:
            return
        try:
            self.release(reason="" if raised is None else f"after {type(raised).__name__}")
        except (HoldConverted, HoldExpired, HoldReleased):
            # Also after a conversion whose answer never came: then the order exists.
            pass
        except InventoryError as error:
            if raised is None:
                raise
            raised.add_note(f"hold {self.hold_id} was not released: {error}")
