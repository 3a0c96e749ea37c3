"""Who needs no credential may keep only so many streams open, and never keeps others from asking
for the health."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Final

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.conftest import Postgres, _made
from tests.server.harness import Server, Status, poll_until, running

STREAMS_MAX: Final = 3
Open = Callable[[grpc.Channel], Any]


@pytest.fixture(scope="module")
def small(
    postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("small") / "log"
    flags = ("--no-migrate", "--connections-max", str(STREAMS_MAX))
    with (
        _made(postgres, f"TEMPLATE {template}") as database,
        running(log, *flags, database_url=database.url) as server,
    ):
        yield server


def _watch_health(channel: grpc.Channel) -> Any:
    watch = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    return watch(health_pb2.HealthCheckRequest(), timeout=30)


def _reflect(channel: grpc.Channel, version: str = "v1") -> Any:
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    # Answered, and then silent until the stream ends.
    questions: SimpleQueue[reflection_pb2.ServerReflectionRequest | None] = SimpleQueue()
    questions.put(reflection_pb2.ServerReflectionRequest(list_services=""))
    stream = ask(iter(questions.get, None), timeout=30)
    if not stream.add_callback(lambda: questions.put(None)):
        questions.put(None)
    return stream


def _reflect_v1alpha(channel: grpc.Channel) -> Any:
    return _reflect(channel, "v1alpha")


@contextmanager
def _all_taken(server: Server, opened: Open) -> Iterator[list[Any]]:
    streams = [_begun(server, opened) for _ in range(STREAMS_MAX)]
    try:
        yield streams
    finally:
        for each in streams:
            each.cancel()


def _begun(server: Server, opened: Open) -> Any:
    """One more, as soon as there is a place: those that were cancelled leave it a moment later."""
    streams = []

    def begins() -> bool:
        stream = opened(server.channel)
        if _code(stream) is grpc.StatusCode.OK:
            streams.append(stream)
        return bool(streams)

    poll_until(begins)
    return streams[0]


def _code(stream: Any) -> grpc.StatusCode:
    """OK if it has begun."""
    try:
        next(stream)
    except grpc.RpcError as refused:
        return refused.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("opened", "more", "others"),
    [
        (_watch_health, _watch_health, _reflect),
        (_reflect, _reflect_v1alpha, _watch_health),
    ],
)
def test_streams_of_nobody_in_particular_have_a_limit(
    small: Server, opened: Open, more: Open, others: Open
) -> None:
    with _all_taken(small, opened) as streams:
        assert _code(more(small.channel)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        _begun(small, others).cancel()
        assert small.health() == Status.SERVING
        streams[0].cancel()
        _begun(small, more).cancel()


def test_a_stream_that_was_refused_or_has_ended_takes_no_place(small: Server) -> None:
    method = "/grpc.health.v1.Health/Watch"
    malformed: grpc.UnaryStreamMultiCallable[bytes, bytes] = small.channel.unary_stream(method)
    for _ in range(STREAMS_MAX + 1):
        assert _code(malformed(b"\xff\xff", timeout=10)) is grpc.StatusCode.INVALID_ARGUMENT
    with _all_taken(small, _watch_health):
        assert _code(_watch_health(small.channel)) is grpc.StatusCode.RESOURCE_EXHAUSTED
