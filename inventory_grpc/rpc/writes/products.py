"""ProductService's mutations."""
# ruff: noqa: N802 - the methods have the RPCs' names

from inventory_grpc.rpc import encode, parse_products
from inventory_grpc.rpc.reply import Context
from inventory_grpc.rpc.writes.batch import Batch, submit_batch
from inventory_grpc.rpc.writes.submit import Mutation, submit
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.v1 import products_pb2

_SERVICE = "/inventory.v1.ProductService"
_CREATE = Mutation(
    f"{_SERVICE}/CreateProduct",
    parse_products.create_product,
    encode.product_in(products_pb2.CreateProductResponse),
)
_BATCH_CREATE = Batch(_CREATE, lambda row: max(len(row.initial_stock), 1))
_UPDATE = Mutation(
    f"{_SERVICE}/UpdateProduct",
    parse_products.update_product,
    encode.product_in(products_pb2.UpdateProductResponse),
)
_DELETE = Mutation(
    f"{_SERVICE}/DeleteProduct",
    parse_products.delete_product,
    encode.product_in(products_pb2.DeleteProductResponse),
)
_UNDELETE = Mutation(
    f"{_SERVICE}/UndeleteProduct",
    parse_products.undelete_product,
    encode.product_in(products_pb2.UndeleteProductResponse),
)


class ProductWrites:
    """Handlers that change products."""

    mutations: Mutations

    async def CreateProduct(
        self, request: products_pb2.CreateProductRequest, context: Context
    ) -> bytes:
        """Creates a product."""
        return await submit(self.mutations, _CREATE, request, context)

    async def BatchCreateProducts(
        self, request: products_pb2.BatchCreateProductsRequest, context: Context
    ) -> bytes:
        """Creates many products."""
        return await submit_batch(self.mutations, _BATCH_CREATE, request, context)

    async def UpdateProduct(
        self, request: products_pb2.UpdateProductRequest, context: Context
    ) -> bytes:
        """Changes the fields named in the mask."""
        return await submit(self.mutations, _UPDATE, request, context)

    async def DeleteProduct(
        self, request: products_pb2.DeleteProductRequest, context: Context
    ) -> bytes:
        """Deletes a product softly."""
        return await submit(self.mutations, _DELETE, request, context)

    async def UndeleteProduct(
        self, request: products_pb2.UndeleteProductRequest, context: Context
    ) -> bytes:
        """Brings a deleted product back."""
        return await submit(self.mutations, _UNDELETE, request, context)
