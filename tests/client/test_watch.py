"""A watch goes on by itself, each change once, until it is closed or cannot."""

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import grpc
import pytest

from inventory_grpc.client import InventoryClient, ResumeTokenExpired, Unauthenticated
from inventory_grpc.v1 import changes_pb2
from inventory_grpc.v1.changes_pb2 import Change, Checkpoint, WatchChangesResponse
from inventory_grpc.v1.changes_pb2_grpc import ChangeServiceStub
from tests.client.fakes import Fake
from tests.conftest import Database
from tests.server.harness import running

_WATCH = changes_pb2.DESCRIPTOR.services_by_name["ChangeService"].methods_by_name["WatchChanges"]
_Code = grpc.StatusCode


def _told(event_id: str) -> WatchChangesResponse:
    return WatchChangesResponse(change=Change(event_id=event_id), resume_token=f"after {event_id}")


def _checkpoint(token: str) -> WatchChangesResponse:
    return WatchChangesResponse(checkpoint=Checkpoint(), resume_token=token)


def test_it_resumes_behind_what_was_taken_and_drops_what_comes_again(fake: Fake) -> None:
    seen = fake.call(lambda client: [each.event_id for each in islice(client.watch(), 3)])
    asked = [
        fake.stream(_WATCH, [_checkpoint("now"), _told("a")], _Code.UNAVAILABLE),
        # Slow, draining and gone: each time it goes on.
        fake.stream(_WATCH, [_told("a"), _told("b")], _Code.RESOURCE_EXHAUSTED, "SLOW_CONSUMER"),
        fake.stream(_WATCH, [_checkpoint("later")], _Code.OK),
        fake.stream(_WATCH, [], _Code.UNAVAILABLE, "DRAINING"),
        fake.stream(_WATCH, [_told("b"), _told("c")], None),
    ]
    assert seen.result(10) == ["a", "b", "c"]
    assert [each.resume_token for each in asked] == ["", "after a", "after b", "later", "later"]


def test_the_token_is_that_of_the_change_in_hand(fake: Fake) -> None:
    def tokens(client: InventoryClient) -> list[str]:
        watch = client.watch("before")
        return [watch.resume_token for _ in islice(watch, 2)]

    told = fake.call(tokens)
    asked = fake.stream(_WATCH, [_told("a"), _told("b")], None)
    assert (asked.resume_token, told.result(10)) == ("before", ["after a", "after b"])


def test_a_token_that_is_too_old_is_the_callers_to_know(fake: Fake) -> None:
    seen = fake.call(lambda client: next(client.watch("old")))
    fake.stream(_WATCH, [], _Code.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    with pytest.raises(ResumeTokenExpired):
        seen.result(10)


def test_a_token_that_expires_in_the_middle_of_a_stream_is_asked_for_anew(fake: Fake) -> None:
    seen = fake.call(lambda client: [each.event_id for each in islice(client.watch(), 2)])
    asked = [
        fake.stream(_WATCH, [_told("a")], _Code.UNAUTHENTICATED, "UNAUTHENTICATED"),
        fake.stream(_WATCH, [_told("b")], None),
    ]
    assert seen.result(10) == ["a", "b"]
    assert [each.resume_token for each in asked] == ["", "after a"]


def test_who_is_not_known_when_a_stream_begins_is_told_so(fake: Fake) -> None:
    seen = fake.call(lambda client: list(client.watch()))
    for messages in ([_told("a")], []):
        fake.stream(_WATCH, messages, _Code.UNAUTHENTICATED, "UNAUTHENTICATED")
    with pytest.raises(Unauthenticated):
        seen.result(10)


def test_the_filter_goes_with_every_stream(fake: Fake) -> None:
    seen = fake.call(lambda client: next(client.watch(kinds=["ORDER"], order_ids=["x"])))
    first = fake.stream(_WATCH, [], _Code.UNAVAILABLE)
    second = fake.stream(_WATCH, [_told("a")], None)
    seen.result(10)
    assert first.filter == second.filter
    assert (list(first.filter.kinds), list(first.filter.order_ids)) == (
        [changes_pb2.CHANGE_KIND_ORDER],
        ["x"],
    )


def test_closing_it_ends_the_loop_of_whoever_waits(client: InventoryClient, sku: str) -> None:
    with client.watch(kinds=["PRODUCT"]) as watch, ThreadPoolExecutor() as other:
        client.create_product(sku, "Mug")
        assert next(watch).product.sku == sku
        waiting = other.submit(lambda: list(watch))
        watch.close()
        assert waiting.result(10) == []


def test_what_happens_after_it_was_entered_is_told(client: InventoryClient, sku: str) -> None:
    with client.watch() as watch:
        token = watch.resume_token
        client.create_product(sku, "Mug")
        assert next(watch).product.sku == sku
    with client.watch(watch.resume_token) as later:
        client.adjust_stock(sku, 1, "FOUND")
        assert next(later).stock_level.on_hand == 1
    assert token != watch.resume_token


def test_streams_that_end_are_followed_by_others(database: Database, tmp_path: Path) -> None:
    flags = ("--no-migrate", "--watch-seconds-max", "1")
    with (
        running(tmp_path / "log", *flags, database_url=database.url) as server,
        InventoryClient(server.target) as client,
        client.watch(kinds=["STOCK_LEVEL"]) as watch,
    ):
        client.create_product("MUG", "Mug", initial_stock=1)
        [first] = islice(watch, 1)
        ended = server.connect()
        # As long as one stream may last, and then some.
        stream = ChangeServiceStub(ended).WatchChanges(
            changes_pb2.WatchChangesRequest(), timeout=30
        )
        assert list(stream)
        client.adjust_stock("MUG", 1, "FOUND")
        [second] = islice(watch, 1)
    assert (first.version, second.version) == (1, 2)
