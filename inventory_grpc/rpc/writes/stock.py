"""StockService's mutations."""
# ruff: noqa: N802 - the methods have the RPCs' names

from inventory_grpc.rpc import encode, parse_stock
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.writes.batch import Batch, submit_batch
from inventory_grpc.rpc.writes.submit import Mutation, submit
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.v1 import stock_pb2

_SERVICE = "/inventory.v1.StockService"
_ADJUST = Mutation(
    f"{_SERVICE}/AdjustStock",
    parse_stock.adjust_stock,
    encode.stock_change_in(stock_pb2.AdjustStockResponse),
)
_BATCH_ADJUST = Batch(_ADJUST, lambda _: 1)
_SET = Mutation(
    f"{_SERVICE}/SetStock",
    parse_stock.set_stock,
    encode.stock_change_in(stock_pb2.SetStockResponse),
)
_SET_POLICY = Mutation(
    f"{_SERVICE}/SetStockPolicy", parse_stock.set_stock_policy, encode.stock_policy
)
_TRANSFER = Mutation(f"{_SERVICE}/TransferStock", parse_stock.transfer_stock, encode.transfer)


class StockWrites:
    """Handlers that change stock."""

    mutations: Mutations

    async def AdjustStock(self, request: stock_pb2.AdjustStockRequest, context: Context) -> bytes:
        """Adds to or takes from what is on hand."""
        return await submit(self.mutations, _ADJUST, request, context)

    async def BatchAdjustStock(
        self, request: stock_pb2.BatchAdjustStockRequest, context: Context
    ) -> bytes:
        """Many adjustments."""
        return await submit_batch(self.mutations, _BATCH_ADJUST, request, context)

    async def SetStock(self, request: stock_pb2.SetStockRequest, context: Context) -> bytes:
        """Records a count."""
        return await submit(self.mutations, _SET, request, context)

    async def SetStockPolicy(
        self, request: stock_pb2.SetStockPolicyRequest, context: Context
    ) -> bytes:
        """Changes safety stock, backorder limit or low-stock threshold."""
        return await submit(self.mutations, _SET_POLICY, request, context)

    async def TransferStock(
        self, request: stock_pb2.TransferStockRequest, context: Context
    ) -> bytes:
        """Moves units between two locations."""
        return await submit(self.mutations, _TRANSFER, request, context)
