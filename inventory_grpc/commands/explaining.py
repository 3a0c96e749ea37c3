"""What happened to an order, and why it is in its state."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from rich.text import Text

from inventory_grpc.commands.output.columns import ORDER
from inventory_grpc.commands.output.printer import as_plain
from inventory_grpc.commands.output.values import enum_name, time_text
from inventory_grpc.commands.session import Session
from inventory_grpc.v1.orders_pb2 import Order, OrderEvent
from inventory_grpc.v1.stock_pb2 import StockMovement

_NEXT: Final[Mapping[str, str]] = {
    "PENDING": "`order confirm`, `order ship` or `order cancel`",
    "CONFIRMED": "`order ship` or `order cancel`",
    "PARTIALLY_SHIPPED": "`order ship` or `order cancel` what is open",
    "SHIPPED": "`order deliver`, or `order cancel --recall`",
    "DELIVERED": "`order return`",
    "PARTIALLY_RETURNED": "`order return` the rest",
}
"""What may be done to an order in that status; to the others nothing."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of an order."""

    order: Order
    events: Sequence[OrderEvent]
    """The oldest first."""
    movements: Sequence[StockMovement]
    """The oldest first; those of its hold, too."""

    @property
    def cause(self) -> OrderEvent | None:
        """The event that brought it into its state."""
        moving = [each for each in self.events if each.from_status != each.to_status]
        return moving[-1] if moving else None


def explain(session: Session, order_id: str) -> None:
    """Print it all; programs get `order`, `events`, `movements` and `cause`."""
    story = _read(session, order_id)
    printer = session.printer
    if printer.format != "table":
        printer.plain(_plain(story))
        return
    printer.one(ORDER, story.order)
    printer.prose([Text(), Text("what happened", style="bold"), *_happened(story)])
    printer.prose([Text(), *_why(story)])


def _read(session: Session, order_id: str) -> Story:
    client = session.client
    order = client.get_order(order_id).order
    events = sorted(
        client.list_order_events(order_id, page_size=1_000), key=lambda each: each.order_version
    )
    movements = list(client.list_stock_movements(order_id=order.order_id, page_size=1_000))
    if order.hold_id:
        held = client.list_stock_movements(hold_id=order.hold_id, page_size=1_000)
        # What became of other parts of the hold is not the story of this order.
        movements += [each for each in held if not each.order_id]
    movements.sort(key=lambda each: (each.occur_time.ToNanoseconds(), each.movement_id))
    return Story(order, events, movements)


def _plain(story: Story) -> dict[str, Any]:
    return {
        "order": as_plain(story.order),
        "events": [as_plain(each) for each in story.events],
        "movements": [as_plain(each) for each in story.movements],
        "cause": None if story.cause is None else as_plain(story.cause),
    }


def _happened(story: Story) -> Iterator[Text]:
    """Requests in order of time, and under each what it did to the order and to stock."""
    requests: dict[str, list[OrderEvent | StockMovement]] = {}
    everything: list[OrderEvent | StockMovement] = [*story.events, *story.movements]
    # Of the same moment the event first, then what it moved.
    everything.sort(key=lambda each: each.occur_time.ToNanoseconds())
    for each in everything:
        requests.setdefault(each.request_id, []).append(each)
    for request_id, found in requests.items():
        yield _header(found[0].occur_time, found[0].actor, request_id)
        for each in sorted(found, key=lambda one: isinstance(one, StockMovement)):
            yield _movement(each) if isinstance(each, StockMovement) else _event(each)


def _header(moment: Timestamp, actor: str, request_id: str) -> Text:
    return Text.assemble(time_text(moment), " ", (actor, "bold"), "  request ", (request_id, "dim"))


def _event(event: OrderEvent) -> Text:
    kind = enum_name(OrderEvent.DESCRIPTOR.fields_by_name["kind"].enum_type, event.kind)
    units = ", ".join(f"{each.quantity} of line {each.line_number}" for each in event.lines)
    before, after = _status(event, "from_status"), _status(event, "to_status")
    way = f"{before} -> {after}" if before and before != after else f"now {after}"
    parts = [f"  {kind}: {units}" if units else f"  {kind}", way]
    return Text("; ".join(parts) + (f'; "{event.reason}"' if event.reason else ""))


def _movement(movement: StockMovement) -> Text:
    kind = enum_name(StockMovement.DESCRIPTOR.fields_by_name["kind"].enum_type, movement.kind)
    deltas = {
        "on hand": (movement.on_hand_delta, movement.on_hand_after),
        "allocated": (movement.allocated_delta, movement.allocated_after),
        "held": (movement.held_delta, movement.held_after),
    }
    moved = ", ".join(f"{name} {by:+} = {now}" for name, (by, now) in deltas.items() if by)
    return Text(f"    {kind} {movement.sku} at {movement.location_id}: {moved}", style="dim")


def _status(message: Order | OrderEvent, field: str) -> str:
    return enum_name(message.DESCRIPTOR.fields_by_name[field].enum_type, getattr(message, field))


def _why(story: Story) -> Iterator[Text]:
    order, cause = story.order, story.cause
    status = _status(order, "status")
    if cause is not None:
        yield Text.assemble(
            f"It is {status} since {time_text(cause.occur_time)}, by ",
            (cause.actor, "bold"),
            f': "{cause.reason}".' if cause.reason else ", who gave no reason.",
        )
    for line in order.lines:
        open_units = line.quantity - line.shipped_quantity - line.cancelled_quantity
        if open_units:
            told = (
                f"Line {line.line_number} has {open_units} open, allocated at {line.location_id}."
            )
            yield Text(told)
    yield Text(f"What can be done: {_NEXT.get(status, 'nothing, it has come to its end')}.")
