# Made from `aio` by `python -m tests.client.unasync`. Do not edit.
"""LocationService."""

from typing import Unpack

from inventory_grpc.client import requests
from inventory_grpc.client.options import Listing, Read, VersionedWrite, Write
from inventory_grpc.client.sync.caller import Caller
from inventory_grpc.client.sync.pages import Pages
from inventory_grpc.client.values import Labels
from inventory_grpc.v1.locations_pb2 import (
    CreateLocationRequest,
    CreateLocationResponse,
    DeleteLocationRequest,
    DeleteLocationResponse,
    GetLocationRequest,
    GetLocationResponse,
    ListLocationsRequest,
    ListLocationsResponse,
    Location,
    LocationFilter,
    UpdateLocationResponse,
)


class Locations(Caller):
    """Owns the places that hold stock. The location `default` always exists."""

    def create_location(
        self,
        location_id: str,
        *,
        display_name: str = "",
        priority: int = 0,
        labels: Labels | None = None,
        **options: Unpack[Write],
    ) -> CreateLocationResponse:
        """Create a location; orders take from those of lower priority first.

        Raises LocationTaken, also by one that was deleted.
        """
        made = Location(
            location_id=location_id, display_name=display_name, priority=priority, labels=labels
        )
        request = CreateLocationRequest(location=made)
        return self._write(self._locations.CreateLocation, request, options)

    def get_location(self, location_id: str, **options: Unpack[Read]) -> GetLocationResponse:
        """Read one location; a deleted one shows its delete_time. Raises LocationNotFound."""
        request = GetLocationRequest(location_id=location_id)
        return self._read(self._locations.GetLocation, request, options)

    def list_locations(
        self, *, show_deleted: bool = False, **options: Unpack[Listing]
    ) -> Pages[Location, ListLocationsResponse]:
        """Iterate over the locations by location_id."""
        request = ListLocationsRequest(filter=LocationFilter(show_deleted=show_deleted))
        method = self._locations.ListLocations
        return self._list(method, request, lambda page: page.locations, options)

    def update_location(
        self,
        location_id: str,
        *,
        display_name: str | None = None,
        priority: int | None = None,
        labels: Labels | None = None,
        **options: Unpack[VersionedWrite],
    ) -> UpdateLocationResponse:
        """Change what is given and leave the rest. Raises LocationNotFound, VersionMismatch."""
        changes = {"display_name": display_name, "priority": priority, "labels": labels}
        request = requests.location_update(location_id, changes)
        return self._write(self._locations.UpdateLocation, request, options)

    def delete_location(
        self, location_id: str, **options: Unpack[VersionedWrite]
    ) -> DeleteLocationResponse:
        """Delete a location softly. Raises LocationInUse while it holds stock, LocationNotFound."""
        request = DeleteLocationRequest(location_id=location_id)
        return self._write(self._locations.DeleteLocation, request, options)
