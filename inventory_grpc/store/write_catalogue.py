"""Writing products and locations back."""

from collections.abc import Sequence
from typing import Final

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.model import Location, Product
from inventory_grpc.store import tables
from inventory_grpc.store.columns import Stamp, amounts, labels_json, times
from inventory_grpc.store.link import Call
from inventory_grpc.store.statements import (
    Value,
    array,
    insert_rows,
    text_array,
    update_rows,
)

_PRODUCT: Final = (
    "sku", "name", "description", "price_amount", "price_currency", "labels", "version",
    "delete_time",
)  # fmt: skip
INSERT_PRODUCTS: Final = insert_rows(
    "insert_products",
    tables.products,
    ("product_id", *_PRODUCT),
    ("create_time", "update_time", "commit_id"),
    "v.sku",
)
UPDATE_PRODUCTS: Final = update_rows(
    "update_products",
    tables.products,
    ("product_id",),
    _PRODUCT,
    ("update_time", "commit_id"),
    "version",
)

INSERT_PRODUCT_EVENTS: Final = insert_rows(
    "insert_product_events",
    tables.product_events,
    (
        "product_id", "product_version", "event_id", "kind", "sku", "name", "description",
        "price_amount", "price_currency", "labels", "create_time", "delete_time", "actor",
        "request_id",
    ),
    ("occur_time", "commit_id"),
)  # fmt: skip

_LOCATION: Final = ("display_name", "priority", "labels", "version", "delete_time")
INSERT_LOCATIONS: Final = insert_rows(
    "insert_locations",
    tables.locations,
    ("location_id", *_LOCATION),
    ("create_time", "update_time", "commit_id"),
    "v.location_id",
)
UPDATE_LOCATIONS: Final = update_rows(
    "update_locations",
    tables.locations,
    ("location_id",),
    _LOCATION,
    ("update_time", "commit_id"),
    "version",
)


ALL: Final = (
    UPDATE_PRODUCTS,
    INSERT_PRODUCTS,
    INSERT_PRODUCT_EVENTS,
    UPDATE_LOCATIONS,
    INSERT_LOCATIONS,
)


def product_calls(books: Books, stamp: Stamp) -> list[Call]:
    """Changed and new products."""
    read = books.versions_read
    changed = [product for key, product in books.products.items() if key in read]
    old = [product for product in changed if read[product.product_id]]
    new = [product for product in changed if not read[product.product_id]]
    calls: list[Call] = []
    # Updates first: they may free a SKU that an insert takes.
    if old:
        versions = array(read[product.product_id] for product in old)
        calls.append(
            Call(
                UPDATE_PRODUCTS,
                (*_product_columns(old), versions, stamp.now, stamp.commit_id, len(old)),
            )
        )
    if new:
        calls.append(
            Call(INSERT_PRODUCTS, (*_product_columns(new), stamp.now, stamp.now, stamp.commit_id))
        )
    return calls


def _product_columns(products: Sequence[Product]) -> tuple[Value, ...]:
    return (
        array(product.product_id for product in products),
        text_array(product.sku for product in products),
        text_array(product.name for product in products),
        text_array(product.description for product in products),
        *map(array, amounts([product.price for product in products])),
        text_array(labels_json(product.labels) for product in products),
        array(product.version for product in products),
        times([product.delete_time for product in products]),
    )


def product_event_calls(books: Books, stamp: Stamp) -> list[Call]:
    """The history of all changes of products."""
    events = books.product_events
    if not events:
        return []
    products = [event.product for event in events]
    columns: tuple[Value, ...] = (
        array([product.product_id for product in products]),
        array([product.version for product in products]),
        array([event.event_id for event in events]),
        array([int(event.kind) for event in events]),
        text_array([product.sku for product in products]),
        text_array([product.name for product in products]),
        text_array([product.description for product in products]),
        *map(array, amounts([product.price for product in products])),
        text_array([labels_json(product.labels) for product in products]),
        times([product.create_time for product in products]),
        times([product.delete_time for product in products]),
        text_array([event.actor for event in events]),
        array([event.request_id for event in events]),
    )
    return [Call(INSERT_PRODUCT_EVENTS, (*columns, stamp.now, stamp.commit_id))]


def location_calls(books: Books, stamp: Stamp) -> list[Call]:
    """Changed and new locations."""
    read = books.versions_read
    changed = [place for key, place in books.locations.items() if ("location", key) in read]
    old = [place for place in changed if read["location", place.location_id]]
    new = [place for place in changed if not read["location", place.location_id]]
    calls: list[Call] = []
    if old:
        versions = array(read["location", place.location_id] for place in old)
        arguments = (*_location_columns(old), versions, stamp.now, stamp.commit_id, len(old))
        calls.append(Call(UPDATE_LOCATIONS, arguments))
    if new:
        arguments = (*_location_columns(new), stamp.now, stamp.now, stamp.commit_id)
        calls.append(Call(INSERT_LOCATIONS, arguments))
    return calls


def _location_columns(places: Sequence[Location]) -> tuple[Value, ...]:
    return (
        text_array(place.location_id for place in places),
        text_array(place.display_name for place in places),
        array(place.priority for place in places),
        text_array(labels_json(place.labels) for place in places),
        array(place.version for place in places),
        times([place.delete_time for place in places]),
    )
