"""A server inside a process of somebody else's, such as a test's."""

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from inventory_grpc.server.app import Application
from inventory_grpc.settings import Settings
from tests.conftest import Database
from tests.server.harness import Status


async def test_two_applications_run_side_by_side_in_one_loop(database: Database) -> None:
    settings = Settings(database_url=database.url, listen="127.0.0.1:0")
    first = await Application.start(settings)
    second = await Application.start(settings)
    await first.wait_ready()
    await second.wait_ready()
    assert first.port != second.port
    assert await _health(first) == await _health(second) == Status.SERVING
    assert await first.stop()
    assert await _health(second) == Status.SERVING
    assert await second.stop()


async def _health(application: Application) -> int:
    async with grpc.aio.insecure_channel(application.target) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=Message.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = await check(health_pb2.HealthCheckRequest(), timeout=5)
        return int(answer.status)
