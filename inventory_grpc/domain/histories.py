"""Orders and holds as of any version: what their rows began as, and every event since.

Their rows keep the last state only; what never changes of them (lines, prices, references) is taken
from there, what does is counted again from their histories.
"""

from dataclasses import replace

from inventory_grpc.domain.model import (
    Hold,
    HoldEvent,
    HoldEventKind,
    HoldLine,
    Order,
    OrderEvent,
    OrderEventKind,
    OrderLine,
)
from inventory_grpc.domain.status import HoldStatus


def order_at_first(order: Order) -> Order:
    """Before its first event; status, version and times are that event's."""
    if order.version == 1:
        # Most are new: as it is.
        return order
    lines = tuple(replace(line, shipped=0, cancelled=0, returned=0) for line in order.lines)
    return replace(order, lines=lines)


def order_after(order: Order, event: OrderEvent) -> Order:
    """What the event made of the version before."""
    if event.order_version == order.version:
        # Nothing has become of it since it was made; see above.
        return order
    units = dict(event.lines)
    return replace(
        order,
        lines=tuple(
            _order_line_after(line, event.kind, units.get(line.line_number, 0))
            for line in order.lines
        ),
        status=event.to_status,
        status_reason=event.reason,
        version=event.order_version,
        update_time=event.occur_time,
    )


def _order_line_after(line: OrderLine, kind: OrderEventKind, units: int) -> OrderLine:
    match kind:
        case OrderEventKind.SHIPPED:
            return replace(line, shipped=line.shipped + units)
        case OrderEventKind.CANCELLED:
            return replace(line, cancelled=line.cancelled + units)
        case OrderEventKind.RETURNED:
            return replace(line, returned=line.returned + units)
        case OrderEventKind.RECALLED:
            # Its units are both: what was still open, and all that was out.
            return replace(line, cancelled=line.cancelled + line.open, returned=line.shipped)
    return line


def hold_at_first(hold: Hold) -> Hold:
    """Before its first event; version and times are that event's."""
    lines = tuple(replace(line, converted=0, released=0, expired=0) for line in hold.lines)
    return replace(hold, lines=lines, status=HoldStatus.ACTIVE, order_ids=())


def hold_after(hold: Hold, event: HoldEvent, stored: Hold) -> Hold:
    """What the event made of the version before.

    ``stored`` is the hold's row, of that version or a later one. An event does not say whether a
    conversion gave the rest back; but if it did it was the last one, and the row says so.
    """
    units = dict(event.lines)
    lines = tuple(
        _hold_line_after(line, event.kind, units.get(line.line_number, 0)) for line in hold.lines
    )
    order_ids = (*hold.order_ids, event.order_id) if event.order_id else hold.order_ids
    after = replace(
        hold,
        lines=lines,
        order_ids=order_ids,
        expire_time=event.expire_time,
        version=event.hold_version,
        update_time=event.occur_time,
    )
    match event.kind:
        case HoldEventKind.CONVERTED:
            return _converted(after, stored)
        case HoldEventKind.RELEASED:
            return replace(after, status=HoldStatus.RELEASED)
        case HoldEventKind.EXPIRED:
            return replace(after, status=HoldStatus.EXPIRED)
    return after


def _converted(hold: Hold, stored: Hold) -> Hold:
    ended = stored.version == hold.version and stored.status is HoldStatus.CONVERTED
    if hold.open and not ended:
        return hold
    lines = tuple(replace(line, released=line.released + line.open) for line in hold.lines)
    return replace(hold, lines=lines, status=HoldStatus.CONVERTED)


def _hold_line_after(line: HoldLine, kind: HoldEventKind, units: int) -> HoldLine:
    match kind:
        case HoldEventKind.CONVERTED:
            return replace(line, converted=line.converted + units)
        case HoldEventKind.RELEASED:
            return replace(line, released=line.released + units)
        case HoldEventKind.EXPIRED:
            # The event has all of it, whoever wrote it when.
            return replace(line, expired=units)
    return line
