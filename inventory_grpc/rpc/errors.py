"""Refusals as google.rpc.Status: the one table from reason to code, and the facts.

The whole status stays under 4 KiB, its text in ``grpc-message`` included, because rich errors
travel in trailers, where clients see RESOURCE_EXHAUSTED beyond about 16 KiB of headers: lists are
cut, and ErrorInfo metadata (``violations_total``, ``shortages_total``, ``missing_total``,
``truncated``) says so.
"""

from collections.abc import Mapping

import grpc
from google.rpc import (  # type: ignore[import-untyped]
    error_details_pb2,
    status_pb2,
)

from inventory_grpc.domain import errors
from inventory_grpc.rpc.details import clean, cut, details_of
from inventory_grpc.v1 import errors_pb2

DOMAIN = "inventory.v1"
STATUS_BYTES_MAX = 4096 - 128
"""Serialized status plus percent-encoded text; the rest is for a batch row's index."""
MESSAGE_BYTES_MAX = 480
"""Of the text, percent-encoded."""
VALUE_BYTES_MAX = 1024
"""Of one metadata value."""

_Code = grpc.StatusCode

CODES: Mapping[str, grpc.StatusCode] = {
    "INVALID_FIELD": _Code.INVALID_ARGUMENT,
    "MALFORMED_REQUEST": _Code.INVALID_ARGUMENT,
    "PAGE_TOKEN_INVALID": _Code.INVALID_ARGUMENT,
    "REQUEST_ID_REUSED": _Code.INVALID_ARGUMENT,
    "ANSWER_TOO_LARGE": _Code.INVALID_ARGUMENT,
    "PRODUCT_NOT_FOUND": _Code.NOT_FOUND,
    "LOCATION_NOT_FOUND": _Code.NOT_FOUND,
    "ORDER_NOT_FOUND": _Code.NOT_FOUND,
    "HOLD_NOT_FOUND": _Code.NOT_FOUND,
    "SKU_TAKEN": _Code.ALREADY_EXISTS,
    "LOCATION_TAKEN": _Code.ALREADY_EXISTS,
    "PRODUCT_NOT_DELETED": _Code.ALREADY_EXISTS,
    "INSUFFICIENT_STOCK": _Code.FAILED_PRECONDITION,
    "INVALID_TRANSITION": _Code.FAILED_PRECONDITION,
    "QUANTITY_EXCEEDED": _Code.FAILED_PRECONDITION,
    "HOLD_EXPIRED": _Code.FAILED_PRECONDITION,
    "HOLD_CONVERTED": _Code.FAILED_PRECONDITION,
    "HOLD_RELEASED": _Code.FAILED_PRECONDITION,
    "PRODUCT_IN_USE": _Code.FAILED_PRECONDITION,
    "LOCATION_IN_USE": _Code.FAILED_PRECONDITION,
    "CURRENCY_MISMATCH": _Code.FAILED_PRECONDITION,
    "TOTAL_TOO_LARGE": _Code.FAILED_PRECONDITION,
    "QUANTITY_LIMIT": _Code.FAILED_PRECONDITION,
    "VERSION_MISMATCH": _Code.ABORTED,
    "CONTENTION": _Code.ABORTED,
    "RESUME_TOKEN_EXPIRED": _Code.OUT_OF_RANGE,
    "HOLD_BUDGET_EXCEEDED": _Code.RESOURCE_EXHAUSTED,
    "SLOW_CONSUMER": _Code.RESOURCE_EXHAUSTED,
    "RATE_LIMITED": _Code.RESOURCE_EXHAUSTED,
    "UNAUTHENTICATED": _Code.UNAUTHENTICATED,
    "PERMISSION_DENIED": _Code.PERMISSION_DENIED,
    "OVERLOADED": _Code.UNAVAILABLE,
    "DRAINING": _Code.UNAVAILABLE,
    "DATABASE_UNAVAILABLE": _Code.UNAVAILABLE,
    "LOCK_TIMEOUT": _Code.UNAVAILABLE,
    "INTERNAL": _Code.INTERNAL,
}
"""Reason, without its prefix, to gRPC code."""

_REASON = "ERROR_REASON_"

CODE_OF_NUMBER: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in _Code}


def code_of(error: errors.DomainError) -> grpc.StatusCode:
    """The gRPC code of a refusal."""
    return CODES[error.reason]


def status_of(error: errors.DomainError) -> status_pb2.Status:
    """The refusal with all its details, under 4 KiB."""
    text = _message(error)
    status = status_pb2.Status(code=code_of(error).value[0], message=text)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    for key, value in _metadata(error).items():
        info.metadata[key] = cut(value, VALUE_BYTES_MAX)
    room = STATUS_BYTES_MAX - status.ByteSize() - _encoded_length(text) - info.ByteSize() - 256
    details = details_of(error, code_of(error), text, info, room)
    for detail in (info, *details):
        status.details.add().Pack(detail)
    return status


def encode_refusal(error: errors.DomainError) -> tuple[int, bytes]:
    """(gRPC code number, serialized google.rpc.Status): what is stored and sent."""
    status = status_of(error)
    return status.code, status.SerializeToString()


def reason_of(status: status_pb2.Status) -> str:
    """Of a refusal's status; empty if it does not say."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return str(info.reason)
    return ""


def name_of(reason: errors_pb2.ErrorReason.ValueType) -> str:
    """An ErrorReason without its prefix."""
    return errors_pb2.ErrorReason.Name(reason).removeprefix(_REASON)


def row_error_of(status: bytes, bytes_max: int = STATUS_BYTES_MAX) -> errors_pb2.RowError:
    """What the singular call would have answered, as the outcome of a batch's row.

    Its lists are cut to ``bytes_max``, so that a thousand refused rows still fit into one message.
    """
    source = status_pb2.Status.FromString(status)
    row = errors_pb2.RowError(code=source.code, message=source.message)
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in source.details:
        if detail.Unpack(info):
            row.reason = errors_pb2.ErrorReason.Value(_REASON + info.reason)
            row.metadata.update(info.metadata)
        elif detail.Unpack(bad_request):
            for violation in bad_request.field_violations:
                row.field_violations.add(field=violation.field, description=violation.description)
        else:
            detail.Unpack(row.insufficient_stock)
    _cut_lists(row, bytes_max)
    return row


def _cut_lists(row: errors_pb2.RowError, bytes_max: int) -> None:
    """A refusal has one of the two lists; its first entry always stays."""
    violations, shortages = row.field_violations, row.insufficient_stock.shortages
    while row.ByteSize() > bytes_max and len(violations) + len(shortages) > 1:
        row.metadata["truncated"] = "true"
        if shortages:
            shortages.pop()
            row.insufficient_stock.truncated = True
        else:
            violations.pop()


def at_row(status: bytes, row: int) -> status_pb2.Status:
    """The status of an ATOMIC batch that this row's refusal refuses: the same, with its index."""
    source = status_pb2.Status.FromString(status)
    info = error_details_pb2.ErrorInfo()
    for detail in source.details:
        if detail.Unpack(info):
            info.metadata["row"] = str(row)
            detail.Pack(info)
    return source


def pushback_ms(error: errors.DomainError) -> int | None:
    """After how many milliseconds a client should retry, if that is known."""
    if isinstance(error, errors.Unavailable | errors.RateLimited):
        return error.retry_after_ms
    return None


def _metadata(error: errors.DomainError) -> Mapping[str, str]:
    """The error's metadata; a list of unknown keys is cut between two keys."""
    if not isinstance(error, errors.NotFound):
        return error.metadata
    shown, length = 0, 0
    for key in error.missing:
        length += len(key.encode()) + 1
        if length > VALUE_BYTES_MAX and shown:
            break
        shown += 1
    facts = {"missing": ",".join(error.missing[:shown])}
    if shown < len(error.missing):
        facts |= {"missing_total": str(len(error.missing)), "truncated": "true"}
    return facts


def _message(error: errors.DomainError) -> str:
    text = clean(error.message, MESSAGE_BYTES_MAX)
    while _encoded_length(text) > MESSAGE_BYTES_MAX:
        text = text[: len(text) * 3 // 4] + "…"
    return text


def _encoded_length(text: str) -> int:
    """Bytes of ``grpc-message`` on the wire, where what is not ASCII is percent-encoded."""
    if text.isascii() and text.isprintable():
        return len(text) + 2 * text.count("%")
    return sum(1 if " " <= c <= "~" and c != "%" else 3 * len(c.encode()) for c in text)
