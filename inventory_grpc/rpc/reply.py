"""What a call ends with when it is not a plain OK: code, text, trailing metadata.

Code, details and trailers are set on the context and an empty reply returned: that costs no
exception through gRPC, and an ``abort`` would.
"""

from collections.abc import Sequence
from typing import Final, Protocol, cast

import grpc
from google.rpc import status_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain.errors import DomainError
from inventory_grpc.rpc import errors, refusals

TIME_LEFT_SECONDS_MAX: Final = 60.0
"""No call waits longer, whatever its deadline."""

REQUEST_ID: Final = "request-id"
REPLAY: Final = ("idempotent-replay", "true")

_STATUS_DETAILS: Final = "grpc-status-details-bin"
_PUSHBACK: Final = "grpc-retry-pushback-ms"


class Timed(Protocol):
    """A gRPC call, as far as its deadline goes."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline; None or enormous without one."""


Context = grpc.aio.ServicerContext[object, object]
Trailer = tuple[str, str | bytes]


class DeadlineOver(Exception):
    """The caller no longer waits; it has its DEADLINE_EXCEEDED already."""


def time_left(call: Timed) -> float:
    """Seconds until the deadline, at most 60. Raises DeadlineOver."""
    remaining = call.time_remaining()
    if remaining is None or remaining > TIME_LEFT_SECONDS_MAX:
        return TIME_LEFT_SECONDS_MAX
    if remaining <= 0:
        raise DeadlineOver
    return remaining


def is_over(call: Timed) -> bool:
    """Whether the caller's deadline has passed."""
    remaining = call.time_remaining()
    return remaining is not None and remaining <= 0


def add_trailers(context: Context, trailers: Sequence[Trailer]) -> None:
    """More trailing metadata, beside what is there."""
    context.set_trailing_metadata((*context.trailing_metadata(), *trailers))


def code_of(context: Context) -> int:
    """What the call ends with unless more happens; 0 = OK."""
    # Its number or nothing, whatever the types say.
    code: object = context.code()
    return int(code.value[0]) if isinstance(code, grpc.StatusCode) else cast("int", code or 0)


def refuse(context: Context, error: DomainError) -> bytes:
    """Ends the call with the refusal's status; the empty reply is never sent."""
    code, text, serialized = refusals.encoded(error)
    pushback = errors.pushback_ms(error)
    more = () if pushback is None else ((_PUSHBACK, str(pushback)),)
    return _end(context, code, text, (*more, (_STATUS_DETAILS, serialized)))


def end(context: Context, status: status_pb2.Status, serialized: bytes) -> bytes:
    """Ends the call with a status as it is; the empty reply is never sent."""
    code = errors.CODE_OF_NUMBER[status.code]
    return _end(context, code, status.message, [(_STATUS_DETAILS, serialized)])


def _end(context: Context, code: grpc.StatusCode, text: str, trailers: Sequence[Trailer]) -> bytes:
    context.set_code(code)
    context.set_details(text)
    add_trailers(context, trailers)
    return b""


def end_without_details(context: Context, code: grpc.StatusCode) -> bytes:
    """Ends the call with a code alone."""
    context.set_code(code)
    return b""
