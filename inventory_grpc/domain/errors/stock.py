"""Refusals about counters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory_grpc.domain.errors.base import DomainError
from inventory_grpc.domain.model import StockLevel
from inventory_grpc.domain.record import record


@record
class Shortage:
    """One demand that stock does not cover, and the counters as the refusal saw them."""

    line_index: int
    product_id: str
    sku: str
    location_id: str
    requested: int
    available: int
    on_hand: int
    allocated: int
    held: int
    safety_stock: int
    next_hold_expiry: datetime | None = None
    """When the next hold on these units would end; None if there is none."""

    @classmethod
    def at(
        cls,
        line_index: int,
        requested: int,
        available: int,
        levels: Sequence[StockLevel],
        location_id: str,
        next_hold_expiry: datetime | None = None,
    ) -> "Shortage":
        """Sums the counters of ``levels``, all of one product."""
        return cls(
            line_index,
            levels[0].product_id,
            levels[0].sku,
            location_id,
            requested,
            max(available, 0),
            sum(level.on_hand for level in levels),
            sum(level.allocated for level in levels),
            sum(level.held for level in levels),
            sum(level.safety_stock for level in levels),
            next_hold_expiry,
        )


@dataclass(eq=False)
class InsufficientStock(DomainError):
    """Not enough stock; says line by line what was asked for and what there was."""

    reason = "INSUFFICIENT_STOCK"
    subject_type = "product"
    shortages: Sequence[Shortage]

    @property
    def message(self) -> str:
        first = self.shortages[0]
        more = f" (and {len(self.shortages) - 1} more)" if len(self.shortages) > 1 else ""
        return (
            f"line {first.line_index}: {first.requested} of {first.sku} requested, "
            f"{first.available} available{more}"
        )

    @property
    def metadata(self) -> dict[str, str]:
        return {"shortages_total": str(len(self.shortages))}

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.shortages[0].product_id


@dataclass(eq=False)
class QuantityLimit(DomainError):
    """A counter would exceed 10^15 units."""

    reason = "QUANTITY_LIMIT"
    subject_type = "stock_level"
    product_id: str
    location_id: str
    counter: str

    @property
    def message(self) -> str:
        return f"{self.counter} at {self.location_id} would exceed 10^15 units"

    @property
    def metadata(self) -> dict[str, str]:
        return {
            "product_id": self.product_id,
            "location_id": self.location_id,
            "counter": self.counter,
        }

    @property
    def subject(self) -> str:  # type: ignore[override]
        return f"{self.product_id}/{self.location_id}"
