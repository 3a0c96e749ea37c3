"""ProductService's mutations: request to command.

A command made while violations were found is not valid; the caller drops it.
"""

from inventory_grpc.domain import commands
from inventory_grpc.domain.model import Money, ProductKey
from inventory_grpc.rpc import validate, validate_values
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import products_pb2

NAME_MAX = 255
DESCRIPTION_MAX = 4096
UPDATABLE = frozenset({"sku", "name", "description", "price", "labels"})
OUTPUT_ONLY = frozenset({"product_id", "stock", "version"}) | {
    "create_time",
    "update_time",
    "delete_time",
}


def create_product(
    request: products_pb2.CreateProductRequest, found: Violations
) -> commands.CreateProduct:
    """sku and name are required; output-only fields of the body are ignored."""
    product = request.product
    return commands.CreateProduct(
        sku=validate.sku(product.sku, found, "product.", "sku"),
        name=_name(product, found),
        description=_description(product, found),
        price=_price(product, found),
        labels=validate.labels(product.labels, found, "product.", "labels"),
        initial_stock=_initial_stock(request, found),
    )


def update_product(
    request: products_pb2.UpdateProductRequest, found: Violations
) -> commands.UpdateProduct:
    """Checks the fields the mask names, and nothing of the others."""
    product = request.product
    fields = validate.update_mask(request.update_mask, UPDATABLE, OUTPUT_ONLY, found)
    return commands.UpdateProduct(
        product=_found_by(product, fields, found),
        fields=fields,
        sku=validate.sku(product.sku, found, "product.", "sku") if "sku" in fields else "",
        name=_name(product, found) if "name" in fields else "",
        description=_description(product, found) if "description" in fields else "",
        price=_price(product, found) if "price" in fields else None,
        labels=(
            validate.labels(product.labels, found, "product.", "labels")
            if "labels" in fields
            else {}
        ),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def delete_product(
    request: products_pb2.DeleteProductRequest, found: Violations
) -> commands.DeleteProduct:
    """By id or SKU."""
    return commands.DeleteProduct(
        product=validate.product_key(request.product, found, "", "product"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def undelete_product(
    request: products_pb2.UndeleteProductRequest, found: Violations
) -> commands.UndeleteProduct:
    """By id only."""
    return commands.UndeleteProduct(
        product_id=validate.uuid(request.product_id, found, "", "product_id"),
        expected_version=validate.version(request.expected_version, found, "", "expected_version"),
    )


def _found_by(
    product: products_pb2.Product, fields: frozenset[str], found: Violations
) -> ProductKey:
    """By product_id, else by SKU, which then cannot also be the new one."""
    if product.product_id:
        return ProductKey(validate.uuid(product.product_id, found, "product.", "product_id"))
    if "sku" in fields:
        found.add("update_mask", "may name sku only when product.product_id says which product")
        return ProductKey()
    if product.sku:
        return ProductKey("", validate.sku(product.sku, found, "product.", "sku"))
    found.add("product", "is required: product_id or sku")
    return ProductKey()


def _name(product: products_pb2.Product, found: Violations) -> str:
    return validate.required_text(product.name, NAME_MAX, found, "product.", "name")


def _description(product: products_pb2.Product, found: Violations) -> str:
    return validate.text(product.description, DESCRIPTION_MAX, found, "product.", "description")


def _price(product: products_pb2.Product, found: Violations) -> Money | None:
    if not product.HasField("price"):
        return None
    return validate_values.price(product.price, found, "product.", "price")


def _initial_stock(
    request: products_pb2.CreateProductRequest, found: Violations
) -> tuple[tuple[str, int], ...]:
    entries = request.initial_stock
    looked_at = validate.count(entries, (0, validate.LINES_MAX), found, "initial_stock")
    first: dict[str, int] = {}
    stock = []
    for index, entry in enumerate(entries[:looked_at]):
        at = f"initial_stock[{index}]."
        location_id = validate.location_id_or_default(entry.location_id, found, at, "location_id")
        if first.setdefault(location_id, index) != index:
            found.add(f"{at}location_id", f"repeats initial_stock[{first[location_id]}]")
        stock.append((location_id, validate.quantity(entry.quantity, found, at, "quantity")))
    return tuple(stock)
