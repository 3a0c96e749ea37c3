"""`inventory-grpc location`: the places that hold stock."""

from typing import Annotated

import typer

from inventory_grpc.commands.app import new_app
from inventory_grpc.commands.asking import sure
from inventory_grpc.commands.flags import Labels, Once, Paging, Versioned, Yes, labels_of
from inventory_grpc.commands.output.columns import LOCATION
from inventory_grpc.commands.session import Session, client_command

app = new_app("Locations: list, get, create, update, delete.")

_Id = Annotated[str, typer.Argument(metavar="LOCATION", help="Its id.")]
_Priority = Annotated[
    int | None, typer.Option(help="Orders take from those of lower priority first.")
]
_Name = Annotated[str | None, typer.Option("--name", help="For people.")]


@client_command(app, "list")
def list_locations(
    session: Session,
    *,
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted ones, too.")] = False,
    paging: Paging,
) -> None:
    """List locations."""
    pages = session.client.list_locations(show_deleted=deleted, page_size=paging.page_size)
    session.page(LOCATION, pages, paging)


@client_command(app)
def get(session: Session, location: _Id) -> None:
    """Show one location."""
    session.one(LOCATION, session.client.get_location(location).location)


@client_command(app)
def create(
    session: Session,
    location: _Id,
    *,
    name: _Name = None,
    priority: _Priority = None,
    label: Labels = None,
    once: Once,
) -> None:
    """Create a location."""
    made = session.client.create_location(
        location,
        display_name=name or "",
        priority=priority or 0,
        labels=labels_of(label),
        **once.options,
    )
    session.one(LOCATION, made.location)


@client_command(app)
def update(
    session: Session,
    location: _Id,
    *,
    name: _Name = None,
    priority: _Priority = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY=VALUE", help="These replace all labels."),
    ] = None,
    once: Versioned,
) -> None:
    """Change what is given of a location, and leave the rest."""
    changed = session.client.update_location(
        location,
        display_name=name,
        priority=priority,
        labels=labels_of(label),
        **once.versioned,
    )
    session.one(LOCATION, changed.location)


@client_command(app)
def delete(session: Session, location: _Id, *, yes: Yes = False, once: Versioned) -> None:
    """Delete a location that holds nothing; its id is never used again."""
    sure(f"delete location {location} for good", yes=yes or once.dry_run)
    session.one(LOCATION, session.client.delete_location(location, **once.versioned).location)
