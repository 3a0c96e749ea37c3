"""Streams of changes have bounds: their filter, how many, how far behind, how long in a drain."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.v1 import changes_pb2
from inventory_grpc.v1.changes_pb2_grpc import ChangeServiceStub
from tests.conftest import Database
from tests.server.harness import Server, detail, poll_until, reason_of, running
from tests.server.watching import KINDS, Watch, convert, create, hold, order, refusal

_NARROW = [
    # What a client may be sent before it reads: little, and never more by itself.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1024),
    ("grpc.use_local_subchannel_pool", 1),
]


def test_only_the_kinds_asked_for_come(server: Server) -> None:
    watch = Watch(server, kinds=[KINDS["ORDER"], KINDS["HOLD"]])
    create(server)
    held, placed = hold(server), order(server)
    seen = watch.take(2)
    assert (seen[0].hold, seen[1].order) == (held, placed)


def test_only_what_concerns_a_product_comes(server: Server) -> None:
    mug, cup = create(server, "MUG"), create(server, "CUP")
    watch = Watch(server, product_ids=[mug.product_id.upper()])
    order(server, "CUP")
    placed = order(server, "MUG")
    seen = watch.take(2)
    assert {each.stock_level.product_id for each in seen if each.HasField("stock_level")} == {
        mug.product_id
    }
    assert [each.order for each in seen if each.HasField("order")] == [placed]
    assert cup.product_id not in {line.product_id for line in placed.lines}


def test_only_what_an_order_or_a_hold_did_comes(server: Server) -> None:
    create(server)
    held, other = hold(server, quantity=2), hold(server)
    of_hold = Watch(server, hold_ids=[held.hold_id])
    convert(server, other.hold_id)
    converted = convert(server, held.hold_id)
    seen = of_hold.take(3)
    assert {each.cause.hold_id or each.hold.hold_id for each in seen} == {held.hold_id}
    assert [each.order for each in seen if each.HasField("order")] == [converted]
    assert [each.movement.held_delta for each in seen if each.HasField("movement")] == [-2]


def test_only_what_happens_at_a_location_comes_and_only_if_all_else_matches(server: Server) -> None:
    create(server)
    elsewhere = Watch(server, location_ids=["elsewhere"])
    here = Watch(server, location_ids=["default", "elsewhere"], kinds=[KINDS["STOCK_LEVEL"]])
    order(server)
    assert [each.stock_level.version for each in here.take(1)] == [2]
    elsewhere.call.cancel()
    with pytest.raises(grpc.RpcError):
        elsewhere.next()


_BAD_FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"kinds": [0]}, "filter.kinds[0]"),
    ({"kinds": [77]}, "filter.kinds[0]"),
    ({"kinds": [1] * 101}, "filter.kinds"),
    ({"product_ids": ["MUG"]}, "filter.product_ids[0]"),
    ({"location_ids": ["a", "No"]}, "filter.location_ids[1]"),
    ({"order_ids": [""]}, "filter.order_ids[0]"),
    ({"hold_ids": ["x"]}, "filter.hold_ids[0]"),
]


@pytest.mark.parametrize(("chosen", "field"), _BAD_FILTERS, ids=lambda each: str(each)[:30])
def test_a_malformed_filter_is_refused(server: Server, chosen: dict[str, Any], field: str) -> None:
    error = refusal(server, **chosen)
    assert reason_of(error) == "INVALID_FIELD"
    violations = detail(error, error_details_pb2.BadRequest()).field_violations
    assert [each.field for each in violations] == [field]


def test_there_are_only_so_many_streams_and_they_take_no_call_its_place(
    database: Database, tmp_path: Path
) -> None:
    flags = ("--no-migrate", "--watch-streams-max", "2", "--in-flight-max", "1")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        first, _ = Watch(server), Watch(server)
        create(server)
        error = refusal(server)
        assert reason_of(error) == "OVERLOADED"
        assert detail(error, error_details_pb2.ErrorInfo()).metadata["limit"] == "watch_streams"
        first.call.cancel()
        poll_until(lambda: _is_admitted(server))


def _is_admitted(server: Server) -> bool:
    try:
        Watch(server).call.cancel()
    except grpc.RpcError as error:
        return reason_of(error) != "OVERLOADED"
    return True


@pytest.fixture
def impatient(database: Database, tmp_path: Path) -> Iterator[Server]:
    """A server whose streams may be 20 changes behind."""
    flags = ("--no-migrate", "--watch-queue-max", "20")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        yield server


def test_a_client_that_stops_reading_is_cut_off_and_no_other_is_kept_waiting(
    impatient: Server,
) -> None:
    with grpc.insecure_channel(impatient.target, options=_NARROW) as narrow:
        stuck = ChangeServiceStub(narrow).WatchChanges(
            changes_pb2.WatchChangesRequest(), timeout=60
        )
        tokens = [next(stuck).resume_token]
        other = Watch(impatient)
        create(impatient, quantity=10_000)
        seen = [each.event_id for each in other.take(2)]
        # Every change comes to the one that reads, however many the other one leaves.
        for _ in range(400):
            order(impatient)
            seen += [each.event_id for each in other.take(2)]
        events = []
        error = None
        try:
            for message in stuck:
                events.append(message.change.event_id)
                tokens.append(message.resume_token)
        except grpc.RpcError as cut:
            error = cut
    assert error is not None
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(error) == "SLOW_CONSUMER"
    assert detail(error, error_details_pb2.RetryInfo()).retry_delay.ToMilliseconds() == 1_000
    [quota] = detail(error, error_details_pb2.QuotaFailure()).violations
    assert quota.quota_value == 20
    # Its last token is one of those it got, and nothing is missing behind it.
    token = detail(error, error_details_pb2.ErrorInfo()).metadata["resume_token"]
    assert token in tokens
    assert events == seen[: len(events)]
    known = tokens.index(token)
    rest = [each.event_id for each in Watch(impatient, token).take(len(seen) - known)]
    assert events[:known] + rest == seen


def test_a_draining_server_ends_its_streams_with_a_checkpoint(server: Server) -> None:
    watch = Watch(server)
    create(server, quantity=0)
    server.terminate()
    *_, last = watch.call
    assert last.HasField("checkpoint")
    assert watch.call.code() is grpc.StatusCode.OK
    assert server.wait(10) == 0
    assert server.events("drain_cut_short") == server.events("streams_cut_short") == []


def test_a_client_that_does_not_read_holds_up_no_drain(impatient: Server) -> None:
    with grpc.insecure_channel(impatient.target, options=_NARROW) as narrow:
        stuck = ChangeServiceStub(narrow).WatchChanges(
            changes_pb2.WatchChangesRequest(), timeout=60
        )
        next(stuck)
        create(impatient, quantity=10_000)
        for _ in range(100):
            order(impatient)
        impatient.terminate()
        assert impatient.wait(15) == 0
