"""Every response of a mutation names the commit that it came with."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from google.rpc import status_pb2  # type: ignore[import-untyped]

from inventory_grpc.domain.commands import Command, ExpireHolds
from inventory_grpc.engine.request import Answer
from inventory_grpc.rpc import encode
from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.settings import Settings
from inventory_grpc.store.identity import Identity
from inventory_grpc.store.resume_tokens import CommitToken, unseal
from tests.concurrency.harness import (
    place,
    query,
    reason_of,
    request,
    response,
    stocked,
)
from tests.conftest import Database

ONE = place(("A", 1))
UNKNOWN = "01920000-0000-7000-8000-00000000000a"


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Mutations]:
    settings = Settings(database_url=database.url)
    server = Mutations.start(settings, encode_refusal, encode.resume_token)
    await stocked(server, A=1_000)
    yield server
    await server.close()


async def test_a_response_names_the_commit_that_changed_something(
    database: Database, server: Mutations
) -> None:
    commit_id = _commit_of(database, await _ask(server, ONE))
    assert query(database, "SELECT count(*) FROM commits WHERE commit_id = %s", commit_id) == [(1,)]
    assert query(database, "SELECT count(*) FROM orders WHERE commit_id = %s", commit_id) == [(1,)]


async def test_calls_that_commit_together_name_the_same_commit(
    database: Database, server: Mutations
) -> None:
    answers = await server.execute_atomic([request(ONE) for _ in range(3)], None)
    assert len({_commit_of(database, answer) for answer in answers}) == 1


async def test_a_replay_names_the_commit_of_the_original(server: Mutations) -> None:
    request_id = str(uuid4())
    first = await _ask(server, ONE, request_id)
    again = await _ask(server, ONE, request_id)
    assert again.replayed
    assert again.body == first.body


async def test_what_changes_nothing_still_names_a_commit_that_is_there(
    database: Database, server: Mutations
) -> None:
    answer = await server.execute(request(ExpireHolds((UNKNOWN,))), None)
    # Nothing but the field: its tag and its length.
    token = unseal(_identity(database), answer.body[2:].decode(), "resume_token")
    assert isinstance(token, CommitToken)
    assert query(
        database, "SELECT count(*) FROM commits WHERE commit_id = %s", token.commit_id
    ) == [(1,)]


async def test_neither_a_refusal_nor_a_trial_names_one(server: Mutations) -> None:
    refused = await _ask(server, place(("A", 1_001)))
    assert reason_of(refused) == "INSUFFICIENT_STOCK"
    status = status_pb2.Status.FromString(refused.body)
    status.DiscardUnknownFields()
    assert status.SerializeToString() == refused.body
    tried = await server.execute(request(ONE, validate_only=True), None)
    assert response(ONE, tried).resume_token == ""


async def test_many_at_once_name_the_commits_that_there_are(
    database: Database, server: Mutations
) -> None:
    answers = await asyncio.gather(*(_ask(server, ONE) for _ in range(50)))
    named = {_commit_of(database, answer) for answer in answers}
    known = query(database, "SELECT DISTINCT commit_id::text FROM orders")
    assert named == {row[0] for row in known}


async def _ask(server: Mutations, command: Command, request_id: str | None = None) -> Answer:
    return await server.execute(request(command, request_id), None)


def _commit_of(database: Database, answer: Answer) -> str:
    text = response(ONE, answer).resume_token
    token = unseal(_identity(database), text, "resume_token")
    assert isinstance(token, CommitToken)
    return token.commit_id


def _identity(database: Database) -> Identity:
    ((database_id, key),) = query(
        database, "SELECT database_id::text, token_key FROM service_identity"
    )
    return Identity(database_id, bytes(key))
