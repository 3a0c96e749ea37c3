"""ProductService's reads."""

from inventory_grpc.domain.model import Product
from inventory_grpc.rpc import convert, validate
from inventory_grpc.rpc.reads import filters
from inventory_grpc.rpc.reads.answers import (
    Call,
    bounded,
    fill,
    min_token,
    page_request,
    product_keys,
)
from inventory_grpc.rpc.reply import time_left
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.services.reads import Reads
from inventory_grpc.v1 import products_pb2


class ProductReads:
    """Needs ``reads``; raises domain errors."""

    reads: Reads

    async def GetProduct(  # noqa: N802
        self, request: products_pb2.GetProductRequest, context: Call
    ) -> bytes:
        """One product; a deleted one by id only."""
        found = Violations()
        key = validate.product_key(request.product, found, "", "product")
        since = min_token(request, found)
        found.refuse_if_any()
        return await self.reads.products.get(key, time_left(context), _encoded, since)

    def BatchGetProducts(  # noqa: N802
        self, request: products_pb2.BatchGetProductsRequest, context: Call
    ) -> products_pb2.BatchGetProductsResponse:
        """Those found, and the keys of the others."""
        found = Violations()
        sent = product_keys(request.products, found)
        since = min_token(request, found)
        found.refuse_if_any()
        present, missing = self.reads.products.batch_get(
            list(sent), context.time_remaining(), since
        )
        response = products_pb2.BatchGetProductsResponse(missing=[sent[key] for key in missing])
        for product in present:
            convert.product(product, response.products.add())
        return bounded(response)

    def ListProducts(  # noqa: N802
        self, request: products_pb2.ListProductsRequest, context: Call
    ) -> products_pb2.ListProductsResponse:
        """One page."""
        found = Violations()
        query, part = filters.products(request, found), page_request(request, found)
        found.refuse_if_any()
        page = self.reads.products.page(query, part, context.time_remaining())
        response = products_pb2.ListProductsResponse(
            total_size=page.total, resume_token=page.resume_token
        )
        response.next_page_token = fill(response.products, page, convert.product)
        return response


def _encoded(product: Product) -> bytes:
    response = products_pb2.GetProductResponse()
    convert.product(product, response.product)
    return response.SerializeToString()
