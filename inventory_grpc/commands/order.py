"""`inventory-grpc order`: what is promised to customers."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Final, cast

import typer

from inventory_grpc.client.filters import OrderListing
from inventory_grpc.client.values import Allocation, Disposition, Locking, OrderStatusName
from inventory_grpc.commands.app import new_app
from inventory_grpc.commands.asking import sure
from inventory_grpc.commands.explaining import explain
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
)
from inventory_grpc.commands.keys import product_of
from inventory_grpc.commands.output.columns import ORDER, ORDER_EVENT
from inventory_grpc.commands.session import Session, client_command
from inventory_grpc.v1.orders_pb2 import Order

app = new_app("Orders: create, get, list, confirm, ship, deliver, cancel, return, events, explain.")

_Id = Annotated[str, typer.Argument(metavar="ID", help="Of the order.")]
_BACK: Final = re.compile(r"(?P<line>\d+)=(?P<quantity>\d+)(?:@(?P<place>[^=@]+))?").fullmatch

Returned = tuple[int, int, Disposition, str]


@dataclass(frozen=True, slots=True)
class Filter:
    """All that is given must match."""

    status: Annotated[
        list[str] | None,
        typer.Option(metavar="STATUS", help="In this status; may be repeated."),
    ] = None
    product: Annotated[str, typer.Option(metavar="KEY", help="With a line of it.")] = ""
    customer: Annotated[str, typer.Option(help="Of this customer.")] = ""
    created_after: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="From 2026-11-21T13:00Z on, or 15m, 2h, 3d ago."),
    ] = None
    created_before: Annotated[str | None, typer.Option(metavar="TIME", help="Before that.")] = None

    def listing(self, paging: Paging) -> OrderListing:
        """As the client takes it."""
        found = given(
            page_size=paging.page_size,
            statuses=one_of(self.status, OrderStatusName, "--status"),
            product=product_of(self.product) if self.product else None,
            customer_reference=self.customer,
            created_after=moment_or_none(self.created_after, "--created-after"),
            created_before=moment_or_none(self.created_before, "--created-before"),
        )
        return cast("OrderListing", found)


@dataclass(frozen=True, slots=True)
class How:
    """How units are chosen."""

    allocation: Annotated[
        Allocation, typer.Option(case_sensitive=False, help="Which locations first.")
    ] = "PRIORITY"
    locking: Annotated[
        Locking, typer.Option(case_sensitive=False, help="How rows are guarded.")
    ] = "PESSIMISTIC"


@client_command(app, "list")
def list_orders(session: Session, *, matching: Filter, paging: Paging) -> None:
    """List orders, the newest first."""
    session.page(ORDER, session.client.list_orders(**matching.listing(paging)), paging)


@client_command(app)
def get(session: Session, order: _Id) -> None:
    """Show one order with its lines."""
    session.one(ORDER, session.client.get_order(order).order)


@client_command(app)
def create(
    session: Session,
    lines: Lines,
    *,
    customer: Annotated[str, typer.Option(help="For whom, in the caller's words.")] = "",
    label: Labels = None,
    how: How,
    once: Once,
) -> None:
    """Place an order: all of it is allocated, or nothing."""
    made = session.client.create_order(
        demand(lines),
        customer_reference=customer,
        labels=labels_of(label),
        allocation=how.allocation,
        locking=how.locking,
        **once.options,
    )
    session.one(ORDER, made.order)


@client_command(app)
def confirm(session: Session, order: _Id, *, reason: Reason = "", once: Versioned) -> None:
    """Confirm a pending order."""
    session.one(ORDER, _moved(session, order, "CONFIRMED", reason, once))


@client_command(app)
def ship(
    session: Session, order: _Id, parts: Parts = None, *, reason: Reason = "", once: Versioned
) -> None:
    """Ship lines of an order, or everything open."""
    shipped = session.client.ship_order(order, part(parts), reason=reason, **once.versioned)
    session.one(ORDER, shipped.order)


@client_command(app)
def deliver(session: Session, order: _Id, *, reason: Reason = "", once: Versioned) -> None:
    """Record that a shipped order arrived."""
    session.one(ORDER, _moved(session, order, "DELIVERED", reason, once))


@client_command(app)
def cancel(
    session: Session,
    order: _Id,
    parts: Parts = None,
    *,
    recall: Annotated[
        bool, typer.Option("--recall", help="The whole order, shipped units come back, too.")
    ] = False,
    reason: Reason = "",
    yes: Yes = False,
    once: Versioned,
) -> None:
    """Cancel lines of an order, or everything open; the stock is given back."""
    sure(f"cancel order {order}", yes=yes or once.dry_run)
    cancelled = session.client.cancel_order(
        order, part(parts), reason=reason, recall=recall, **once.versioned
    )
    session.one(ORDER, cancelled.order)


@client_command(app, "return")
def give_back(
    session: Session,
    order: _Id,
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LINE=QTY[@LOCATION]]...",
            help="How much of which line, and where it goes. [default: all, where it was taken]",
        ),
    ] = None,
    *,
    discard: Annotated[
        bool, typer.Option("--discard", help="It does not go back into stock.")
    ] = False,
    reason: Reason = "",
    once: Versioned,
) -> None:
    """Take back units of a delivered order."""
    if not parts and not discard:
        session.one(ORDER, _moved(session, order, "RETURNED", reason, once))
        return
    what: Disposition = "DISCARD" if discard else "RESTOCK"
    back = list(_returned(parts, what) if parts else _left(session, order, what))
    returned = session.client.return_order(order, back, reason=reason, **once.versioned)
    session.one(ORDER, returned.order)


@client_command(app)
def events(session: Session, order: _Id, *, paging: Paging) -> None:
    """List what happened to an order."""
    found = session.client.list_order_events(order, page_size=paging.page_size)
    session.page(ORDER_EVENT, found, paging)


@client_command(app, "explain")
def explain_order(session: Session, order: _Id) -> None:
    """Tell what happened to an order, who did it, and why it is in its state."""
    explain(session, order)


def _moved(
    session: Session, order: str, status: OrderStatusName, reason: str, once: Versioned
) -> Order:
    moved = session.client.update_order_status(order, status, reason=reason, **once.versioned)
    return moved.order


def _returned(words: Iterable[str], what: Disposition) -> Iterator[Returned]:
    for word in words:
        found = _BACK(word)
        if found is None:
            raise typer.BadParameter(f"{word!r}: give LINE=QUANTITY or LINE=QUANTITY@LOCATION")
        yield int(found["line"]), int(found["quantity"]), what, found["place"] or ""


def _left(session: Session, order: str, what: Disposition) -> Iterator[Returned]:
    for line in session.client.get_order(order).order.lines:
        left = line.shipped_quantity - line.returned_quantity
        if left:
            yield line.line_number, left, what, ""
