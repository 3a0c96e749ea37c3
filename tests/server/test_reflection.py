"""What tools see: both versions of reflection list and describe every service."""

import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.conftest import Database
from tests.server.harness import Server, running

_SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "inventory.v1.ChangeService",
    "inventory.v1.HoldService",
    "inventory.v1.LocationService",
    "inventory.v1.OrderService",
    "inventory.v1.ProductService",
    "inventory.v1.StockService",
]
_BIN = Path(sys.executable).parent

_both = pytest.mark.parametrize("version", ["v1", "v1alpha"])


@_both
def test_both_versions_list_all_services(server: Server, version: str) -> None:
    answer = _ask(server, version, reflection_pb2.ServerReflectionRequest(list_services=""))
    assert [each.name for each in answer.list_services_response.service] == _SERVICES


@_both
def test_both_versions_describe_every_service(server: Server, version: str) -> None:
    for service in _SERVICES:
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=service)
        answer = _ask(server, version, request).file_descriptor_response
        files = map(descriptor_pb2.FileDescriptorProto.FromString, answer.file_descriptor_proto)
        assert service in [f"{file.package}.{each.name}" for file in files for each in file.service]


@_both
def test_bytes_that_are_no_question_are_an_invalid_argument(server: Server, version: str) -> None:
    call: grpc.StreamStreamMultiCallable[bytes, reflection_pb2.ServerReflectionResponse] = (
        server.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
    )
    answer = next(call(iter([b"\xff\xff"]), timeout=10))
    assert answer.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_grpcurl_lists_and_describes(server: Server) -> None:
    grpcurl = [str(_BIN / "grpcurl"), "-plaintext", server.target]
    assert _output(*grpcurl, "list").split() == _SERVICES
    for service in _SERVICES:
        assert f"{service} is a service" in _output(*grpcurl, "describe", service)


def test_buf_curl_lists_services_and_methods(server: Server) -> None:
    curl = (str(_BIN / "buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge")
    assert _output(*curl, "--list-services", f"http://{server.target}").split() == _SERVICES
    methods = _output(*curl, "--list-methods", f"http://{server.target}")
    assert "inventory.v1.OrderService/CreateOrder" in methods


def test_reflection_can_be_switched_off(database: Database, tmp_path: Path) -> None:
    flags = ("--no-migrate", "--no-reflection")
    with running(tmp_path / "log", *flags, database_url=database.url) as server:
        with pytest.raises(grpc.RpcError) as refused:
            _ask(server, "v1", reflection_pb2.ServerReflectionRequest(list_services=""))
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def _ask(
    server: Server, version: str, request: reflection_pb2.ServerReflectionRequest
) -> reflection_pb2.ServerReflectionResponse:
    call = server.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    return next(call(iter([request]), timeout=10))


def _output(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout
