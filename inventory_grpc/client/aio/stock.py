"""StockService."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Unpack

from inventory_grpc.client import requests
from inventory_grpc.client.aio.caller import AsyncCaller
from inventory_grpc.client.aio.pages import AsyncPages
from inventory_grpc.client.batches import Row
from inventory_grpc.client.filters import LevelListing, MovementListing, split
from inventory_grpc.client.options import Batch, PastRead, Read, VersionedWrite, Write
from inventory_grpc.client.values import (
    AdjustmentReasonName,
    ProductRef,
    moment,
    product_key,
    product_keys,
)
from inventory_grpc.v1.stock_pb2 import (
    AdjustStockRequest,
    AdjustStockResponse,
    BatchAdjustStockRequest,
    BatchGetAvailabilityRequest,
    BatchGetAvailabilityResponse,
    CheckConsistencyRequest,
    CheckConsistencyResponse,
    GetStockLevelRequest,
    GetStockLevelResponse,
    GetStockMovementSummaryRequest,
    GetStockMovementSummaryResponse,
    ListStockLevelsRequest,
    ListStockLevelsResponse,
    ListStockMovementsRequest,
    ListStockMovementsResponse,
    SetStockPolicyRequest,
    SetStockPolicyResponse,
    SetStockRequest,
    SetStockResponse,
    StockLevel,
    StockLevelFilter,
    StockMovement,
    StockMovementFilter,
    TransferStockRequest,
    TransferStockResponse,
)


class AsyncStock(AsyncCaller):
    """Owns the counters. An empty location_id stands for `default`, in filters for all."""

    async def adjust_stock(
        self,
        product: ProductRef,
        delta: int,
        reason: AdjustmentReasonName,
        *,
        location_id: str = "",
        note: str = "",
        **options: Unpack[VersionedWrite],
    ) -> AdjustStockResponse:
        """Add units to what is on hand, or take some away.

        RECEIVED, FOUND and RETURNED add; DAMAGED and LOST take, also what is promised; the others
        do either. Raises InsufficientStock, ProductNotFound, LocationNotFound, VersionMismatch,
        InvalidFields, QuantityLimit.
        """
        request = requests.adjustment(product, delta, reason, location_id=location_id, note=note)
        return await self._write(self._stock.AdjustStock, request, options)

    async def batch_adjust_stock(
        self, rows: Iterable[AdjustStockRequest], **options: Unpack[Batch]
    ) -> list[Row[AdjustStockResponse]]:
        """Make up to 1,000 adjustments, made by `rows.adjustment(…)`; see `Row` and `Batch`."""
        request = BatchAdjustStockRequest(requests=rows)
        method = self._stock.BatchAdjustStock
        return await self._batch(method, request, lambda answer: answer.results, options)

    async def set_stock(
        self,
        product: ProductRef,
        on_hand: int,
        *,
        expected_on_hand: int | None = None,
        expected_version: int | None = None,
        unchecked: bool = False,
        location_id: str = "",
        note: str = "",
        **options: Unpack[Write],
    ) -> SetStockResponse:
        """Record a count: so many units are on hand.

        Exactly one of the three says what the caller knows: what was on hand, the level's version
        (0: it never had stock), or that whatever is there shall be overwritten. Raises
        VersionMismatch when that is no longer so, ProductNotFound, LocationNotFound.
        """
        request = SetStockRequest(
            product=product_key(product), on_hand=on_hand, location_id=location_id, note=note
        )
        requests.set_precondition(request, expected_on_hand, expected_version, unchecked=unchecked)
        return await self._write(self._stock.SetStock, request, options)

    async def set_stock_policy(
        self,
        product: ProductRef,
        *,
        location_id: str = "",
        safety_stock: int | None = None,
        backorder_limit: int | None = None,
        low_stock_threshold: int | None = None,
        clear_low_stock_threshold: bool = False,
        **options: Unpack[VersionedWrite],
    ) -> SetStockPolicyResponse:
        """Change the rules of a stock level; None leaves one as it is.

        Raises ProductNotFound, LocationNotFound, VersionMismatch, InvalidFields.
        """
        request = SetStockPolicyRequest(
            product=product_key(product),
            location_id=location_id,
            safety_stock=safety_stock,
            backorder_limit=backorder_limit,
            low_stock_threshold=low_stock_threshold,
            clear_low_stock_threshold=clear_low_stock_threshold,
        )
        return await self._write(self._stock.SetStockPolicy, request, options)

    async def transfer_stock(
        self,
        lines: requests.TransferLines,
        *,
        from_location_id: str = "",
        to_location_id: str = "",
        note: str = "",
        **options: Unpack[Write],
    ) -> TransferStockResponse:
        """Move units between two locations, all lines or none; lines are (product, quantity).

        Raises InsufficientStock, ProductNotFound, LocationNotFound, InvalidFields.
        """
        request = TransferStockRequest(
            from_location_id=from_location_id,
            to_location_id=to_location_id,
            lines=requests.transfer_lines(lines),
            note=note,
        )
        return await self._write(self._stock.TransferStock, request, options)

    async def get_stock_level(
        self, product: ProductRef, location_id: str = "", **options: Unpack[PastRead]
    ) -> GetStockLevelResponse:
        """Read one level; zeros where there never was stock.

        Raises ProductNotFound, LocationNotFound.
        """
        request = GetStockLevelRequest(product=product_key(product), location_id=location_id)
        return await self._read(self._stock.GetStockLevel, request, options)

    def list_stock_levels(
        self, **options: Unpack[LevelListing]
    ) -> AsyncPages[StockLevel, ListStockLevelsResponse]:
        """Iterate over the levels that match; see `LevelListing`."""
        matching, listing = split(StockLevelFilter(), options)
        request = ListStockLevelsRequest(filter=matching)
        method = self._stock.ListStockLevels
        return self._list(method, request, lambda page: page.stock_levels, listing)

    async def batch_get_availability(
        self,
        products: Iterable[ProductRef],
        *,
        location_ids: Iterable[str] = (),
        **options: Unpack[PastRead],
    ) -> BatchGetAvailabilityResponse:
        """What is available of up to 1,000 products, all at one moment, over all locations or some.

        Raises LocationNotFound, AnswerTooLarge; products not found are under `missing`.
        """
        request = BatchGetAvailabilityRequest(
            products=product_keys(products), location_ids=location_ids
        )
        return await self._read(self._stock.BatchGetAvailability, request, options)

    def list_stock_movements(
        self, **options: Unpack[MovementListing]
    ) -> AsyncPages[StockMovement, ListStockMovementsResponse]:
        """Iterate over the ledger, the newest movement first; see `MovementListing`.

        Raises ProductNotFound, LocationNotFound, OrderNotFound, HoldNotFound.
        """
        matching, listing = split(StockMovementFilter(), options)
        request = ListStockMovementsRequest(filter=matching)
        method = self._stock.ListStockMovements
        return self._list(method, request, lambda page: page.movements, listing)

    async def get_stock_movement_summary(
        self,
        product: ProductRef,
        location_id: str = "",
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        **options: Unpack[Read],
    ) -> GetStockMovementSummaryResponse:
        """Add up a product's movements by location, kind, reason and caller.

        From start_time on and up to end_time, which is not included; with time zones.
        Raises ProductNotFound, LocationNotFound.
        """
        matching = StockMovementFilter(
            product=product_key(product),
            location_id=location_id,
            start_time=moment(start_time),
            end_time=moment(end_time),
        )
        request = GetStockMovementSummaryRequest(filter=matching)
        return await self._read(self._stock.GetStockMovementSummary, request, options)

    def check_consistency(
        self, products: Iterable[ProductRef] = (), *, timeout: float | None = None
    ) -> AsyncIterator[CheckConsistencyResponse]:
        """Have counters compared with the ledger, orders and holds: violations, then a summary.

        Up to 1,000 products, or all of them. Ends early with what it raises when the connection
        breaks: only a stream whose last item is a summary has checked everything.
        """
        request = CheckConsistencyRequest(products=product_keys(products))
        return self._stream(self._stock.CheckConsistency, request, timeout)
