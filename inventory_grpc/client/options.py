"""What every call takes beside its own arguments, and how it gets into the request."""

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypedDict, cast

from google.protobuf.message import Message

from inventory_grpc.client.values import BatchModeName, moment


class Read(TypedDict, total=False):
    """What every read takes."""

    min_token: str | None
    """A resume_token: the answer includes what it stands for. Default: with `read_your_writes`,
    that of the last mutation of this thread or task."""
    timeout: float | None
    """Seconds for the call with all its attempts, instead of the policy's."""


class PastRead(Read, total=False):
    """What reads of stock take that can answer for a moment of the past; at most one of the two."""

    as_of_time: datetime | None
    """As it was at this time; with a time zone."""
    as_of_movement_id: str | None
    """As it was right after this movement."""


class Listing(Read, total=False):
    """What every list takes."""

    page_size: int
    """Rows per page, at most 1,000; default 50."""
    page_token: str
    """Start at a later page, by the next_page_token of the one before."""
    include_total: bool
    """Ask for the total_size in every page."""


class Write(TypedDict, total=False):
    """What every mutation takes."""

    request_id: str | None
    """The idempotency key, a UUID. Default: a new one, kept for all attempts of the call. Give
    your own, made and stored before the call, to repeat it safely after a crash."""
    validate_only: bool
    """Same checks, same answer, nothing kept."""
    timeout: float | None
    """Seconds for the call with all its attempts, instead of the policy's."""


class VersionedWrite(Write, total=False):
    """What every mutation of one existing thing takes."""

    expected_version: int
    """Refuse with VersionMismatch unless this is its version now; default: don't check."""


class Batch(TypedDict, total=False):
    """What every batch takes."""

    mode: BatchModeName
    """ATOMIC (default): all rows or none. INDEPENDENT: each for itself."""
    validate_only: bool
    """Same checks, same answer, nothing kept."""
    timeout: float | None
    """Seconds for the call with all its attempts, instead of the policy's."""


class _Mutation(Protocol):
    request_id: str


class _Batch(Protocol):
    requests: Sequence[_Mutation]


_IN_REQUESTS: Final = frozenset(
    {
        *Listing.__annotations__,
        *PastRead.__annotations__,
        *VersionedWrite.__annotations__,
        *Batch.__annotations__,
    }
    - {"timeout"}
)


def new_request_id() -> str:
    """A UUIDv7: unique, and close in order to those made at the same time."""
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | (0x7 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=number))


def fill(request: Message, options: Mapping[str, object]) -> float | None:
    """Put the options into the request; the timeout, if there is one, is answered instead.

    Raises TypeError for an option that the call does not have: `**options` would let it pass.
    """
    fields = request.DESCRIPTOR.fields_by_name
    unknown = [
        name
        for name in options
        if name != "timeout" and not (name in _IN_REQUESTS and name in fields)
    ]
    if unknown:
        raise TypeError(f"unexpected keyword arguments: {', '.join(sorted(unknown))}")
    timeout = options.get("timeout")
    for name, value in options.items():
        if name != "timeout" and value is not None:
            _set(request, fields[name], value)
    return timeout if isinstance(timeout, int | float) else None


def _set(request: Message, field: Any, value: object) -> None:
    if isinstance(value, datetime):
        request.MergeFrom(type(request)(**{field.name: moment(value)}))
    else:
        setattr(request, field.name, value if field.enum_type is None else _mode(field, value))


def identify(request: Message) -> None:
    """Give a mutation its request_id, unless the caller has."""
    mutation = cast("_Mutation", request)
    mutation.request_id = mutation.request_id or new_request_id()


def identify_rows(batch: Message) -> list[str]:
    """Give every row of a batch its request_id, unless the caller has; the ids, in order."""
    rows = cast("_Batch", batch).requests
    for row in rows:
        row.request_id = row.request_id or new_request_id()
    return [row.request_id for row in rows]


def _mode(field: Any, value: object) -> int:
    """The number of a BatchMode, the only enum among the options."""
    number: int = field.enum_type.values_by_name[f"BATCH_MODE_{value}"].number
    return number
