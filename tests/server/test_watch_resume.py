"""Resuming a stream: by a token of its own, of a read or of a mutation, whatever ended it."""

import base64
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from inventory_grpc.store.identity import Identity
from inventory_grpc.store.resume_tokens import CommitToken, seal
from inventory_grpc.v1 import changes_pb2, stock_pb2
from tests.concurrency.harness import query
from tests.conftest import Database
from tests.server.harness import (
    Server,
    detail,
    reason_of,
    running,
)
from tests.server.watching import KINDS, Watch, create, order, refusal, versions

_ORDERS = [changes_pb2.CHANGE_KIND_ORDER]


def test_a_cancelled_stream_goes_on_where_it_was(server: Server) -> None:
    watch = Watch(server, kinds=_ORDERS)
    create(server)
    placed = [order(server).order_id for _ in range(3)]
    seen = watch.take(2)
    watch.call.cancel()
    placed += [order(server).order_id for _ in range(3)]
    seen += Watch(server, watch.token, kinds=_ORDERS).take(4)
    assert [each.order.order_id for each in seen] == placed


def test_every_token_of_a_commit_resumes_right_behind_its_message(server: Server) -> None:
    watch = Watch(server)
    create(server)
    order(server)
    messages = [watch.next() for _ in range(4)]
    for index, message in enumerate(messages):
        again = Watch(server, message.resume_token)
        rest = [each.change for each in messages[index + 1 :]]
        assert again.take(len(rest)) == rest


def test_nothing_is_missing_after_the_server_was_killed(database: Database, tmp_path: Path) -> None:
    with running(tmp_path / "log-1", "--no-migrate", database_url=database.url) as first:
        watch = Watch(first)
        create(first, quantity=100)
        calls = [order(first) for _ in range(20)]
        seen = watch.take(5)
        first.kill()
    with running(tmp_path / "log-2", "--no-migrate", database_url=database.url) as second:
        calls.append(order(second))
        seen += Watch(second, watch.token).take(1 + 1 + 2 * len(calls) - 5)
    found = versions(seen)
    assert all(each == list(range(1, len(each) + 1)) for each in found.values())
    assert {("order", each.order_id) for each in calls} < set(found)


def test_one_far_behind_reads_up_and_then_follows(server: Server) -> None:
    watch = Watch(server)
    create(server, quantity=1_000)
    for _ in range(150):
        order(server)
    late = Watch(server, watch.token)
    seen = late.take(302)
    order(server)
    seen += late.take(2)
    assert [each.event_id for each in watch.take(304)] == [each.event_id for each in seen]


def test_listing_then_watching_leaves_no_hole(server: Server) -> None:
    create(server)
    listed = server.stock.ListStockLevels(stock_pb2.ListStockLevelsRequest(), timeout=10)
    order(server)
    [level] = listed.stock_levels
    seen = Watch(server, listed.resume_token, kinds=[KINDS["STOCK_LEVEL"]])
    found = (each.stock_level for each in seen.changes())
    assert next(each.version for each in found if each.version > level.version) == 2


def test_the_token_of_a_mutation_starts_with_its_own_change(server: Server) -> None:
    create(server, "OLD")
    request = stock_pb2.AdjustStockRequest(delta=1, reason=stock_pb2.ADJUSTMENT_REASON_FOUND)
    request.product.sku = "OLD"
    answer = server.stock.AdjustStock(request, timeout=10)
    placed = order(server, "OLD")
    seen = Watch(server, answer.resume_token).take(3)
    assert seen[0].stock_level == answer.stock_level
    assert seen[0].movement == answer.movement
    assert {each.order.order_id for each in seen if each.HasField("order")} == {placed.order_id}


def test_the_token_of_a_commit_starts_with_what_it_changed(
    server: Server, database: Database
) -> None:
    create(server, "OLD")
    placed = order(server, "OLD")
    create(server, "NEW", quantity=0)
    [(commit_id,)] = query(
        database, "SELECT commit_id::text FROM orders WHERE order_id = %s", placed.order_id
    )
    seen = Watch(server, _sealed(database, CommitToken(commit_id))).take(3)
    assert versions(seen[:2]).keys() == {
        ("order", placed.order_id),
        ("stock_level", placed.lines[0].product_id, "default"),
    }
    assert seen[2].product.sku == "NEW"


def test_the_token_of_a_commit_that_the_database_does_not_know_is_refused(
    server: Server, database: Database
) -> None:
    token = _sealed(database, CommitToken("01920000-0000-7000-8000-0000000000aa"))
    assert reason_of(refusal(server, token)) == "INVALID_FIELD"


def test_the_token_of_a_commit_that_is_forgotten_is_out_of_range(
    server: Server, database: Database
) -> None:
    create(server, "OLD", quantity=0)
    Watch(server).call.cancel()
    [(commit_id,)] = query(database, "SELECT commit_id::text FROM commits WHERE position = 1")
    create(server, "NEW", quantity=0)
    _forget_the_first(database)
    error = refusal(server, _sealed(database, CommitToken(commit_id)))
    assert reason_of(error) == "RESUME_TOKEN_EXPIRED"


@pytest.mark.parametrize("token", ["x", "AAAA", "A" * 66, "é", "A" * 5_000])
def test_a_token_that_nobody_made_is_refused(server: Server, token: str) -> None:
    error = refusal(server, token)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(error) == "INVALID_FIELD"
    [violation] = detail(error, error_details_pb2.BadRequest()).field_violations
    assert violation.field == "resume_token"


def test_a_forged_token_is_refused(server: Server) -> None:
    token = bytearray(base64.urlsafe_b64decode(Watch(server).token + "=="))
    token[5] ^= 1
    error = refusal(server, base64.urlsafe_b64encode(token).decode().rstrip("="))
    assert reason_of(error) == "INVALID_FIELD"


def test_a_token_from_before_a_restore_is_refused(server: Server, database: Database) -> None:
    token = Watch(server).token
    _run(database, "UPDATE service_identity SET database_id = gen_random_uuid()")
    assert reason_of(refusal(server, token)) == "INVALID_FIELD"
    create(server, quantity=0)


def test_a_token_of_what_the_database_has_lost_is_refused(
    server: Server, database: Database
) -> None:
    watch = Watch(server)
    create(server, quantity=0)
    watch.take(1)
    watch.call.cancel()
    # As after a standby took over that had not come so far.
    _run(database, "DELETE FROM commits WHERE position > 0")
    _run(database, "UPDATE stream_head SET position = 0, pruned_position = 0")
    assert reason_of(refusal(server, watch.token)) == "INVALID_FIELD"


def test_streams_begin_anew_when_the_database_was_restored_under_them(
    server: Server, database: Database
) -> None:
    watch = Watch(server)
    _run(database, "UPDATE service_identity SET database_id = gen_random_uuid()")
    create(server, quantity=0)
    error = watch.refusal()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert reason_of(refusal(server, watch.token)) == "INVALID_FIELD"
    fresh = Watch(server)
    create(server, "CUP", quantity=0)
    assert [each.product.sku for each in fresh.take(1)] == ["CUP"]


def test_a_token_older_than_what_is_kept_is_out_of_range(
    server: Server, database: Database
) -> None:
    old = Watch(server).token
    create(server, "OLD", quantity=0)
    kept = Watch(server)
    kept.call.cancel()
    create(server, "NEW", quantity=0)
    _forget_the_first(database)
    error = refusal(server, old)
    assert error.code() is grpc.StatusCode.OUT_OF_RANGE
    info = detail(error, error_details_pb2.ErrorInfo())
    assert info.reason == "RESUME_TOKEN_EXPIRED"
    for token in (kept.token, info.metadata["oldest_token"]):
        assert [each.product.sku for each in Watch(server, token).take(1)] == ["NEW"]


def test_a_stream_goes_on_when_the_database_comes_back(server: Server, database: Database) -> None:
    watch = Watch(server)
    create(server, "ONE", quantity=0)
    assert [each.product.sku for each in watch.take(1)] == ["ONE"]
    _run(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    create(server, "TWO", quantity=0)
    assert [each.product.sku for each in watch.take(1)] == ["TWO"]


def _forget_the_first(database: Database) -> None:
    _run(
        database,
        "UPDATE stream_head SET pruned_position = 1, pruned_commit_id ="
        " (SELECT commit_id FROM commits WHERE position = 1)",
        "DELETE FROM commits WHERE position = 1",
    )


def _sealed(database: Database, token: CommitToken) -> str:
    """As the database's servers would make it."""
    [(database_id, key)] = query(
        database, "SELECT database_id::text, token_key FROM service_identity"
    )
    return seal(Identity(database_id, bytes(key)), token)


def _run(database: Database, *statements: str) -> None:
    conn = database.connect("superuser")
    try:
        with conn, conn.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        conn.close()
