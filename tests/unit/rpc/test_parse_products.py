"""ProductService's and LocationService's mutations become commands, or all their violations."""

from decimal import Decimal

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from inventory_grpc.domain import commands
from inventory_grpc.domain.model import Money, ProductKey
from inventory_grpc.rpc import parse_locations, parse_products
from inventory_grpc.rpc.validate import Violations
from inventory_grpc.v1 import common_pb2, locations_pb2, products_pb2

ID = "01920000-0000-7000-8000-00000000000a"


def _paths(found: Violations) -> list[str]:
    return [violation.field for violation in found.found]


def test_a_new_product_needs_a_sku_and_a_name_and_ignores_what_is_output_only() -> None:
    found = Violations()
    product = products_pb2.Product(
        product_id="ignored", sku="MUG", name="Mug", version=-7, labels={"a": "b"}
    )
    command = parse_products.create_product(
        products_pb2.CreateProductRequest(product=product), found
    )
    assert not found.found
    assert command == commands.CreateProduct("MUG", "Mug", "", None, {"a": "b"}, ())
    parse_products.create_product(products_pb2.CreateProductRequest(), found)
    assert _paths(found) == ["product.sku", "product.name"]


def test_initial_stock_without_a_location_is_at_default() -> None:
    found = Violations()
    request = products_pb2.CreateProductRequest(
        product=products_pb2.Product(
            sku="MUG", name="Mug", price=common_pb2.Money(currency_code="EUR", units=2)
        ),
        initial_stock=[
            products_pb2.InitialStock(quantity=5),
            products_pb2.InitialStock(quantity=6, location_id="berlin"),
        ],
    )
    command = parse_products.create_product(request, found)
    assert not found.found
    assert command.initial_stock == (("default", 5), ("berlin", 6))
    assert command.price == Money("EUR", Decimal(2))


def test_a_location_gets_initial_stock_once() -> None:
    found = Violations()
    request = products_pb2.CreateProductRequest(
        product=products_pb2.Product(sku="MUG", name="Mug"),
        initial_stock=[
            products_pb2.InitialStock(quantity=5),
            products_pb2.InitialStock(quantity=0, location_id="default"),
        ],
    )
    parse_products.create_product(request, found)
    assert _paths(found) == ["initial_stock[1].location_id", "initial_stock[1].quantity"]


def _update(product: products_pb2.Product, *paths: str) -> tuple[commands.UpdateProduct, list[str]]:
    found = Violations()
    request = products_pb2.UpdateProductRequest(
        product=product, update_mask=FieldMask(paths=paths), expected_version=1
    )
    return parse_products.update_product(request, found), _paths(found)


def test_a_product_found_by_sku_keeps_its_sku() -> None:
    product = products_pb2.Product(sku="MUG", name="New")
    command, violations = _update(product, "name")
    assert not violations
    assert command.product == ProductKey("", "MUG")
    assert command.fields == {"name"}
    assert _update(product, "name", "sku")[1] == ["update_mask"]
    assert _update(product, "*")[1] == ["update_mask"]


def test_a_star_changes_everything_of_a_product_found_by_id() -> None:
    product = products_pb2.Product(product_id=ID, sku="NEW", name="New")
    command, violations = _update(product, "*")
    assert not violations
    assert command == commands.UpdateProduct(
        product=ProductKey(ID),
        fields=parse_products.UPDATABLE,
        sku="NEW",
        name="New",
        description="",
        price=None,
        labels={},
        expected_version=1,
    )


def test_only_masked_fields_are_looked_at() -> None:
    product = products_pb2.Product(product_id=ID, sku="not a sku", description="new")
    assert _update(product, "description")[1] == []
    assert _update(product, "sku", "name")[1] == ["product.sku", "product.name"]


@pytest.mark.parametrize("path", sorted(parse_products.OUTPUT_ONLY))
def test_output_only_fields_are_refused_in_masks(path: str) -> None:
    assert path in products_pb2.Product.DESCRIPTOR.fields_by_name
    assert _update(products_pb2.Product(product_id=ID), path)[1] == ["update_mask"]


def test_every_field_of_a_product_and_a_location_is_updatable_or_output_only() -> None:
    for parse, message in (
        (parse_products, products_pb2.Product),
        (parse_locations, locations_pb2.Location),
    ):
        assert set(message.DESCRIPTOR.fields_by_name) == parse.UPDATABLE | parse.OUTPUT_ONLY
        assert not parse.UPDATABLE & parse.OUTPUT_ONLY


def test_an_update_needs_a_product_and_a_mask() -> None:
    assert _update(products_pb2.Product())[1] == ["update_mask", "product"]
    assert _update(products_pb2.Product(product_id="x"), "name")[1] == [
        "product.product_id",
        "product.name",
    ]


def test_deleting_takes_either_key_and_undeleting_the_id() -> None:
    found = Violations()
    by_sku = common_pb2.ProductKey(sku="MUG")
    assert parse_products.delete_product(
        products_pb2.DeleteProductRequest(product=by_sku, expected_version=2), found
    ) == commands.DeleteProduct(ProductKey("", "MUG"), 2)
    assert parse_products.undelete_product(
        products_pb2.UndeleteProductRequest(product_id=ID), found
    ) == commands.UndeleteProduct(ID, 0)
    assert not found.found
    parse_products.delete_product(products_pb2.DeleteProductRequest(expected_version=-1), found)
    parse_products.undelete_product(products_pb2.UndeleteProductRequest(), found)
    assert _paths(found) == ["product", "expected_version", "product_id"]


def test_a_location_needs_an_id() -> None:
    found = Violations()
    location = locations_pb2.Location(location_id="berlin", display_name="Berlin", priority=-5)
    assert parse_locations.create_location(
        locations_pb2.CreateLocationRequest(location=location), found
    ) == commands.CreateLocation("berlin", "Berlin", -5, {})
    assert not found.found
    parse_locations.create_location(locations_pb2.CreateLocationRequest(), found)
    parse_locations.delete_location(locations_pb2.DeleteLocationRequest(), found)
    assert _paths(found) == ["location.location_id", "location_id"]


def test_a_location_update_takes_the_masked_fields() -> None:
    found = Violations()
    location = locations_pb2.Location(location_id="berlin", priority=2_000_000, display_name="\x00")
    mask = FieldMask(paths=["labels"])
    command = parse_locations.update_location(
        locations_pb2.UpdateLocationRequest(location=location, update_mask=mask), found
    )
    assert not found.found
    assert command.fields == {"labels"}
    mask = FieldMask(paths=["*"])
    parse_locations.update_location(
        locations_pb2.UpdateLocationRequest(location=location, update_mask=mask), found
    )
    assert _paths(found) == ["location.display_name", "location.priority"]
