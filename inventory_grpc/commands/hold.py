"""`inventory-grpc hold`: units set aside for a limited time."""

from dataclasses import dataclass
from typing import Annotated, cast

import typer

from inventory_grpc.client.filters import HoldListing
from inventory_grpc.client.values import Allocation, HoldStatusName, Locking
from inventory_grpc.commands.app import new_app
from inventory_grpc.commands.asking import sure
from inventory_grpc.commands.flags import (
    Labels,
    Lines,
    Once,
    Paging,
    Parts,
    Reason,
    Versioned,
    Yes,
    demand,
    given,
    labels_of,
    moment_or_none,
    one_of,
    part,
    span,
)
from inventory_grpc.commands.keys import product_of
from inventory_grpc.commands.output.columns import HOLD, ORDER
from inventory_grpc.commands.session import Session, client_command

app = new_app("Holds: create, get, list, extend, convert, release.")

_Id = Annotated[str, typer.Argument(metavar="ID", help="Of the hold.")]
_Ttl = Annotated[str, typer.Option(help="For how long from now: 90s, 15m, 2h, 3d.")]


@dataclass(frozen=True, slots=True)
class Filter:
    """All that is given must match."""

    status: Annotated[
        list[str] | None,
        typer.Option(metavar="STATUS", help="In this status; may be repeated."),
    ] = None
    owner: Annotated[str, typer.Option(help="Of this owner.")] = ""
    product: Annotated[str, typer.Option(metavar="KEY", help="With a line of it.")] = ""
    expires_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Ending before, such as 2026-11-21T13:00Z.")
    ] = None

    def listing(self, paging: Paging) -> HoldListing:
        """As the client takes it."""
        found = given(
            page_size=paging.page_size,
            statuses=one_of(self.status, HoldStatusName, "--status"),
            owner_reference=self.owner,
            product=product_of(self.product) if self.product else None,
            expires_before=moment_or_none(self.expires_before, "--expires-before"),
        )
        return cast("HoldListing", found)


@dataclass(frozen=True, slots=True)
class How:
    """How units are chosen."""

    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Fewer will do if there are not enough.")
    ] = False
    allocation: Annotated[
        Allocation, typer.Option(case_sensitive=False, help="Which locations first.")
    ] = "PRIORITY"
    locking: Annotated[
        Locking, typer.Option(case_sensitive=False, help="How rows are guarded.")
    ] = "PESSIMISTIC"


@client_command(app, "list")
def list_holds(session: Session, *, matching: Filter, paging: Paging) -> None:
    """List holds, the newest first."""
    session.page(HOLD, session.client.list_holds(**matching.listing(paging)), paging)


@client_command(app)
def get(session: Session, hold: _Id) -> None:
    """Show one hold with its lines."""
    session.one(HOLD, session.client.get_hold(hold).hold)


@client_command(app)
def create(
    session: Session,
    lines: Lines,
    *,
    ttl: _Ttl,
    owner: Annotated[str, typer.Option(help="For whom, in the caller's words.")] = "",
    how: How,
    once: Once,
) -> None:
    """Set units aside, for an order that may come."""
    made = session.client.create_hold(
        demand(lines),
        ttl=span(ttl, "--ttl"),
        owner_reference=owner,
        allow_partial=how.allow_partial,
        allocation=how.allocation,
        locking=how.locking,
        **once.options,
    )
    session.one(HOLD, made.hold)


@client_command(app)
def extend(session: Session, hold: _Id, *, ttl: _Ttl, once: Versioned) -> None:
    """Let a hold end so long from now, which may be sooner than before."""
    extended = session.client.extend_hold(hold, span(ttl, "--ttl"), **once.versioned)
    session.one(HOLD, extended.hold)


@client_command(app)
def convert(
    session: Session,
    hold: _Id,
    parts: Parts = None,
    *,
    release_rest: Annotated[
        bool, typer.Option("--release-rest", help="Give back what is left, instead of keeping it.")
    ] = False,
    customer: Annotated[str, typer.Option(help="For whom, in the caller's words.")] = "",
    label: Labels = None,
    once: Versioned,
) -> None:
    """Turn held units into an order."""
    converted = session.client.convert_hold(
        hold,
        part(parts),
        remainder="RELEASE" if release_rest else "KEEP",
        customer_reference=customer,
        labels=labels_of(label),
        **once.versioned,
    )
    session.one(ORDER, converted.order, answer=converted)


@client_command(app)
def release(
    session: Session, hold: _Id, *, reason: Reason = "", yes: Yes = False, once: Versioned
) -> None:
    """Give back what a hold still has."""
    sure(f"release hold {hold}", yes=yes or once.dry_run)
    released = session.client.release_hold(hold, reason=reason, **once.versioned)
    session.one(HOLD, released.hold)
