"""LocationService's mutations: request to command.

A command made while violations were found is not valid; the caller drops it.
"""

from inventory_grpc.domain import commands
from inventory_grpc.rpc import validate
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import locations_pb2

DISPLAY_NAME_MAX = 255
PRIORITY_MAX = 1_000_000
UPDATABLE = frozenset({"display_name", "priority", "labels"})
OUTPUT_ONLY = frozenset({"location_id", "version", "create_time", "update_time", "delete_time"})


def create_location(
    request: locations_pb2.CreateLocationRequest, found: Violations
) -> commands.CreateLocation:
    """location_id is required; output-only fields of the body are ignored."""
    location = request.location
    return commands.CreateLocation(
        location_id=validate.location_id(location.location_id, found, "location.", "location_id"),
        display_name=_display_name(location, found),
        priority=_priority(location, found),
        labels=validate.labels(location.labels, found, "location.", "labels"),
    )


def update_location(
    request: locations_pb2.UpdateLocationRequest, found: Violations
) -> commands.UpdateLocation:
    """Checks the fields the mask names, and nothing of the others."""
    location = request.location
    fields = validate.update_mask(request.update_mask, UPDATABLE, OUTPUT_ONLY, found)
    return commands.UpdateLocation(
        location_id=validate.location_id(location.location_id, found, "location.", "location_id"),
        fields=fields,
        display_name=_display_name(location, found) if "display_name" in fields else "",
        priority=_priority(location, found) if "priority" in fields else 0,
        labels=(
            validate.labels(location.labels, found, "location.", "labels")
            if "labels" in fields
            else {}
        ),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def delete_location(
    request: locations_pb2.DeleteLocationRequest, found: Violations
) -> commands.DeleteLocation:
    """That ``default`` stays is decided later: it is a matter of state, not of form."""
    return commands.DeleteLocation(
        location_id=validate.location_id(request.location_id, found, "", "location_id"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def _display_name(location: locations_pb2.Location, found: Violations) -> str:
    return validate.text(
        location.display_name, DISPLAY_NAME_MAX, found, "location.", "display_name"
    )


def _priority(location: locations_pb2.Location, found: Violations) -> int:
    if abs(location.priority) > PRIORITY_MAX:
        found.add("location.priority", "must be -1,000,000 .. 1,000,000")
    return location.priority
