"""HoldService."""

from typing import Unpack

from inventory_grpc.client import requests
from inventory_grpc.client.aio.caller import AsyncCaller
from inventory_grpc.client.aio.held import AsyncHeld
from inventory_grpc.client.aio.pages import AsyncPages
from inventory_grpc.client.filters import HoldListing, split
from inventory_grpc.client.options import Read, VersionedWrite, Write
from inventory_grpc.client.values import (
    Allocation,
    Labels,
    Lines,
    Locking,
    Part,
    Remainder,
    Seconds,
    duration,
    part,
)
from inventory_grpc.v1.holds_pb2 import (
    ConvertHoldRequest,
    ConvertHoldResponse,
    CreateHoldResponse,
    ExtendHoldRequest,
    ExtendHoldResponse,
    GetHoldRequest,
    GetHoldResponse,
    Hold,
    HoldFilter,
    HoldRemainder,
    ListHoldsRequest,
    ListHoldsResponse,
    ReleaseHoldRequest,
    ReleaseHoldResponse,
)


class AsyncHolds(AsyncCaller):
    """Owns the holds: units set aside for a limited time."""

    def hold(
        self,
        lines: Lines,
        *,
        ttl: Seconds,
        owner_reference: str = "",
        allow_partial: bool = False,
        allocation: Allocation = "PRIORITY",
        locking: Locking = "PESSIMISTIC",
    ) -> AsyncHeld:
        """Hold units for a block: `async with client.hold(lines, ttl=300) as hold: …`.

        What is not converted when the block ends is released, also when it ends with an exception.
        See `AsyncHeld`, and `create_hold` for the arguments and what entering the block raises.
        """
        request = requests.hold(
            lines,
            ttl,
            owner_reference=owner_reference,
            allow_partial=allow_partial,
            allocation=allocation,
            locking=locking,
        )

        async def create() -> Hold:
            return (await self._write(self._holds.CreateHold, request, {})).hold

        return AsyncHeld(create, self.convert_hold, self.extend_hold, self.release_hold)

    async def create_hold(
        self,
        lines: Lines,
        *,
        ttl: Seconds,
        owner_reference: str = "",
        allow_partial: bool = False,
        allocation: Allocation = "PRIORITY",
        locking: Locking = "PESSIMISTIC",
        **options: Unpack[Write],
    ) -> CreateHoldResponse:
        """Set units aside for `ttl` (seconds or a timedelta, 1 s - 30 d), lines as of an order.

        With `allow_partial` fewer may be held than wanted. Raises InsufficientStock,
        ProductNotFound, LocationNotFound, HoldBudgetExceeded, InvalidFields.
        """
        request = requests.hold(
            lines,
            ttl,
            owner_reference=owner_reference,
            allow_partial=allow_partial,
            allocation=allocation,
            locking=locking,
        )
        return await self._write(self._holds.CreateHold, request, options)

    async def get_hold(self, hold_id: str, **options: Unpack[Read]) -> GetHoldResponse:
        """Read one hold. Raises HoldNotFound."""
        request = GetHoldRequest(hold_id=hold_id)
        return await self._read(self._holds.GetHold, request, options)

    def list_holds(self, **options: Unpack[HoldListing]) -> AsyncPages[Hold, ListHoldsResponse]:
        """Iterate over the holds that match, the newest first; see `HoldListing`."""
        matching, listing = split(HoldFilter(), options)
        request = ListHoldsRequest(filter=matching)
        return self._list(self._holds.ListHolds, request, lambda page: page.holds, listing)

    async def extend_hold(
        self, hold_id: str, ttl: Seconds, **options: Unpack[VersionedWrite]
    ) -> ExtendHoldResponse:
        """Let it end `ttl` from now; that may be sooner than before.

        Raises HoldExpired, HoldConverted, HoldReleased, HoldNotFound, HoldBudgetExceeded,
        VersionMismatch.
        """
        request = ExtendHoldRequest(hold_id=hold_id, ttl=duration(ttl))
        return await self._write(self._holds.ExtendHold, request, options)

    async def convert_hold(
        self,
        hold_id: str,
        lines: Part | None = None,
        *,
        remainder: Remainder = "KEEP",
        customer_reference: str = "",
        labels: Labels | None = None,
        **options: Unpack[VersionedWrite],
    ) -> ConvertHoldResponse:
        """Turn held units, by line_number, into an order; None turns all of them.

        What is left over is kept or released. Raises HoldExpired, HoldConverted, HoldReleased,
        HoldNotFound, QuantityExceeded, CurrencyMismatch, TotalTooLarge, VersionMismatch.
        """
        request = ConvertHoldRequest(
            hold_id=hold_id,
            lines=part(lines),
            remainder=HoldRemainder.Value(f"HOLD_REMAINDER_{remainder}"),
            customer_reference=customer_reference,
            labels=labels,
        )
        return await self._write(self._holds.ConvertHold, request, options)

    async def release_hold(
        self, hold_id: str, *, reason: str = "", **options: Unpack[VersionedWrite]
    ) -> ReleaseHoldResponse:
        """Give back what is still held.

        Raises HoldExpired, HoldConverted, HoldReleased, HoldNotFound, VersionMismatch.
        """
        request = ReleaseHoldRequest(hold_id=hold_id, reason=reason)
        return await self._write(self._holds.ReleaseHold, request, options)
