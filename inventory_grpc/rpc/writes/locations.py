"""LocationService's mutations."""
# ruff: noqa: N802 - the methods have the RPCs' names

from inventory_grpc.rpc import encode, parse_locations
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.writes.submit import Mutation, submit
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.v1 import locations_pb2

_SERVICE = "/inventory.v1.LocationService"
_CREATE = Mutation(
    f"{_SERVICE}/CreateLocation",
    parse_locations.create_location,
    encode.location_in(locations_pb2.CreateLocationResponse),
)
_UPDATE = Mutation(
    f"{_SERVICE}/UpdateLocation",
    parse_locations.update_location,
    encode.location_in(locations_pb2.UpdateLocationResponse),
)
_DELETE = Mutation(
    f"{_SERVICE}/DeleteLocation",
    parse_locations.delete_location,
    encode.location_in(locations_pb2.DeleteLocationResponse),
)


class LocationWrites:
    """Handlers that change locations."""

    mutations: Mutations

    async def CreateLocation(
        self, request: locations_pb2.CreateLocationRequest, context: Context
    ) -> bytes:
        """Creates a location."""
        return await submit(self.mutations, _CREATE, request, context)

    async def UpdateLocation(
        self, request: locations_pb2.UpdateLocationRequest, context: Context
    ) -> bytes:
        """Changes the fields named in the mask."""
        return await submit(self.mutations, _UPDATE, request, context)

    async def DeleteLocation(
        self, request: locations_pb2.DeleteLocationRequest, context: Context
    ) -> bytes:
        """Deletes a location softly."""
        return await submit(self.mutations, _DELETE, request, context)
