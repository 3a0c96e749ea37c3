"""Reads wait for what a token stands for, and tell where the change stream stood."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from psycopg2.extensions import connection

from inventory_grpc.store.identity import Identity
from inventory_grpc.store.resume_tokens import CommitToken, StreamToken, seal, unseal
from inventory_grpc.v1 import common_pb2, stock_pb2
from tests.concurrency.harness import query
from tests.conftest import Database
from tests.server.harness import Server, detail, poll_until, reason_of
from tests.server.read_calls import READS, WITH_RESUME_TOKEN, Shop, stocked
from tests.tidy.test_protos import READS_OF_NOW

MALFORMED = "?"


@pytest.fixture
def shop(server: Server) -> Shop:
    return stocked(server)


def test_every_read_is_looked_at_here() -> None:
    assert set(READS) == {method.name for method in READS_OF_NOW}


def test_a_read_that_waits_for_a_change_that_is_there_answers_at_once(
    server: Server, shop: Shop
) -> None:
    for ask in READS.values():
        method, request = ask(server, shop)
        plain = method(request, timeout=20)
        request.min_token = shop.resume_token
        waited = method(request, timeout=20)
        assert _lasting(waited) == _lasting(plain)


def test_a_read_waits_until_the_change_is_there(
    database: Database, server: Server, shop: Shop
) -> None:
    """It was decided and has its token; only its COMMIT is late."""
    for name, ask in READS.items():
        with _held_back(database) as (changing, commit_id):
            with changing.cursor() as cursor:
                cursor.execute("UPDATE products SET name = %s", (name,))
            method, request = ask(server, shop)
            request.min_token = seal(_identity(database), CommitToken(commit_id))
            waiting = method.future(request, timeout=30)
            # Reads that wait for nothing are not held up.
            assert method(ask(server, shop)[1], timeout=20)
            assert not waiting.done()
            changing.commit()
            answer = waiting.result()
        if name == "GetProduct":
            assert answer.product.name == name


def test_a_read_waits_for_a_position_of_the_stream(
    database: Database, server: Server, shop: Shop
) -> None:
    for ask in READS.values():
        method, request = ask(server, shop)
        request.min_token = seal(_identity(database), StreamToken(_settled(database) + 1))
        waiting = method.future(request, timeout=30)
        assert method(ask(server, shop)[1], timeout=20)
        assert not waiting.done()
        _change(server)
        assert waiting.result() is not None


def test_a_change_that_never_comes_is_waited_for_until_the_deadline(
    database: Database, server: Server, shop: Shop
) -> None:
    lost = seal(_identity(database), CommitToken(_id_of_now(database)))
    calls = []
    for ask in READS.values():
        method, request = ask(server, shop)
        request.min_token = lost
        calls.append(method.future(request, timeout=1.5))
    assert {call.code() for call in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}


def test_more_reads_wait_than_there_are_connections_and_hold_up_nobody(
    database: Database, server: Server, shop: Shop
) -> None:
    with _held_back(database) as (changing, commit_id):
        token = seal(_identity(database), CommitToken(commit_id))
        waiting = []
        for _ in range(5):
            for ask in READS.values():
                method, request = ask(server, shop)
                request.min_token = token
                waiting.append(method.future(request, timeout=60))
        for ask in READS.values():
            method, request = ask(server, shop)
            assert method(request, timeout=20)
        assert not any(call.done() for call in waiting)
        changing.commit()
        assert all(call.code() is grpc.StatusCode.OK for call in waiting)


def test_a_token_that_is_not_of_this_database_is_a_malformed_field(
    database: Database, server: Server, shop: Shop
) -> None:
    here = _identity(database)
    tokens = {
        seal(replace(here, database_id=str(uuid4())), StreamToken(0)): "another database",
        seal(replace(here, token_key=bytes(32)), StreamToken(0)): "not made by this service",
        "not a token": "must be a resume_token",
        "A" * 121: "must be a resume_token",
    }
    for ask in READS.values():
        for token, why in tokens.items():
            method, request = ask(server, shop)
            request.min_token = token
            with pytest.raises(grpc.RpcError) as refused:
                method(request, timeout=20)
            assert reason_of(refused.value) == "INVALID_FIELD"
            (violation,) = detail(refused.value, error_details_pb2.BadRequest()).field_violations
            assert violation.field == "min_token"
            assert why in violation.description


def test_a_restored_database_with_a_new_identity_refuses_the_tokens_of_before(
    database: Database, server: Server, shop: Shop
) -> None:
    with closing(database.connect("owner")) as owner, owner.cursor() as cursor:
        # As docs/operating.md says.
        cursor.execute("UPDATE service_identity SET database_id = gen_random_uuid()")
        owner.commit()
    for ask in READS.values():
        method, request = ask(server, shop)
        request.min_token = shop.resume_token
        with pytest.raises(grpc.RpcError) as refused:
            method(request, timeout=20)
        assert reason_of(refused.value) == "INVALID_FIELD"


def test_a_malformed_token_is_listed_with_all_that_is_wrong(server: Server) -> None:
    request = stock_pb2.GetStockLevelRequest(location_id="UPPER")
    request.min_token = MALFORMED
    with pytest.raises(grpc.RpcError) as refused:
        server.stock.GetStockLevel(request, timeout=20)
    found = detail(refused.value, error_details_pb2.BadRequest()).field_violations
    assert [each.field for each in found] == ["product", "location_id", "min_token"]


def test_reads_that_wait_for_nothing_do_not_ask_how_far_the_database_is(
    database: Database, server: Server, shop: Shop
) -> None:
    with closing(database.connect("owner")) as owner, owner.cursor() as cursor:
        cursor.execute("REVOKE SELECT ON commits, stream_head FROM inventory_service")
        owner.commit()
    for name, ask in READS.items():
        method, request = ask(server, shop)
        if name not in WITH_RESUME_TOKEN:
            assert method(request, timeout=20)


@pytest.mark.parametrize("name", WITH_RESUME_TOKEN)
def test_a_list_tells_where_the_stream_stood_when_it_was_read(
    database: Database, server: Server, shop: Shop, name: str
) -> None:
    method, request = READS[name](server, shop)

    for _ in range(3):
        _change(server)
        head = _settled(database)
        token = method(request, timeout=20).resume_token
        assert unseal(_identity(database), token, "resume_token") == StreamToken(head)


def test_what_was_forgotten_was_there(database: Database, server: Server, shop: Shop) -> None:
    """Commits are kept for a while only; their tokens are good for reads for ever."""
    old = _id_of_now(database)
    with closing(database.connect("owner")) as owner, owner.cursor() as cursor:
        cursor.execute("UPDATE stream_head SET pruned_commit_id = %s", (old,))
        owner.commit()
    method, request = READS["GetProduct"](server, shop)
    request.min_token = seal(_identity(database), CommitToken(old))
    assert method(request, timeout=20)


def _lasting(answer: Any) -> Any:
    """Without what says when it was."""
    for name in {"snapshot_time", "resume_token"} & set(answer.DESCRIPTOR.fields_by_name):
        answer.ClearField(name)
    return answer


@contextmanager
def _held_back(database: Database) -> Iterator[tuple[connection, str]]:
    """An open transaction with a commit of its own, and that one's id."""
    commit_id = _id_of_now(database)
    with closing(database.connect("owner")) as changing:
        with changing.cursor() as cursor:
            cursor.execute(
                "INSERT INTO commits (commit_id, commit_seq) VALUES (%s, nextval('commit_seq'))",
                (commit_id,),
            )
        yield changing, commit_id


def _change(server: Server) -> None:
    key = common_pb2.ProductKey(sku="CUP")
    server.stock.AdjustStock(
        stock_pb2.AdjustStockRequest(
            product=key, delta=1, reason=stock_pb2.ADJUSTMENT_REASON_RECEIVED
        )
    )


def _settled(database: Database) -> int:
    """The end of the stream, once every commit has its place in it."""
    waiting = "SELECT count(*) FROM commits WHERE position IS NULL"
    poll_until(lambda: query(database, waiting) == [(0,)])
    ((head,),) = query(database, "SELECT position FROM stream_head")
    return int(head)


def _id_of_now(database: Database) -> str:
    ((ms,),) = query(database, "SELECT (extract(epoch FROM now()) * 1000)::bigint")
    digits = f"{ms:012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-{uuid4().hex[:12]}"


def _identity(database: Database) -> Identity:
    ((database_id, key),) = query(
        database, "SELECT database_id::text, token_key FROM service_identity"
    )
    return Identity(database_id, bytes(key))
