"""Asking for stock as it was."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from inventory_grpc.domain.errors import InvalidFields
from inventory_grpc.v1 import common_pb2, stock_pb2
from tests.reads.shop import CALL, START, Handlers, Shop

MICROSECOND = timedelta(microseconds=1)
Moment = dict[str, Any]
"""The fields of a request that say when."""


def stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def at(moment: datetime) -> Moment:
    return {"as_of_time": stamp(moment)}


def after(movement_id: str) -> Moment:
    return {"as_of_movement_id": movement_id}


def get(handlers: Handlers, when: Moment, place: str = "default", sku: str = "MUG") -> Any:
    key = common_pb2.ProductKey(sku=sku)
    request = stock_pb2.GetStockLevelRequest(product=key, location_id=place, **when)
    return handlers.GetStockLevel(request, CALL).stock_level


def pages(
    handlers: Handlers, when: Moment, page_size: int = 2, **wanted: Any
) -> Iterator[stock_pb2.ListStockLevelsResponse]:
    request = stock_pb2.ListStockLevelsRequest(
        page_size=page_size, filter=stock_pb2.StockLevelFilter(**wanted), **when
    )
    while True:
        answer = handlers.ListStockLevels(request, CALL)
        yield answer
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def listed(handlers: Handlers, when: Moment, page_size: int = 2, **wanted: Any) -> list[Any]:
    found = pages(handlers, when, page_size, **wanted)
    return [level for answer in found for level in answer.stock_levels]


def available(handlers: Handlers, when: Moment, *skus: str, places: tuple[str, ...] = ()) -> Any:
    keys = [common_pb2.ProductKey(sku=sku) for sku in skus]
    request = stock_pb2.BatchGetAvailabilityRequest(products=keys, location_ids=places, **when)
    return handlers.BatchGetAvailability(request, CALL)


def fields(refused: pytest.ExceptionInfo[InvalidFields]) -> list[str]:
    return [violation.field for violation in refused.value.violations]


def move(
    shop: Shop,
    product_id: str,
    version: int,
    place: str = "default",
    seconds: float | None = None,
    low: int | None = None,
) -> str:
    """The movement that made ``version``, ``version`` seconds after START unless told otherwise."""
    moment = START + timedelta(seconds=version if seconds is None else seconds)
    movement_id = shop.movement(product_id, version, place, at=moment)
    shop.run(
        "UPDATE stock_movements SET on_hand_after = %s, allocated_after = 0, held_after = 0,"
        " shortfall_after = 0, safety_stock_after = 0, backorder_limit_after = 0,"
        " low_stock_threshold_after = %s WHERE movement_id = %s",
        (version, low, movement_id),
    )
    return movement_id


def in_seconds(seconds: float) -> Moment:
    return at(START + timedelta(seconds=seconds))


def in_time(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)
