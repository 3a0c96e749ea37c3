"""One health check over gRPC, for container probes."""

from typing import cast

import grpc
from grpc_health.v1 import health_pb2

from inventory_grpc.dial import Dial

_METHOD = "/grpc.health.v1.Health/Check"


def check(target: str, dial: Dial, timeout_seconds: float) -> str:
    """The status of the server at `target`, such as SERVING, or the code of the failed call.

    Nobody has to say who asks. Raises DialError.
    """
    request = health_pb2.HealthCheckRequest()
    with dial.channel(target) as channel:
        call = channel.unary_unary(
            _METHOD,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = call(request, timeout=timeout_seconds)
        except grpc.RpcError as error:
            # What a call raises is also the finished call itself, which knows its code.
            return cast("grpc.Call", error).code().name
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
