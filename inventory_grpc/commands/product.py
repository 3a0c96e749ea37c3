"""`inventory-grpc product`: what can be ordered."""

from dataclasses import dataclass
from typing import Annotated, cast

import typer

from inventory_grpc.client.filters import ProductListing
from inventory_grpc.client.values import ProductOrder
from inventory_grpc.commands.app import new_app
from inventory_grpc.commands.asking import sure
from inventory_grpc.commands.flags import (
    Key,
    Labels,
    Once,
    Paging,
    Versioned,
    Yes,
    given,
    labels_of,
    price_of,
)
from inventory_grpc.commands.keys import product_of
from inventory_grpc.commands.output.columns import PRODUCT
from inventory_grpc.commands.session import Session, client_command

app = new_app("Products: list, get, create, update, delete, undelete.")

Price = Annotated[str | None, typer.Option(help="Such as 9.90EUR.")]


@dataclass(frozen=True, slots=True)
class Filter:
    """All that is given must match."""

    query: Annotated[str, typer.Option(help="Words in name, description or SKU.")] = ""
    sku_prefix: Annotated[str, typer.Option(help="SKUs that begin so.")] = ""
    min_price: Annotated[str | None, typer.Option(help="At least, such as 5EUR.")] = None
    max_price: Annotated[str | None, typer.Option(help="At most, such as 9.90EUR.")] = None
    in_stock: Annotated[
        bool | None, typer.Option("--in-stock/--out-of-stock", help="Is anything available?")
    ] = None
    low_stock: Annotated[
        bool | None, typer.Option(help="Is a level at or below its threshold?")
    ] = None
    label: Labels = None
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted ones, too.")] = False

    def listing(self, paging: Paging) -> ProductListing:
        """As the client takes it."""
        found = given(
            page_size=paging.page_size,
            query=self.query,
            sku_prefix=self.sku_prefix,
            min_price=price_of(self.min_price, "--min-price"),
            max_price=price_of(self.max_price, "--max-price"),
            in_stock=self.in_stock,
            low_stock=self.low_stock,
            labels=labels_of(self.label),
            show_deleted=self.deleted,
        )
        return cast("ProductListing", found)


@dataclass(frozen=True, slots=True)
class About:
    """What else there is to say of a new product."""

    description: Annotated[str, typer.Option(help="For people.")] = ""
    price: Price = None
    label: Labels = None
    stock: Annotated[
        list[str] | None,
        typer.Option(metavar="QTY[@LOCATION]", help="Units to begin with; may be repeated."),
    ] = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is new about a product."""

    sku: Annotated[
        str | None, typer.Option(help="A new one; the product is then named by its id.")
    ] = None
    name: Annotated[str | None, typer.Option(help="For people.")] = None
    description: Annotated[str | None, typer.Option(help="For people.")] = None
    price: Price = None
    clear_price: Annotated[bool, typer.Option("--clear-price", help="Without a price.")] = False
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY=VALUE", help="These replace all labels."),
    ] = None


@client_command(app, "list")
def list_products(
    session: Session,
    *,
    matching: Filter,
    order_by: Annotated[
        ProductOrder, typer.Option(case_sensitive=False, help="What to sort by.")
    ] = "CREATE_TIME",
    descending: Annotated[bool, typer.Option("--descending", help="The other way.")] = False,
    paging: Paging,
) -> None:
    """List products, each with its stock over all locations."""
    pages = session.client.list_products(
        order_by=order_by, descending=descending, **matching.listing(paging)
    )
    session.page(PRODUCT, pages, paging)


@client_command(app)
def get(session: Session, key: Key) -> None:
    """Show one product; a deleted one is found by its id only."""
    session.one(PRODUCT, session.client.get_product(product_of(key)).product)


@client_command(app)
def create(
    session: Session,
    sku: Annotated[str, typer.Argument(metavar="SKU", help="1-64 of A-Z a-z 0-9 . _ - /")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people.")],
    *,
    about: About,
    once: Once,
) -> None:
    """Create a product."""
    made = session.client.create_product(
        sku,
        name,
        description=about.description,
        price=price_of(about.price),
        labels=labels_of(about.label),
        initial_stock=_initial_stock(about.stock or []),
        **once.options,
    )
    session.one(PRODUCT, made.product)


@client_command(app)
def update(session: Session, key: Key, *, change: Change, once: Versioned) -> None:
    """Change what is given of a product, and leave the rest."""
    changed = session.client.update_product(
        product_of(key),
        sku=change.sku,
        name=change.name,
        description=change.description,
        price=price_of(change.price),
        labels=labels_of(change.label),
        clear_price=change.clear_price,
        **once.versioned,
    )
    session.one(PRODUCT, changed.product)


@client_command(app)
def delete(session: Session, key: Key, *, yes: Yes = False, once: Versioned) -> None:
    """Delete a product that has no stock; `undelete` takes it back."""
    sure(f"delete product {key}", yes=yes or once.dry_run)
    deleted = session.client.delete_product(product_of(key), **once.versioned)
    session.one(PRODUCT, deleted.product)


@client_command(app)
def undelete(
    session: Session,
    product_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the deleted product.")],
    *,
    once: Versioned,
) -> None:
    """Take the deletion of a product back."""
    session.one(PRODUCT, session.client.undelete_product(product_id, **once.versioned).product)


def _initial_stock(words: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        quantity, _, place = word.partition("@")
        if not quantity.isdigit():
            raise typer.BadParameter(f"{word!r}: give QTY or QTY@LOCATION", param_hint="--stock")
        found[place] = int(quantity)
    return found
