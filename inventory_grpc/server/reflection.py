"""gRPC reflection under both of its names: grpcio-reflection knows only v1alpha.

The two versions differ in nothing but the package, so one servicer answers for both, and the
descriptor of v1 is made from that of v1alpha.

Nobody is asked who it is: what is told is public, and tools often ask without the caller's
credential.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Final, cast

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as V1ALPHA
from grpc_reflection.v1alpha.reflection import aio

from inventory_grpc.server.lenient import lenient
from inventory_grpc.server.open_streams import OpenStreams

V1: Final = "grpc.reflection.v1.ServerReflection"

_METHOD: Final = "ServerReflectionInfo"
_OLD_PACKAGE: Final = "grpc.reflection.v1alpha"
_NEW_PACKAGE: Final = "grpc.reflection.v1"

_Request = reflection_pb2.ServerReflectionRequest
_Answer = reflection_pb2.ServerReflectionResponse
_Context = grpc.aio.ServicerContext[_Request, _Answer]


def add_reflection(server: grpc.aio.Server, services: Iterable[str], streams_max: int) -> None:
    """Serve the descriptors of `services` and of reflection itself, to so many at a time."""
    _v1_descriptor()
    servicer = aio.ReflectionServicer([*services, V1ALPHA, V1])
    streams = OpenStreams(streams_max)

    async def answer(requests: AsyncIterator[_Request], context: _Context) -> None:
        async with streams.one_more(context):
            # It is a generator, whatever its types say.
            answers = cast(
                "AsyncIterator[_Answer]", servicer.ServerReflectionInfo(requests, context)
            )
            async for each in answers:
                await context.write(each)

    # An empty request is answered with an INVALID_ARGUMENT of the servicer's own.
    handler = grpc.stream_stream_rpc_method_handler(
        answer,
        request_deserializer=lenient(_Request.FromString, _Request()),
        response_serializer=_Answer.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(name, {_METHOD: handler}) for name in (V1ALPHA, V1)]
    )


def _v1_descriptor() -> ServiceDescriptor:
    pool = descriptor_pool.Default()
    try:
        # A later grpcio-reflection may bring its own; the same name twice would be refused.
        return pool.FindServiceByName(V1)
    except KeyError:
        pool.Add(_renamed())
        return pool.FindServiceByName(V1)


def _renamed() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = _NEW_PACKAGE
    for message in file.message_type:
        for field in filter(lambda each: each.type_name, message.field):
            field.type_name = field.type_name.replace(_OLD_PACKAGE, _NEW_PACKAGE)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(_OLD_PACKAGE, _NEW_PACKAGE)
        method.output_type = method.output_type.replace(_OLD_PACKAGE, _NEW_PACKAGE)
    # What is left says how other languages name v1alpha's code.
    file.ClearField("options")
    return file
