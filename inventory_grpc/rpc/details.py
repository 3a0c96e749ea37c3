"""The details of a refusal beyond ErrorInfo, cut to the room there is."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain import errors
from inventory_grpc.rpc.convert import timestamp
from inventory_grpc.v1 import errors_pb2

FIELD_LENGTH_MAX = 160
DESCRIPTION_LENGTH_MAX = 240

_NAMED_RESOURCE = {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS}

_Item = TypeVar("_Item", bound=Message)

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def details_of(
    error: errors.DomainError,
    code: grpc.StatusCode,
    text: str,
    info: error_details_pb2.ErrorInfo,
    room: int,
) -> Sequence[Message]:
    """One of each type, at most ``room`` bytes in all; marks in ``info`` what was cut."""
    details: Sequence[Message] = []
    match error:
        case errors.InvalidFields():
            details = [_bad_request(error.violations, info, room)]
        case errors.InsufficientStock():
            details = [_insufficient_stock(error.shortages, info, room)]
        case errors.HoldBudgetExceeded() | errors.SlowConsumer() | errors.RateLimited():
            details = [_quota_failure(error), *_retry_info(error.retry_after_ms)]
        case errors.Unavailable():
            details = _retry_info(error.retry_after_ms)
        case _ if code in _NAMED_RESOURCE:
            details = [_resource_info(error, text)]
        case _ if code is grpc.StatusCode.FAILED_PRECONDITION:
            details = [_precondition_failure(error, text)]
    return details


def clean(text: str, length_max: int) -> str:
    """One line of at most ``length_max`` characters, without control characters."""
    text = _CONTROLS.sub(" ", text[: length_max + 1])
    return text if len(text) <= length_max else text[: length_max - 1] + "…"


def cut(text: str, bytes_max: int) -> str:
    """At most that many bytes of UTF-8, no character cut in two."""
    return text.encode(errors="replace")[:bytes_max].decode(errors="ignore")


def retry_info(after_ms: int) -> error_details_pb2.RetryInfo:
    """When to come again."""
    detail = error_details_pb2.RetryInfo()
    detail.retry_delay.FromMilliseconds(after_ms)
    return detail


def _resource_info(error: errors.DomainError, description: str) -> error_details_pb2.ResourceInfo:
    return error_details_pb2.ResourceInfo(
        resource_type=error.subject_type,
        resource_name=cut(error.subject, 256),
        description=description,
    )


def _precondition_failure(
    error: errors.DomainError, description: str
) -> error_details_pb2.PreconditionFailure:
    detail = error_details_pb2.PreconditionFailure()
    detail.violations.add(
        type=error.reason, subject=cut(error.subject, 256), description=description
    )
    return detail


def _quota_failure(
    error: errors.HoldBudgetExceeded | errors.SlowConsumer | errors.RateLimited,
) -> error_details_pb2.QuotaFailure:
    detail = error_details_pb2.QuotaFailure()
    detail.violations.add(
        subject=f"{error.subject_type}:{cut(error.subject, 256)}",
        description=clean(error.message, DESCRIPTION_LENGTH_MAX),
        quota_id=error.limit,
        quota_value=error.allowed,
    )
    return detail


def _retry_info(after_ms: int | None) -> list[Message]:
    """None: it would not help."""
    return [] if after_ms is None else [retry_info(after_ms)]


def _bad_request(
    violations: Sequence[errors.Violation], info: error_details_pb2.ErrorInfo, room: int
) -> error_details_pb2.BadRequest:
    detail = error_details_pb2.BadRequest()
    items = (
        error_details_pb2.BadRequest.FieldViolation(
            field=clean(violation.field, FIELD_LENGTH_MAX),
            description=clean(violation.description, DESCRIPTION_LENGTH_MAX),
        )
        for violation in violations
    )
    detail.field_violations.extend(_fitting(items, room))
    if len(detail.field_violations) < len(violations):
        info.metadata["truncated"] = "true"
    return detail


def _insufficient_stock(
    shortages: Sequence[errors.Shortage], info: error_details_pb2.ErrorInfo, room: int
) -> errors_pb2.InsufficientStock:
    detail = errors_pb2.InsufficientStock()
    detail.shortages.extend(_fitting(map(_shortage, shortages), room))
    if len(detail.shortages) < len(shortages):
        detail.truncated = True
        info.metadata["truncated"] = "true"
    return detail


def _shortage(source: errors.Shortage) -> errors_pb2.StockShortage:
    expiry = source.next_hold_expiry
    return errors_pb2.StockShortage(
        line_index=source.line_index,
        product_id=source.product_id,
        sku=source.sku,
        location_id=source.location_id,
        requested=source.requested,
        available=source.available,
        on_hand=source.on_hand,
        allocated=source.allocated,
        held=source.held,
        safety_stock=source.safety_stock,
        next_hold_expiry=None if expiry is None else timestamp(expiry),
    )


def _fitting(items: Iterable[_Item], room: int) -> Iterable[_Item]:
    """The first items, as many as fit; each also needs its tag and length."""
    for item in items:
        room -= item.ByteSize() + 4
        if room < 0:
            return
        yield item
