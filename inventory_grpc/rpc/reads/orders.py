"""OrderService's reads."""

from inventory_grpc.domain.model import Order
from inventory_grpc.domain.reads import OrderEventQuery
from inventory_grpc.rpc import convert, validate
from inventory_grpc.rpc.reads import filters
from inventory_grpc.rpc.reads.answers import Call, bounded, fill, min_token, order_ids, page_request
from inventory_grpc.rpc.reply import time_left
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.services.reads import Reads
from inventory_grpc.v1 import orders_pb2


class OrderReads:
    """Needs ``reads``; raises domain errors."""

    reads: Reads

    async def GetOrder(  # noqa: N802
        self, request: orders_pb2.GetOrderRequest, context: Call
    ) -> bytes:
        """One order with its lines."""
        found = Violations()
        order_id = validate.uuid(request.order_id, found, "", "order_id")
        since = min_token(request, found)
        found.refuse_if_any()
        return await self.reads.orders.get(order_id, time_left(context), _encoded, since)

    def BatchGetOrders(  # noqa: N802
        self, request: orders_pb2.BatchGetOrdersRequest, context: Call
    ) -> orders_pb2.BatchGetOrdersResponse:
        """Those found, and the ids of the others."""
        found = Violations()
        sent = order_ids(request.order_ids, found)
        since = min_token(request, found)
        found.refuse_if_any()
        present, missing = self.reads.orders.batch_get(list(sent), context.time_remaining(), since)
        response = orders_pb2.BatchGetOrdersResponse(missing=[sent[each] for each in missing])
        for order in present:
            convert.order(order, response.orders.add())
        return bounded(response)

    def ListOrders(  # noqa: N802
        self, request: orders_pb2.ListOrdersRequest, context: Call
    ) -> orders_pb2.ListOrdersResponse:
        """One page, newest first."""
        found = Violations()
        query, part = filters.orders(request, found), page_request(request, found)
        found.refuse_if_any()
        page = self.reads.orders.page(query, part, context.time_remaining())
        response = orders_pb2.ListOrdersResponse(
            total_size=page.total, resume_token=page.resume_token
        )
        response.next_page_token = fill(response.orders, page, convert.order)
        return response

    def ListOrderEvents(  # noqa: N802
        self, request: orders_pb2.ListOrderEventsRequest, context: Call
    ) -> orders_pb2.ListOrderEventsResponse:
        """One page of an order's history, newest first."""
        found = Violations()
        query = OrderEventQuery(validate.uuid(request.order_id, found, "", "order_id"))
        part = page_request(request, found)
        found.refuse_if_any()
        page = self.reads.orders.events_page(query, part, context.time_remaining())
        response = orders_pb2.ListOrderEventsResponse(total_size=page.total)
        response.next_page_token = fill(response.events, page, convert.order_event)
        return response


def _encoded(order: Order) -> bytes:
    response = orders_pb2.GetOrderResponse()
    convert.order(order, response.order)
    return response.SerializeToString()
