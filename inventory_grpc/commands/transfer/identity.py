"""Request ids that are the same whenever the same row of the same import is sent.

So a row that was sent before the importer was killed is answered by its stored answer, and has no
second effect. They are made of text that this project alone defines, and not of serialized
messages, which another version of a library may write differently.
"""

import json
import uuid
from typing import Final

from inventory_grpc.v1.products_pb2 import CreateProductRequest

_NAMESPACE: Final = uuid.UUID("8d0f4d4c-7a52-4c1b-9f5e-52f2a3a0f6c1")
_TEXT: Final = json.JSONEncoder(separators=(",", ":")).encode


def of_product(import_id: str, request: CreateProductRequest) -> str:
    """By all that the product is created with."""
    product = request.product
    return _made(
        import_id,
        "product",
        product.sku,
        product.name,
        product.description,
        product.price.currency_code,
        product.price.units,
        product.price.nanos,
        sorted(product.labels.items()),
        [(each.location_id, each.quantity) for each in request.initial_stock],
    )


def of_stock(import_id: str, what: str, sku: str, place: str, quantity: int, time: int) -> str:
    """By what is done; `time` tells apart equal rows of one file, each of which counts."""
    return _made(import_id, what, sku, place, quantity, time)


def _made(*parts: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, _TEXT(parts)))
