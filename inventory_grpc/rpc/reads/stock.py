"""StockService's reads."""

from collections.abc import Sequence
from typing import Final

from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.reads import Availability
from inventory_grpc.rpc import convert, validate
from inventory_grpc.rpc.reads import filters
from inventory_grpc.rpc.reads.answers import (
    Call,
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
        found.refuse_if_any()
        return await self.reads.stock.get_level(
            key, place, time_left(context), _encoded_level, since
        )

    def ListStockLevels(  # noqa: N802
        self, request: stock_pb2.ListStockLevelsRequest, context: Call
    ) -> stock_pb2.ListStockLevelsResponse:
        """One page, by product_id and location_id."""
        found = Violations()
        query, part = filters.stock_levels(request, found), page_request(request, found)
        found.refuse_if_any()
        page = self.reads.stock.levels_page(query, part, context.time_remaining())
        response = stock_pb2.ListStockLevelsResponse(
            total_size=page.total, resume_token=page.resume_token
        )
        response.next_page_token = fill(response.stock_levels, page, convert.stock_level)
        return response

    async def BatchGetAvailability(  # noqa: N802
        self, request: stock_pb2.BatchGetAvailabilityRequest, context: Call
    ) -> bytes:
        """Those found, the keys of the others, and when it was true."""
        found = Violations()
        sent = product_keys(request.products, found)
        places = _location_ids(request.location_ids, found)
        since = min_token(request, found)
        found.refuse_if_any()
        snapshot = await self.reads.stock.availability(
            list(sent), places, time_left(context), _encoded, since
        )
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
        query, part = filters.movements(request, found), page_request(request, found)
        found.refuse_if_any()
        page = self.reads.stock.movements_page(query, part, context.time_remaining())
        response = stock_pb2.ListStockMovementsResponse(total_size=page.total)
        response.next_page_token = fill(response.movements, page, convert.movement)
        return response


def _location_ids(ids: Sequence[str], found: Violations) -> list[str]:
    looked_at = range(validate.count(ids, (0, LOCATIONS_MAX), found, "location_ids"))
    return [
        validate.location_id(ids[index], found, "", f"location_ids[{index}]") for index in looked_at
    ]


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
