"""`inventory-grpc stock`: how much there is, where, and how it came to that."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

import typer

from inventory_grpc.client.filters import LevelListing, MovementListing
from inventory_grpc.client.values import AdjustmentReasonName, MovementKindName
from inventory_grpc.commands.app import new_app
from inventory_grpc.commands.blaming import blame
from inventory_grpc.commands.failures import NOT_FOUND
from inventory_grpc.commands.flags import (
    AnyLocation,
    Key,
    Location,
    Once,
    Paging,
    Past,
    Versioned,
    demand,
    given,
    moment_or_none,
    one_of,
)
from inventory_grpc.commands.keys import product_of
from inventory_grpc.commands.output.columns import AVAILABILITY, LEVEL, MOVEMENT
from inventory_grpc.commands.session import Session, client_command
from inventory_grpc.v1.common_pb2 import ProductKey

app = new_app(
    "Stock: levels, level, availability, adjust, set, policy, transfer, movements, blame."
)

Note = Annotated[str, typer.Option(help="In words, for the record.")]
At = Annotated[str, typer.Argument(metavar="[LOCATION]", help="[default: `default`]")]


@dataclass(frozen=True, slots=True)
class MovementFilter:
    """All that is given must match."""

    product: Annotated[str, typer.Option(metavar="KEY", help="Of this product.")] = ""
    location: AnyLocation = ""
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND", help="Of this kind, such as COUNTED or SHIPPED; may be repeated."
        ),
    ] = None
    order: Annotated[str, typer.Option(metavar="ID", help="Of this order.")] = ""
    hold: Annotated[str, typer.Option(metavar="ID", help="Of this hold.")] = ""
    of_request: Annotated[str, typer.Option(metavar="ID", help="Of this request.")] = ""
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="From 2026-11-21T13:00Z on, or 15m, 2h, 3d ago."),
    ] = None
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before that.")] = None

    def listing(self, paging: Paging) -> MovementListing:
        """As the client takes it."""
        found = given(
            page_size=paging.page_size,
            product=product_of(self.product) if self.product else None,
            location_id=self.location,
            kinds=one_of(self.kind, MovementKindName, "--kind"),
            order_id=self.order,
            hold_id=self.hold,
            request_id=self.of_request,
            start_time=moment_or_none(self.since, "--since"),
            end_time=moment_or_none(self.until, "--until"),
        )
        return cast("MovementListing", found)


@dataclass(frozen=True, slots=True)
class Known:
    """What whoever counted knows of before: exactly one of the three."""

    expected: Annotated[
        int | None, typer.Option(min=0, help="Refuse unless so many were on hand in the books.")
    ] = None
    expected_version: Annotated[
        int | None, typer.Option(min=0, help="Refuse unless this is the level's version.")
    ] = None
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Whatever the books say.")] = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a level."""

    safety_stock: Annotated[int | None, typer.Option(min=0, help="Units never promised.")] = None
    backorder_limit: Annotated[
        int | None, typer.Option(min=0, help="Units promised beyond what is available.")
    ] = None
    low_stock_threshold: Annotated[
        int | None, typer.Option(min=0, help="At or below this, available is low.")
    ] = None
    clear_low_stock_threshold: Annotated[
        bool, typer.Option("--clear-low-stock-threshold", help="Never low.")
    ] = False


@client_command(app)
def levels(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="Only of this product.")] = "",
    *,
    location: AnyLocation = "",
    low_stock: Annotated[bool | None, typer.Option(help="Is it at or below its threshold?")] = None,
    past: Past,
    paging: Paging,
) -> None:
    """List stock levels: one per product and location."""
    wanted = given(
        page_size=paging.page_size,
        product=product_of(key) if key else None,
        location_id=location,
        low_stock=low_stock,
        **past.options,
    )
    pages = session.client.list_stock_levels(**cast("LevelListing", wanted))
    session.page(LEVEL, pages, paging)


@client_command(app)
def level(session: Session, key: Key, location: At = "", *, past: Past) -> None:
    """Show one stock level; zeros where there never was stock."""
    found = session.client.get_stock_level(product_of(key), location, **past.options)
    session.one(LEVEL, found.stock_level)


@client_command(app)
def availability(
    session: Session,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="SKUs or ids.")],
    *,
    location: Annotated[list[str] | None, typer.Option(help="Only there; may be repeated.")] = None,
    past: Past,
) -> None:
    """Show what is available of several products, all at one moment.

    Exits with 3 if one of them does not exist.
    """
    found = session.client.batch_get_availability(
        [product_of(key) for key in keys], location_ids=location or (), **past.options
    )
    session.printer.many(AVAILABILITY, found.availabilities)
    if found.missing:
        names = " ".join(each.sku or each.product_id for each in found.missing)
        session.printer.errors.print(f"not found: {names}")
        raise typer.Exit(NOT_FOUND)


@client_command(app)
def movements(session: Session, *, matching: MovementFilter, paging: Paging) -> None:
    """List the ledger, the newest movement first."""
    pages = session.client.list_stock_movements(**matching.listing(paging))
    session.page(MOVEMENT, pages, paging)


@client_command(app, signed=True)
def adjust(
    session: Session,
    key: Key,
    delta: Annotated[int, typer.Argument(metavar="DELTA", help="Such as +5 or -2.")],
    *,
    reason: Annotated[AdjustmentReasonName, typer.Option(case_sensitive=False, help="Why.")],
    location: Location = "",
    note: Note = "",
    once: Versioned,
) -> None:
    """Add units to what is on hand, or take some away."""
    done = session.client.adjust_stock(
        product_of(key), delta, reason, location_id=location, note=note, **once.versioned
    )
    session.one(LEVEL, done.stock_level, answer=done)


@client_command(app, "set")
def set_stock(
    session: Session,
    key: Key,
    on_hand: Annotated[int, typer.Argument(min=0, metavar="ON_HAND", help="What was counted.")],
    *,
    location: Location = "",
    known: Known,
    note: Note = "",
    once: Once,
) -> None:
    """Record a count. One of --expected, --expected-version and --unchecked is needed."""
    done = session.client.set_stock(
        product_of(key),
        on_hand,
        expected_on_hand=known.expected,
        expected_version=known.expected_version,
        unchecked=known.unchecked,
        location_id=location,
        note=note,
        **once.options,
    )
    session.one(LEVEL, done.stock_level, answer=done)


@client_command(app)
def policy(
    session: Session, key: Key, *, location: Location = "", rules: Policy, once: Versioned
) -> None:
    """Change the rules of a stock level that are given, and leave the rest."""
    done = session.client.set_stock_policy(
        product_of(key),
        location_id=location,
        safety_stock=rules.safety_stock,
        backorder_limit=rules.backorder_limit,
        low_stock_threshold=rules.low_stock_threshold,
        clear_low_stock_threshold=rules.clear_low_stock_threshold,
        **once.versioned,
    )
    session.one(LEVEL, done.stock_level)


@client_command(app)
def transfer(
    session: Session,
    lines: Annotated[list[str], typer.Argument(metavar="SKU=QTY...", help="What, and how much.")],
    *,
    source: Annotated[str, typer.Option("--from", metavar="LOCATION", help="From where.")],
    destination: Annotated[str, typer.Option("--to", metavar="LOCATION", help="Where to.")],
    note: Note = "",
    once: Once,
) -> None:
    """Move units between two locations, all lines or none."""
    done = session.client.transfer_stock(
        list(_transferred(lines)),
        from_location_id=source,
        to_location_id=destination,
        note=note,
        **once.options,
    )
    if session.printer.for_people or session.printer.format == "csv":
        session.printer.many(LEVEL, done.stock_levels)
    else:
        session.one(LEVEL, done.stock_levels[0], answer=done)


@client_command(app, "blame")
def blame_level(
    session: Session,
    key: Key,
    location: Annotated[
        str, typer.Argument(metavar="[LOCATION]", help="[default: all locations]")
    ] = "",
    *,
    latest: Annotated[
        int, typer.Option(min=0, max=1_000, help="How many of the latest movements to show.")
    ] = 10,
) -> None:
    """Take today's numbers apart: by kind, reason and caller, and the latest movements."""
    blame(session, product_of(key), location, latest)


def _transferred(words: list[str]) -> Iterator[tuple[ProductKey, int]]:
    for line in demand(words):
        if line.location_id:
            raise typer.BadParameter("the locations are --from and --to")
        yield line.product, line.quantity
