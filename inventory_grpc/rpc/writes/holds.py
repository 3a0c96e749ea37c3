"""HoldService's mutations."""
# ruff: noqa: N802 - the methods have the RPCs' names

from inventory_grpc.rpc import encode, parse_holds
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.writes.submit import Mutation, submit
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.v1 import holds_pb2

_SERVICE = "/inventory.v1.HoldService"
_CREATE = Mutation(
    f"{_SERVICE}/CreateHold",
    parse_holds.create_hold,
    encode.hold_in(holds_pb2.CreateHoldResponse),
)
_EXTEND = Mutation(
    f"{_SERVICE}/ExtendHold",
    parse_holds.extend_hold,
    encode.hold_in(holds_pb2.ExtendHoldResponse),
)
_CONVERT = Mutation(f"{_SERVICE}/ConvertHold", parse_holds.convert_hold, encode.conversion)
_RELEASE = Mutation(
    f"{_SERVICE}/ReleaseHold",
    parse_holds.release_hold,
    encode.hold_in(holds_pb2.ReleaseHoldResponse),
)


class HoldWrites:
    """Handlers that make holds and end them."""

    mutations: Mutations

    async def CreateHold(self, request: holds_pb2.CreateHoldRequest, context: Context) -> bytes:
        """Sets units aside."""
        return await submit(self.mutations, _CREATE, request, context)

    async def ExtendHold(self, request: holds_pb2.ExtendHoldRequest, context: Context) -> bytes:
        """Moves its end."""
        return await submit(self.mutations, _EXTEND, request, context)

    async def ConvertHold(self, request: holds_pb2.ConvertHoldRequest, context: Context) -> bytes:
        """Makes an order of it, or of a part."""
        return await submit(self.mutations, _CONVERT, request, context)

    async def ReleaseHold(self, request: holds_pb2.ReleaseHoldRequest, context: Context) -> bytes:
        """Gives back what it still has."""
        return await submit(self.mutations, _RELEASE, request, context)
