"""What operators name things by."""

import re
from typing import Final

from inventory_grpc.v1.common_pb2 import ProductKey

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


def is_id(product: str) -> bool:
    """Whether it names a product by its id, and not by its SKU."""
    return _UUID(product) is not None


def product_of(key: str) -> ProductKey:
    """A product by SKU or id; `sku:…` is a SKU also where it looks like an id."""
    if key.startswith("sku:"):
        return ProductKey(sku=key.removeprefix("sku:"))
    product_id = key.removeprefix("product_id:")
    return ProductKey(product_id=product_id) if is_id(product_id) else ProductKey(sku=product_id)
