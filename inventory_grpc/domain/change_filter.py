"""Which changes somebody wants to see."""

from typing import Final

from inventory_grpc.domain.changes import Change, ChangeKind
from inventory_grpc.domain.model import Hold, Order, StockLevel
from inventory_grpc.domain.record import record

_NONE: Final[frozenset[str]] = frozenset()


@record
class ChangeFilter:
    """All that is set must match; one entry of each set is enough. An empty set lets all through.

    Ids are in lower case.
    """

    kinds: frozenset[ChangeKind] = frozenset()
    product_ids: frozenset[str] = _NONE
    location_ids: frozenset[str] = _NONE
    order_ids: frozenset[str] = _NONE
    hold_ids: frozenset[str] = _NONE

    def lets_through(self, change: Change) -> bool:
        """Whether the change matches."""
        return (
            (not self.kinds or change.kind in self.kinds)
            and (not self.product_ids or not self.product_ids.isdisjoint(_products(change)))
            and (not self.location_ids or not self.location_ids.isdisjoint(_locations(change)))
            and (not self.order_ids or not self.order_ids.isdisjoint(_orders(change)))
            and (not self.hold_ids or not self.hold_ids.isdisjoint(_holds(change)))
        )


def _products(change: Change) -> set[str]:
    """Its own product, or those that it has a line of."""
    resource = change.resource
    if isinstance(resource, Order | Hold):
        return {line.product_id for line in resource.lines}
    return {resource.product_id}


def _locations(change: Change) -> set[str]:
    """Where its stock is, or where it has a line."""
    resource = change.resource
    if isinstance(resource, Order | Hold):
        return {line.location_id for line in resource.lines}
    return {resource.location_id} if isinstance(resource, StockLevel) else set()


def _orders(change: Change) -> set[str]:
    """The order itself, or the one that caused it."""
    resource = change.resource
    own = resource.order_id if isinstance(resource, Order) else ""
    return {own, change.cause.order_id} - {""}


def _holds(change: Change) -> set[str]:
    """The hold itself, or the one that caused it."""
    resource = change.resource
    own = resource.hold_id if isinstance(resource, Hold) else ""
    return {own, change.cause.hold_id} - {""}
