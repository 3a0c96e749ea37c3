"""grpcurl, which learns everything from the server's reflection."""

import json
from collections.abc import Sequence
from functools import partial

from tests.clients.hold_journey import check_hold, travel_with_hold
from tests.clients.journey import BIN, Json, Refused, check, messages, run, travel
from tests.server.harness import Server

# grpcurl adds it to the gRPC code so that its own failures stay apart.
_STATUS_OFFSET = 64
_CODES = {9: "FAILED_PRECONDITION"}

_DETAILS = [
    "google.rpc.BadRequest",
    "google.rpc.ErrorInfo",
    "google.rpc.PreconditionFailure",
    "google.rpc.ResourceInfo",
    "google.rpc.RetryInfo",
    "inventory.v1.InsufficientStock",
]


def test_grpcurl_orders_holds_and_is_refused_in_detail(server: Server) -> None:
    call = partial(_call, server)
    check(travel(call))
    check_hold(travel_with_hold(call))


def test_reflection_describes_what_errors_carry(server: Server) -> None:
    for detail in _DETAILS:
        done = run(*_grpcurl(), server.target, "describe", detail)
        assert f"{detail} is a message" in done.stdout.decode()


def _call(server: Server, method: str, request: Json) -> Sequence[Json]:
    flags = ("-format-error", "-d", json.dumps(request))
    done = run(*_grpcurl(), *flags, server.target, f"inventory.v1.{method}")
    if done.returncode == 0:
        return list(messages(done.stdout))
    status = json.loads(done.stderr)
    assert status["code"] == done.returncode - _STATUS_OFFSET
    raise Refused(_CODES[status["code"]], tuple(status["details"]))


def _grpcurl() -> tuple[str, ...]:
    return (str(BIN / "grpcurl"), "-plaintext")
