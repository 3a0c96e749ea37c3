"""OrderService."""

from collections.abc import Iterable
from typing import Unpack

from inventory_grpc.client import requests
from inventory_grpc.client.aio.caller import AsyncCaller
from inventory_grpc.client.aio.pages import AsyncPages
from inventory_grpc.client.batches import Row
from inventory_grpc.client.filters import OrderListing, split
from inventory_grpc.client.options import Batch, Listing, Read, VersionedWrite, Write
from inventory_grpc.client.values import (
    Allocation,
    Labels,
    Lines,
    Locking,
    OrderStatusName,
    Part,
    part,
)
from inventory_grpc.v1.orders_pb2 import (
    BatchCreateOrdersRequest,
    BatchGetOrdersRequest,
    BatchGetOrdersResponse,
    BatchUpdateOrderStatusRequest,
    CancelOrderRequest,
    CancelOrderResponse,
    CreateOrderRequest,
    CreateOrderResponse,
    GetOrderRequest,
    GetOrderResponse,
    ListOrderEventsRequest,
    ListOrderEventsResponse,
    ListOrdersRequest,
    ListOrdersResponse,
    Order,
    OrderEvent,
    OrderFilter,
    ReturnOrderRequest,
    ReturnOrderResponse,
    ShipOrderRequest,
    ShipOrderResponse,
    UpdateOrderStatusRequest,
    UpdateOrderStatusResponse,
)


class AsyncOrders(AsyncCaller):
    """Owns the orders."""

    async def create_order(
        self,
        lines: Lines,
        *,
        customer_reference: str = "",
        labels: Labels | None = None,
        allocation: Allocation = "PRIORITY",
        locking: Locking = "PESSIMISTIC",
        **options: Unpack[Write],
    ) -> CreateOrderResponse:
        """Place an order of 1-100 lines, each (product, quantity) or with a location_id.

        All of it is allocated, or nothing. Raises InsufficientStock, ProductNotFound,
        LocationNotFound, CurrencyMismatch, TotalTooLarge, InvalidFields.
        """
        request = requests.order(
            lines,
            customer_reference=customer_reference,
            labels=labels,
            allocation=allocation,
            locking=locking,
        )
        return await self._write(self._orders.CreateOrder, request, options)

    async def batch_create_orders(
        self, rows: Iterable[CreateOrderRequest], **options: Unpack[Batch]
    ) -> list[Row[CreateOrderResponse]]:
        """Place up to 1,000 orders, made by `rows.order(…)`; see `Row` and `Batch`."""
        request = BatchCreateOrdersRequest(requests=rows)
        method = self._orders.BatchCreateOrders
        return await self._batch(method, request, lambda answer: answer.results, options)

    async def get_order(self, order_id: str, **options: Unpack[Read]) -> GetOrderResponse:
        """Read one order. Raises OrderNotFound."""
        request = GetOrderRequest(order_id=order_id)
        return await self._read(self._orders.GetOrder, request, options)

    async def batch_get_orders(
        self, order_ids: Iterable[str], **options: Unpack[Read]
    ) -> BatchGetOrdersResponse:
        """Read up to 1,000 orders, those not found under `missing`. Raises AnswerTooLarge."""
        request = BatchGetOrdersRequest(order_ids=order_ids)
        return await self._read(self._orders.BatchGetOrders, request, options)

    def list_orders(self, **options: Unpack[OrderListing]) -> AsyncPages[Order, ListOrdersResponse]:
        """Iterate over the orders that match, the newest first; see `OrderListing`."""
        matching, listing = split(OrderFilter(), options)
        request = ListOrdersRequest(filter=matching)
        return self._list(self._orders.ListOrders, request, lambda page: page.orders, listing)

    async def update_order_status(
        self,
        order_id: str,
        status: OrderStatusName,
        *,
        reason: str = "",
        **options: Unpack[VersionedWrite],
    ) -> UpdateOrderStatusResponse:
        """Move an order on, as a whole: CONFIRMED, SHIPPED, DELIVERED, CANCELLED or RETURNED.

        Raises InvalidTransition, OrderNotFound, VersionMismatch, InsufficientStock.
        """
        request = requests.status(order_id, status, reason=reason)
        return await self._write(self._orders.UpdateOrderStatus, request, options)

    async def batch_update_order_status(
        self, rows: Iterable[UpdateOrderStatusRequest], **options: Unpack[Batch]
    ) -> list[Row[UpdateOrderStatusResponse]]:
        """Move up to 1,000 orders on; rows are made by `rows.status(…)`; see `Row` and `Batch`."""
        request = BatchUpdateOrderStatusRequest(requests=rows)
        method = self._orders.BatchUpdateOrderStatus
        return await self._batch(method, request, lambda answer: answer.results, options)

    async def ship_order(
        self,
        order_id: str,
        lines: Part | None = None,
        *,
        reason: str = "",
        **options: Unpack[VersionedWrite],
    ) -> ShipOrderResponse:
        """Ship units by line_number, such as {1: 2}; None ships everything open.

        Raises QuantityExceeded, InvalidTransition, InsufficientStock, OrderNotFound,
        VersionMismatch.
        """
        request = ShipOrderRequest(order_id=order_id, lines=part(lines), reason=reason)
        return await self._write(self._orders.ShipOrder, request, options)

    async def cancel_order(
        self,
        order_id: str,
        lines: Part | None = None,
        *,
        reason: str = "",
        recall: bool = False,
        **options: Unpack[VersionedWrite],
    ) -> CancelOrderResponse:
        """Cancel open units by line_number; None cancels everything open.

        With `recall`, shipped units come back, too, as long as the order is not delivered. Raises
        QuantityExceeded, InvalidTransition, OrderNotFound, VersionMismatch.
        """
        request = CancelOrderRequest(
            order_id=order_id, lines=part(lines), reason=reason, recall=recall
        )
        return await self._write(self._orders.CancelOrder, request, options)

    async def return_order(
        self,
        order_id: str,
        lines: Iterable[requests.ReturnedLine],
        *,
        reason: str = "",
        **options: Unpack[VersionedWrite],
    ) -> ReturnOrderResponse:
        """Take units back: lines are (line_number, quantity, "RESTOCK" or "DISCARD").

        A fourth value is the location_id to put them; else where they were taken. Raises
        QuantityExceeded, InvalidTransition, OrderNotFound, VersionMismatch, LocationNotFound.
        """
        request = ReturnOrderRequest(
            order_id=order_id, lines=requests.returned_lines(lines), reason=reason
        )
        return await self._write(self._orders.ReturnOrder, request, options)

    def list_order_events(
        self, order_id: str, **options: Unpack[Listing]
    ) -> AsyncPages[OrderEvent, ListOrderEventsResponse]:
        """Iterate over what happened to an order. Raises OrderNotFound."""
        request = ListOrderEventsRequest(order_id=order_id)
        return self._list(self._orders.ListOrderEvents, request, lambda page: page.events, options)
