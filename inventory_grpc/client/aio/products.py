"""ProductService."""

from collections.abc import Iterable, Mapping
from typing import Unpack

from inventory_grpc.client import requests
from inventory_grpc.client.aio.caller import AsyncCaller
from inventory_grpc.client.aio.pages import AsyncPages
from inventory_grpc.client.batches import Row
from inventory_grpc.client.filters import ProductListing, split
from inventory_grpc.client.options import Batch, Read, VersionedWrite, Write
from inventory_grpc.client.values import (
    Labels,
    ProductOrder,
    ProductRef,
    product_key,
    product_keys,
)
from inventory_grpc.v1.common_pb2 import Money
from inventory_grpc.v1.products_pb2 import (
    BatchCreateProductsRequest,
    BatchGetProductsRequest,
    BatchGetProductsResponse,
    CreateProductRequest,
    CreateProductResponse,
    DeleteProductRequest,
    DeleteProductResponse,
    GetProductRequest,
    GetProductResponse,
    ListProductsRequest,
    ListProductsResponse,
    Product,
    ProductFilter,
    ProductOrderBy,
    UndeleteProductRequest,
    UndeleteProductResponse,
    UpdateProductResponse,
)


class AsyncProducts(AsyncCaller):
    """Owns the products."""

    async def create_product(
        self,
        sku: str,
        name: str,
        *,
        description: str = "",
        price: Money | None = None,
        labels: Labels | None = None,
        initial_stock: int | Mapping[str, int] = 0,
        **options: Unpack[Write],
    ) -> CreateProductResponse:
        """Create a product, with stock to start from: units at `default`, or by location_id.

        `price` is made by `money(Decimal("9.90"), "EUR")`; without one, orders of the product have
        no unit price. Raises InvalidFields, SkuTaken, LocationNotFound, QuantityLimit.
        """
        request = requests.product(
            sku,
            name,
            description=description,
            price=price,
            labels=labels,
            initial_stock=initial_stock,
        )
        return await self._write(self._products.CreateProduct, request, options)

    async def batch_create_products(
        self, rows: Iterable[CreateProductRequest], **options: Unpack[Batch]
    ) -> list[Row[CreateProductResponse]]:
        """Create up to 1,000 products, made by `rows.product(…)`; see `Row` and `Batch`."""
        request = BatchCreateProductsRequest(requests=rows)
        method = self._products.BatchCreateProducts
        return await self._batch(method, request, lambda answer: answer.results, options)

    async def get_product(self, product: ProductRef, **options: Unpack[Read]) -> GetProductResponse:
        """Read one product; a deleted one is found by its id only. Raises ProductNotFound."""
        request = GetProductRequest(product=product_key(product))
        return await self._read(self._products.GetProduct, request, options)

    async def batch_get_products(
        self, products: Iterable[ProductRef], **options: Unpack[Read]
    ) -> BatchGetProductsResponse:
        """Read up to 1,000 products, those not found under `missing`. Raises AnswerTooLarge."""
        request = BatchGetProductsRequest(products=product_keys(products))
        return await self._read(self._products.BatchGetProducts, request, options)

    def list_products(
        self,
        *,
        order_by: ProductOrder = "CREATE_TIME",
        descending: bool = False,
        **options: Unpack[ProductListing],
    ) -> AsyncPages[Product, ListProductsResponse]:
        """Iterate over the products that match; see `ProductListing`."""
        matching, listing = split(ProductFilter(), options)
        request = ListProductsRequest(
            filter=matching,
            order_by=ProductOrderBy.Value(f"PRODUCT_ORDER_BY_{order_by}"),
            descending=descending,
        )
        method = self._products.ListProducts
        return self._list(method, request, lambda page: page.products, listing)

    async def update_product(
        self,
        product: ProductRef,
        *,
        sku: str | None = None,
        name: str | None = None,
        description: str | None = None,
        price: Money | None = None,
        labels: Labels | None = None,
        clear_price: bool = False,
        **options: Unpack[VersionedWrite],
    ) -> UpdateProductResponse:
        """Change what is given and leave the rest; `labels` are replaced as a whole.

        The SKU can be changed only of a product named by its id: ValueError. Raises
        ProductNotFound, VersionMismatch, SkuTaken, InvalidFields.
        """
        changes = {
            "sku": sku,
            "name": name,
            "description": description,
            "price": price,
            "labels": labels,
        }
        request = requests.product_update(product, changes, clear_price=clear_price)
        return await self._write(self._products.UpdateProduct, request, options)

    async def delete_product(
        self, product: ProductRef, **options: Unpack[VersionedWrite]
    ) -> DeleteProductResponse:
        """Delete a product softly. Raises ProductInUse while it has stock, ProductNotFound."""
        request = DeleteProductRequest(product=product_key(product))
        return await self._write(self._products.DeleteProduct, request, options)

    async def undelete_product(
        self, product_id: str, **options: Unpack[VersionedWrite]
    ) -> UndeleteProductResponse:
        """Take a deletion back. Raises ProductNotFound, ProductNotDeleted, SkuTaken."""
        request = UndeleteProductRequest(product_id=product_id)
        return await self._write(self._products.UndeleteProduct, request, options)
