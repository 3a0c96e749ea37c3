"""StockService's reads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.reads import AsOf, Availability, MovementGroup
from inventory_grpc.rpc import convert, validate, validate_values
from inventory_grpc.rpc.reads import filters
from inventory_grpc.rpc.reads.answers import (
    Call,
    bounded,
    bounded_bytes,
    fill,
    min_token,
    page_request,
    product_keys,
)
from inventory_grpc.rpc.reply import time_left
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.services.reads import Reads
from inventory_grpc.v1 import stock_pb2

LOCATIONS_MAX: Final = 100
"""Locations of one BatchGetAvailability."""
_MICROSECOND: Final = timedelta(microseconds=1)


class StockReads:
    """Needs ``reads``; raises domain errors."""

    reads: Reads

    async def GetStockLevel(  # noqa: N802
        self, request: stock_pb2.GetStockLevelRequest, context: Call
    ) -> bytes:
        """One level; zeros where there never was stock."""
        found = Violations()
        key = validate.product_key(request.product, found, "", "product")
        place = validate.location_id_or_default(request.location_id, found, "", "location_id")
        since = min_token(request, found)
        then = _as_of(request, found)
        found.refuse_if_any()
        left, stock = time_left(context), self.reads.stock
        if then is not None:
            return await stock.as_of.get_level(key, place, then, left, _encoded_level, since)
        return await stock.get_level(key, place, left, _encoded_level, since)

    def ListStockLevels(  # noqa: N802
        self, request: stock_pb2.ListStockLevelsRequest, context: Call
    ) -> stock_pb2.ListStockLevelsResponse:
        """One page, by product_id and location_id."""
        found = Violations()
        query, part = filters.stock_levels(request, found), page_request(request, found)
        then = _as_of(request, found)
        if then is not None and request.include_total:
            found.add("include_total", "must not be set with as_of")
        found.refuse_if_any()
        left, stock = context.time_remaining(), self.reads.stock
        if then is None:
            page = stock.levels_page(query, part, left)
        else:
            page = stock.as_of.levels_page(replace(query, as_of=then), then, part, left)
        response = stock_pb2.ListStockLevelsResponse(
            total_size=page.total, resume_token=page.resume_token
        )
        token = fill(response.stock_levels, page, convert.stock_level)
        response.next_page_token = token or page.end_token
        return response

    async def BatchGetAvailability(  # noqa: N802
        self, request: stock_pb2.BatchGetAvailabilityRequest, context: Call
    ) -> bytes:
        """Those found, the keys of the others, and when it was true."""
        found = Violations()
        sent = product_keys(request.products, found)
        places = _location_ids(request.location_ids, found)
        since = min_token(request, found)
        then = _as_of(request, found)
        found.refuse_if_any()
        left, stock, keys = time_left(context), self.reads.stock, list(sent)
        if then is None:
            snapshot = await stock.availability(keys, places, left, _encoded, since)
        else:
            snapshot = await stock.as_of.availability(keys, places, then, left, _encoded, since)
        response = stock_pb2.BatchGetAvailabilityResponse(
            missing=[sent[key] for key in snapshot.missing],
            snapshot_time=convert.timestamp(snapshot.snapshot_time),
            resume_token=snapshot.resume_token,
        )
        return bounded_bytes(b"".join((response.SerializeToString(), *snapshot.found)))

    def ListStockMovements(  # noqa: N802
        self, request: stock_pb2.ListStockMovementsRequest, context: Call
    ) -> stock_pb2.ListStockMovementsResponse:
        """One page, newest first."""
        found = Violations()
        query, part = filters.movements(request.filter, found), page_request(request, found)
        found.refuse_if_any()
        page = self.reads.stock.movements_page(query, part, context.time_remaining())
        response = stock_pb2.ListStockMovementsResponse(total_size=page.total)
        response.next_page_token = fill(response.movements, page, convert.movement)
        return response

    def GetStockMovementSummary(  # noqa: N802
        self, request: stock_pb2.GetStockMovementSummaryRequest, context: Call
    ) -> stock_pb2.GetStockMovementSummaryResponse:
        """Movements of one product, added up."""
        found = Violations()
        query, since = filters.movements(request.filter, found), min_token(request, found)
        if not request.filter.HasField("product"):
            found.add("filter.product", "is required: product_id or sku")
        found.refuse_if_any()
        summary = self.reads.stock.movement_summary(query, since, context.time_remaining())
        response = stock_pb2.GetStockMovementSummaryResponse()
        target = response.summary
        target.SetInParent()
        for group in summary.groups:
            _movement_group(group, target.groups.add())
        if summary.others is not None:
            _movement_group(summary.others, target.others)
        return bounded(response)


class _AsOfRequest(Protocol):
    """What a request has that can be answered for the past."""

    as_of_movement_id: str

    @property
    def as_of_time(self) -> Timestamp: ...

    def WhichOneof(  # noqa: N802
        self, oneof_group: Literal["as_of"]
    ) -> Literal["as_of_time", "as_of_movement_id"] | None: ...


def _as_of(request: _AsOfRequest, found: Violations) -> AsOf | None:
    """Which moment, or None = now. A part of a microsecond counts for nothing."""
    match request.WhichOneof("as_of"):
        case None:
            return None
        case "as_of_time":
            moment = validate_values.timestamp(request.as_of_time, found, "", "as_of_time")
            is_rounded_up = request.as_of_time.nanos % 1000 > 0
            return AsOf(moment - _MICROSECOND if is_rounded_up else moment)
        case "as_of_movement_id":
            movement_id = request.as_of_movement_id
            return AsOf(None, validate.uuid(movement_id, found, "", "as_of_movement_id"))


def _location_ids(ids: Sequence[str], found: Violations) -> list[str]:
    looked_at = range(validate.count(ids, (0, LOCATIONS_MAX), found, "location_ids"))
    return [
        validate.location_id(ids[index], found, "", f"location_ids[{index}]") for index in looked_at
    ]


def _movement_group(source: MovementGroup, into: stock_pb2.StockMovementSummary.Group) -> None:
    into.location_id = source.location_id
    into.kind = stock_pb2.MovementKind.ValueType(source.kind)
    into.reason = stock_pb2.AdjustmentReason.ValueType(source.reason)
    into.actor = source.actor
    into.movements = source.movements
    into.on_hand_delta = source.on_hand_delta
    into.allocated_delta = source.allocated_delta
    into.held_delta = source.held_delta
    into.first_time.CopyFrom(convert.timestamp(source.first_time))
    into.last_time.CopyFrom(convert.timestamp(source.last_time))


def _encoded_level(level: StockLevel) -> bytes:
    response = stock_pb2.GetStockLevelResponse()
    convert.stock_level(level, response.stock_level)
    return response.SerializeToString()


def _encoded(source: Availability) -> bytes:
    """A response with this entry alone: protobuf defines what is strung together as merged."""
    response = stock_pb2.BatchGetAvailabilityResponse()
    into = response.availabilities.add()
    into.product_id = source.product_id
    into.sku = source.sku
    on_hand = allocated = held = available = 0
    levels = into.levels
    for level in source.levels:
        on_hand += level.on_hand
        allocated += level.allocated
        held += level.held
        available += level.available
        convert.stock_level(level, levels.add())
    into.on_hand, into.allocated, into.held, into.available = on_hand, allocated, held, available
    return response.SerializeToString()
