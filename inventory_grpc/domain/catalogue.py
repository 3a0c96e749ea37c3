"""Products and locations: create, update, delete, undelete."""

from dataclasses import replace

from inventory_grpc.domain import lookup
from inventory_grpc.domain.books import Books
from inventory_grpc.domain.commands import (
    CreateLocation,
    CreateProduct,
    DeleteLocation,
    DeleteProduct,
    UndeleteProduct,
    UpdateLocation,
    UpdateProduct,
)
from inventory_grpc.domain.context import Context
from inventory_grpc.domain.entries import StaleBooksError
from inventory_grpc.domain.errors import (
    LocationInUse,
    LocationNotFound,
    LocationTaken,
    ProductInUse,
    ProductNotDeleted,
    ProductNotFound,
    SkuTaken,
)
from inventory_grpc.domain.ledger import post
from inventory_grpc.domain.model import (
    DEFAULT_LOCATION,
    Location,
    MovementKind,
    Product,
    ProductEvent,
    ProductEventKind,
    ProductKey,
    ProductStock,
    StockLevel,
)


def create_product(books: Books, command: CreateProduct, context: Context) -> Product:
    """Raises LocationNotFound, SkuTaken, QuantityLimit."""
    lookup.check_locations(books, (name for name, _ in command.initial_stock))
    _check_sku_free(books, command.sku)
    product = Product(
        context.ids.next(), command.sku, command.name, command.description, command.price,
        command.labels, 1, context.now, context.now, None, ProductStock(),
    )  # fmt: skip
    books.put_product(product, _event(context, ProductEventKind.CREATED, product))
    item = books.items[product.product_id]
    for location_id, units in command.initial_stock:
        level = books.level(item, location_id)
        post(
            books, context, level, MovementKind.RECEIVED,
            on_hand=units,
        )  # fmt: skip
    return _shown(books, product)


def update_product(books: Books, command: UpdateProduct, context: Context) -> Product:
    """Raises ProductNotFound, VersionMismatch, SkuTaken."""
    product = _live(books, command.product)
    lookup.check_version(command.expected_version, product.version)
    if "sku" in command.fields and command.sku != product.sku:
        _check_sku_free(books, command.sku)
    values = {name: getattr(command, name) for name in command.fields}
    after = replace(product, **values)
    return _put_product(books, context, ProductEventKind.UPDATED, after)


def delete_product(books: Books, command: DeleteProduct, context: Context) -> Product:
    """Raises ProductNotFound, VersionMismatch, ProductInUse."""
    product = _live(books, command.product)
    lookup.check_version(command.expected_version, product.version)
    stock = _stock(books, product.product_id)
    if stock.on_hand or stock.allocated or stock.held:
        raise ProductInUse(product.product_id, stock.on_hand, stock.allocated, stock.held)
    after = replace(product, delete_time=context.now)
    return _put_product(books, context, ProductEventKind.DELETED, after)


def undelete_product(books: Books, command: UndeleteProduct, context: Context) -> Product:
    """Raises ProductNotFound, VersionMismatch, ProductNotDeleted, SkuTaken."""
    product = books.products.get(command.product_id)
    if product is None:
        raise ProductNotFound.of(ProductKey(product_id=command.product_id))
    lookup.check_version(command.expected_version, product.version)
    if product.delete_time is None:
        raise ProductNotDeleted(product.product_id)
    _check_sku_free(books, product.sku)
    after = replace(product, delete_time=None)
    return _put_product(books, context, ProductEventKind.UNDELETED, after)


def create_location(books: Books, command: CreateLocation, context: Context) -> Location:
    """Raises LocationTaken; a deleted location keeps its id for ever."""
    if command.location_id in books.locations:
        raise LocationTaken(command.location_id)
    location = Location(
        command.location_id, command.display_name, command.priority, command.labels, 1,
        context.now, context.now, None,
    )  # fmt: skip
    books.put_location(location)
    return location


def update_location(books: Books, command: UpdateLocation, context: Context) -> Location:
    """Raises LocationNotFound, VersionMismatch."""
    location = _live_location(books, command.location_id)
    lookup.check_version(command.expected_version, location.version)
    values = {name: getattr(command, name) for name in command.fields}
    return _put_location(books, context, replace(location, **values))


def delete_location(books: Books, command: DeleteLocation, context: Context) -> Location:
    """Raises LocationNotFound, VersionMismatch, LocationInUse."""
    location = _live_location(books, command.location_id)
    lookup.check_version(command.expected_version, location.version)
    levels = [
        levels[location.location_id]
        for levels in books.levels.values()
        if location.location_id in levels
    ]
    on_hand, allocated, held = (
        sum(level.on_hand for level in levels),
        sum(level.allocated for level in levels),
        sum(level.held for level in levels),
    )
    if on_hand or allocated or held or location.location_id == DEFAULT_LOCATION:
        raise LocationInUse(location.location_id, on_hand, allocated, held)
    return _put_location(books, context, replace(location, delete_time=context.now))


def _live(books: Books, key: ProductKey) -> Product:
    item = lookup.item(books, key)
    product = books.products.get(item.product_id)
    if product is None:
        raise StaleBooksError(item.product_id)
    return product


def _live_location(books: Books, location_id: str) -> Location:
    location = books.locations.get(location_id)
    if location is None or location.delete_time is not None:
        raise LocationNotFound([location_id])
    return location


def _check_sku_free(books: Books, sku: str) -> None:
    owner = books.skus.get(sku)
    if owner:
        # Of a product made earlier in the same batch of the caller's it is not known yet whether
        # it will exist: the rest may be refused, or all of it a dry run.
        raise SkuTaken(sku, "" if owner in books.unsettled else owner)


def _put_product(
    books: Books, context: Context, kind: ProductEventKind, product: Product
) -> Product:
    after = replace(product, version=product.version + 1, update_time=context.now)
    books.put_product(after, _event(context, kind, after))
    return _shown(books, after)


def _event(context: Context, kind: ProductEventKind, product: Product) -> ProductEvent:
    return ProductEvent(context.ids.next(), kind, product, context.caller, context.request_id)


def _put_location(books: Books, context: Context, location: Location) -> Location:
    after = replace(location, version=location.version + 1, update_time=context.now)
    books.put_location(after)
    return after


def _shown(books: Books, product: Product) -> Product:
    return replace(product, stock=_stock(books, product.product_id))


def _stock(books: Books, product_id: str) -> ProductStock:
    """Without deleted locations: they are empty, but may still have a safety stock."""
    levels: list[StockLevel] = [
        level for name, level in books.levels[product_id].items() if books.site(name)
    ]
    return ProductStock(
        sum(level.on_hand for level in levels),
        sum(level.allocated for level in levels),
        sum(level.held for level in levels),
        sum(level.available for level in levels),
    )
