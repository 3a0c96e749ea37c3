"""What a failed gRPC call, or a row of a batch, tells, as an exception."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from inventory_grpc.client.errors import Facts, InventoryError
from inventory_grpc.client.refusals import error_of
from inventory_grpc.v1.errors_pb2 import (
    ErrorReason,
    FieldViolation,
    InsufficientStock,
    RowError,
)

Metadata = Iterable[tuple[str, str | bytes]]

_STATUS: Final = "grpc-status-details-bin"
_PUSHBACK: Final = "grpc-retry-pushback-ms"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_PREFIX: Final = "ERROR_REASON_"


def failure(code: grpc.StatusCode, message: str | None, trailers: Metadata) -> InventoryError:
    """The exception for how a call ended."""
    facts = Facts(code, message or "")
    for key, value in trailers:
        if key == _STATUS and isinstance(value, bytes):
            facts = _with_details(facts, value)
    for key, value in trailers:
        if key == _PUSHBACK:
            facts = _with_pushback(facts, str(value))
    return error_of(facts)


def row_failure(row: RowError) -> InventoryError:
    """The exception for a refused row of an INDEPENDENT batch; returned, not raised."""
    known = ErrorReason.values()
    reason = ErrorReason.Name(row.reason) if row.reason in known else str(row.reason)
    return error_of(
        Facts(
            code=_CODES.get(row.code, grpc.StatusCode.UNKNOWN),
            message=row.message,
            reason=reason.removeprefix(_PREFIX),
            metadata=dict(row.metadata),
            violations=tuple(row.field_violations),
            shortages=tuple(row.insufficient_stock.shortages),
        )
    )


def _with_details(facts: Facts, serialized: bytes) -> Facts:
    """With what google.rpc.Status tells; details of unknown types are left out."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    bad_request, shortage = error_details_pb2.BadRequest(), InsufficientStock()
    for detail in status_pb2.Status.FromString(serialized).details:
        if detail.Unpack(info):
            facts = replace(facts, reason=info.reason, metadata=dict(info.metadata))
        elif detail.Unpack(retry):
            facts = replace(facts, retry_after=retry.retry_delay.ToTimedelta().total_seconds())
        elif detail.Unpack(bad_request):
            found = (
                FieldViolation(field=each.field, description=each.description)
                for each in bad_request.field_violations
            )
            facts = replace(facts, violations=tuple(found))
        elif detail.Unpack(shortage):
            facts = replace(facts, shortages=tuple(shortage.shortages))
    return facts


def _with_pushback(facts: Facts, value: str) -> Facts:
    """gRPC's rule: milliseconds to wait; negative, or no number: do not retry."""
    if value.isascii() and value.isdigit():
        return replace(facts, retry_after=int(value) / 1000)
    return replace(facts, retry_after=None, retry_forbidden=True)
