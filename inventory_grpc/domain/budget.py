"""Hold budgets: how much may be set aside, so that no caller can hoard the stock."""

from datetime import timedelta

from inventory_grpc.domain.record import record


@record
class HoldBudget:
    """What one hold, and one caller's active holds together, may have at most."""

    lines_max: int
    units_max: int
    lifetime_max: timedelta
    """From its creation to its end, however often it is extended."""
    caller_units_max: int


UNLIMITED = HoldBudget(10**6, 10**15, timedelta(days=36_500), 10**15)
