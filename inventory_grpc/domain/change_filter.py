"""Which changes somebody wants to see."""

from typing import Final, Self

from inventory_grpc.domain.changes import Change, ChangeKind
from inventory_grpc.domain.model import Hold, Order, StockLevel
from inventory_grpc.domain.record import record

_NONE: Final[frozenset[str]] = frozenset()


@record
class Topics:
    """What a change is about, as filters ask for it."""

    kind: ChangeKind
    products: frozenset[str]
    """Its own product, or those that it has a line of."""
    locations: frozenset[str]
    """Where its stock is, or where it has a line."""
    orders: frozenset[str]
    """The order itself, or the one that caused it."""
    holds: frozenset[str]
    """The hold itself, or the one that caused it."""

    @classmethod
    def of(cls, change: Change) -> Self:
        """Those of the change."""
        resource, cause = change.resource, change.cause
        if isinstance(resource, Order | Hold):
            products = frozenset([line.product_id for line in resource.lines])
            locations = frozenset([line.location_id for line in resource.lines])
        else:
            products = frozenset((resource.product_id,))
            locations = _NONE
            if isinstance(resource, StockLevel):
                locations = frozenset((resource.location_id,))
        orders = _ids(cause.order_id, resource.order_id if isinstance(resource, Order) else "")
        holds = _ids(cause.hold_id, resource.hold_id if isinstance(resource, Hold) else "")
        return cls(change.kind, products, locations, orders, holds)

    @property
    def ids(self) -> frozenset[str]:
        """All of them."""
        return self.products | self.locations | self.orders | self.holds


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

    def lets_through(self, topics: Topics) -> bool:
        """Whether a change with these topics matches."""
        return (
            (not self.kinds or topics.kind in self.kinds)
            and (not self.product_ids or not self.product_ids.isdisjoint(topics.products))
            and (not self.location_ids or not self.location_ids.isdisjoint(topics.locations))
            and (not self.order_ids or not self.order_ids.isdisjoint(topics.orders))
            and (not self.hold_ids or not self.hold_ids.isdisjoint(topics.holds))
        )

    @property
    def ids(self) -> frozenset[str]:
        """One of them is among the topics of every change that matches; empty if any may match.

        The fewest changes have the same hold, the most the same location.
        """
        return self.hold_ids or self.order_ids or self.product_ids or self.location_ids


def _ids(one: str, other: str) -> frozenset[str]:
    return frozenset([each for each in (one, other) if each])
