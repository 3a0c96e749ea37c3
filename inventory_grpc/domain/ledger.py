"""Posting: the only place where the counters of a stock level are computed."""

from inventory_grpc.domain.books import Books
from inventory_grpc.domain.context import Context
from inventory_grpc.domain.errors import QuantityLimit
from inventory_grpc.domain.model import (
    COUNTER_MAX,
    AdjustmentReason,
    MovementKind,
    StockLevel,
    StockMovement,
)


def post(  # noqa: PLR0913 - a ledger row has that many columns
    books: Books,
    context: Context,
    level: StockLevel,
    kind: MovementKind,
    *,
    on_hand: int = 0,
    allocated: int = 0,
    held: int = 0,
    policy: StockLevel | None = None,
    is_fact: bool = False,
    line_number: int = 0,
    order_id: str = "",
    hold_id: str = "",
    transfer_id: str = "",
    reason: AdjustmentReason = AdjustmentReason.NONE,
    note: str = "",
) -> StockMovement:
    """Change the counters of ``level`` by the given units and write the movement.

    ``policy`` is a copy of the level with another policy. Only a fact (a count, a loss, a policy)
    may raise shortfall; anything else that promised too much is left to the table's CHECK.
    Raises QuantityLimit if a counter would exceed 10^15.
    """
    rules = policy or level
    on_hand_after = level.on_hand + on_hand
    allocated_after = level.allocated + allocated
    held_after = level.held + held
    assert on_hand_after >= 0 and allocated_after >= 0 and held_after >= 0, (level, kind)  # noqa: PT018
    if on_hand_after > COUNTER_MAX or allocated_after > COUNTER_MAX or held_after > COUNTER_MAX:
        raise _over_limit(level, on_hand_after, allocated_after)
    shortfall = level.shortfall
    if shortfall or is_fact:
        uncovered = max(0, allocated_after + held_after - on_hand_after - rules.backorder_limit)
        shortfall = uncovered if is_fact else min(shortfall, uncovered)
    version = level.version + 1
    after = StockLevel(
        level.product_id, level.sku, level.location_id,
        on_hand_after, allocated_after, held_after,
        rules.safety_stock, rules.backorder_limit, rules.low_stock_threshold,
        shortfall, version, context.now,
    )  # fmt: skip
    movement = StockMovement(
        context.ids.next(), level.product_id, level.sku, level.location_id, kind,
        on_hand, allocated, held,
        on_hand_after, allocated_after, held_after, shortfall, version,
        line_number, order_id, hold_id, transfer_id, context.request_id, context.caller,
        reason, note, context.now,
        rules.safety_stock, rules.backorder_limit, rules.low_stock_threshold,
    )  # fmt: skip
    books.put_level(level, after, movement)
    return movement


def _over_limit(level: StockLevel, on_hand: int, allocated: int) -> QuantityLimit:
    counters = {"on_hand": on_hand, "allocated": allocated}
    over = (name for name, units in counters.items() if units > COUNTER_MAX)
    return QuantityLimit(level.product_id, level.location_id, next(over, "held"))
