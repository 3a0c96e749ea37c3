"""HoldService's mutations: request to command.

A command made while violations were found is not valid; the caller drops it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from inventory_grpc.domain import commands
from inventory_grpc.domain.commands import Remainder
from inventory_grpc.rpc import parse_lines, validate
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import holds_pb2

_NANOS_MAX: Final = 999_999_999
_SECOND: Final = 1_000_000_000
"""In nanoseconds."""
_TTL_MAX: Final = 30 * 24 * 3600 * _SECOND
"""In nanoseconds."""

_REMAINDERS: Final[Mapping[int, Remainder]] = {0: Remainder.KEEP} | {
    int(each): each for each in Remainder
}


def create_hold(request: holds_pb2.CreateHoldRequest, found: Violations) -> commands.CreateHold:
    """1-100 lines; an empty location_id stays empty: the strategy chooses."""
    return commands.CreateHold(
        lines=parse_lines.demand_lines(request.lines, found),
        ttl=_ttl(request, found),
        owner_reference=validate.reference(request.owner_reference, found, "", "owner_reference"),
        allow_partial=request.allow_partial,
        allocation=parse_lines.allocation(request.allocation, found),
        optimistic=parse_lines.optimistic(request.locking, found),
    )


def extend_hold(request: holds_pb2.ExtendHoldRequest, found: Violations) -> commands.ExtendHold:
    """The same bounds of ttl as for a new hold."""
    return commands.ExtendHold(
        hold_id=validate.uuid(request.hold_id, found, "", "hold_id"),
        ttl=_ttl(request, found),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def convert_hold(request: holds_pb2.ConvertHoldRequest, found: Violations) -> commands.ConvertHold:
    """No lines = everything it still has."""
    reference = request.customer_reference
    return commands.ConvertHold(
        hold_id=validate.uuid(request.hold_id, found, "", "hold_id"),
        lines=parse_lines.line_quantities(request.lines, found),
        remainder=validate.enum(request.remainder, _REMAINDERS, found, "", "remainder"),
        customer_reference=validate.reference(reference, found, "", "customer_reference"),
        labels=validate.labels(request.labels, found, "", "labels"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def release_hold(request: holds_pb2.ReleaseHoldRequest, found: Violations) -> commands.ReleaseHold:
    """Always the whole rest."""
    return commands.ReleaseHold(
        hold_id=validate.uuid(request.hold_id, found, "", "hold_id"),
        reason=validate.note(request.reason, found, "", "reason"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def _ttl(
    request: holds_pb2.CreateHoldRequest | holds_pb2.ExtendHoldRequest, found: Violations
) -> timedelta:
    """1 second .. 30 days, compared exactly; what is finer than a microsecond is then dropped."""
    seconds, nanos = request.ttl.seconds, request.ttl.nanos
    length = seconds * _SECOND + nanos
    if not request.HasField("ttl"):
        found.add("ttl", "is required: 1 second .. 30 days")
    elif abs(nanos) > _NANOS_MAX:
        found.add("ttl.nanos", "must be -999,999,999 .. 999,999,999")
    elif seconds > 0 > nanos or seconds < 0 < nanos:
        found.add("ttl.nanos", "must have the sign of seconds")
    elif not _SECOND <= length <= _TTL_MAX:
        found.add("ttl", "must be 1 second .. 30 days")
    else:
        return timedelta(microseconds=length // 1000)
    return timedelta(seconds=1)
