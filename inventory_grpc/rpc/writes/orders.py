"""OrderService's mutations."""
# ruff: noqa: N802 - the methods have the RPCs' names

from inventory_grpc.rpc import encode, parse_orders
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.writes.batch import Batch, submit_batch
from inventory_grpc.rpc.writes.submit import Mutation, submit
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.v1 import orders_pb2

_SERVICE = "/inventory.v1.OrderService"
_CREATE = Mutation(
    f"{_SERVICE}/CreateOrder",
    parse_orders.create_order,
    encode.order_in(orders_pb2.CreateOrderResponse),
)
_BATCH_CREATE = Batch(_CREATE, lambda row: max(len(row.lines), 1))
_UPDATE_STATUS = Mutation(
    f"{_SERVICE}/UpdateOrderStatus",
    parse_orders.update_order_status,
    encode.order_in(orders_pb2.UpdateOrderStatusResponse),
)
_BATCH_UPDATE_STATUS = Batch(_UPDATE_STATUS, lambda _: 1)
_SHIP = Mutation(
    f"{_SERVICE}/ShipOrder",
    parse_orders.ship_order,
    encode.order_in(orders_pb2.ShipOrderResponse),
)
_CANCEL = Mutation(
    f"{_SERVICE}/CancelOrder",
    parse_orders.cancel_order,
    encode.order_in(orders_pb2.CancelOrderResponse),
)
_RETURN = Mutation(
    f"{_SERVICE}/ReturnOrder",
    parse_orders.return_order,
    encode.order_in(orders_pb2.ReturnOrderResponse),
)


class OrderWrites:
    """Handlers that place orders and change them."""

    mutations: Mutations

    async def CreateOrder(self, request: orders_pb2.CreateOrderRequest, context: Context) -> bytes:
        """Places an order."""
        return await submit(self.mutations, _CREATE, request, context)

    async def BatchCreateOrders(
        self, request: orders_pb2.BatchCreateOrdersRequest, context: Context
    ) -> bytes:
        """Places many orders."""
        return await submit_batch(self.mutations, _BATCH_CREATE, request, context)

    async def UpdateOrderStatus(
        self, request: orders_pb2.UpdateOrderStatusRequest, context: Context
    ) -> bytes:
        """Moves an order to another state."""
        return await submit(self.mutations, _UPDATE_STATUS, request, context)

    async def BatchUpdateOrderStatus(
        self, request: orders_pb2.BatchUpdateOrderStatusRequest, context: Context
    ) -> bytes:
        """Moves many orders to other states."""
        return await submit_batch(self.mutations, _BATCH_UPDATE_STATUS, request, context)

    async def ShipOrder(self, request: orders_pb2.ShipOrderRequest, context: Context) -> bytes:
        """Ships open units."""
        return await submit(self.mutations, _SHIP, request, context)

    async def CancelOrder(self, request: orders_pb2.CancelOrderRequest, context: Context) -> bytes:
        """Cancels open units, or takes the whole order back."""
        return await submit(self.mutations, _CANCEL, request, context)

    async def ReturnOrder(self, request: orders_pb2.ReturnOrderRequest, context: Context) -> bytes:
        """Takes units back from the customer."""
        return await submit(self.mutations, _RETURN, request, context)
