"""LocationService's reads."""

from inventory_grpc.domain.reads import LocationQuery
from inventory_grpc.rpc import convert, validate
from inventory_grpc.rpc.reads.answers import Call, fill, min_token, page_request
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.services.reads import Reads
from inventory_grpc.v1 import locations_pb2


class LocationReads:
    """Needs ``reads``; raises domain errors."""

    reads: Reads

    def GetLocation(  # noqa: N802
        self, request: locations_pb2.GetLocationRequest, context: Call
    ) -> locations_pb2.GetLocationResponse:
        """One location, deleted or not."""
        found = Violations()
        location_id = validate.location_id(request.location_id, found, "", "location_id")
        since = min_token(request, found)
        found.refuse_if_any()
        location = self.reads.locations.get(location_id, context.time_remaining(), since)
        response = locations_pb2.GetLocationResponse()
        convert.location(location, response.location)
        return response

    def ListLocations(  # noqa: N802
        self, request: locations_pb2.ListLocationsRequest, context: Call
    ) -> locations_pb2.ListLocationsResponse:
        """One page, by location_id."""
        found = Violations()
        part = page_request(request, found)
        found.refuse_if_any()
        query = LocationQuery(show_deleted=request.filter.show_deleted)
        page = self.reads.locations.page(query, part, context.time_remaining())
        response = locations_pb2.ListLocationsResponse(total_size=page.total)
        response.next_page_token = fill(response.locations, page, convert.location)
        return response
