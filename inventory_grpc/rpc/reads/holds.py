"""HoldService's reads."""

from inventory_grpc.rpc import convert, validate
from inventory_grpc.rpc.reads import filters
from inventory_grpc.rpc.reads.answers import Call, fill, min_token, page_request
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.services.reads import Reads
from inventory_grpc.v1 import holds_pb2


class HoldReads:
    """Needs ``reads``; raises domain errors."""

    reads: Reads

    def GetHold(  # noqa: N802
        self, request: holds_pb2.GetHoldRequest, context: Call
    ) -> holds_pb2.GetHoldResponse:
        """One hold with its lines."""
        found = Violations()
        hold_id = validate.uuid(request.hold_id, found, "", "hold_id")
        since = min_token(request, found)
        found.refuse_if_any()
        hold = self.reads.holds.get(hold_id, context.time_remaining(), since)
        response = holds_pb2.GetHoldResponse()
        convert.hold(hold, response.hold)
        return response

    def ListHolds(  # noqa: N802
        self, request: holds_pb2.ListHoldsRequest, context: Call
    ) -> holds_pb2.ListHoldsResponse:
        """One page, newest first."""
        found = Violations()
        query, part = filters.holds(request, found), page_request(request, found)
        found.refuse_if_any()
        page = self.reads.holds.page(query, part, context.time_remaining())
        response = holds_pb2.ListHoldsResponse(
            total_size=page.total, resume_token=page.resume_token
        )
        response.next_page_token = fill(response.holds, page, convert.hold)
        return response
