"""Refusals about the state and the price of an order."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventory_grpc.domain.errors.base import DomainError
from inventory_grpc.domain.status import OrderStatus


@dataclass(eq=False)
class InvalidTransition(DomainError):
    """The order's state does not allow what was asked for."""

    reason = "INVALID_TRANSITION"
    subject_type = "order"
    order_id: str
    current: OrderStatus
    wanted: OrderStatus
    allowed: Sequence[OrderStatus]
    needs_recall: bool = False
    """It was allowed, had the caller asked for a recall."""

    @property
    def message(self) -> str:
        if self.needs_recall:
            return (
                f"the order is {self.current.name} and nothing of it is open; "
                "set recall to take back what was shipped"
            )
        allowed = ", ".join(status.name for status in self.allowed) or "nothing"
        return f"the order is {self.current.name}; it may become {allowed}, not {self.wanted.name}"

    @property
    def metadata(self) -> dict[str, str]:
        return {
            "order_id": self.order_id,
            "from": self.current.name,
            "to": self.wanted.name,
            "allowed": ",".join(status.name for status in self.allowed),
        }

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.order_id


@dataclass(eq=False)
class QuantityExceeded(DomainError):
    """More units than the line has open, shipped or held (possible 0: also no such line)."""

    reason = "QUANTITY_EXCEEDED"
    resource_id: str
    line_number: int
    requested: int
    possible: int
    noun: str = "order"
    """Whose line it is: an order's or a hold's."""

    @property
    def subject_type(self) -> str:  # type: ignore[override]
        return self.noun

    @property
    def message(self) -> str:
        return (
            f"line {self.line_number}: {self.requested} requested, at most {self.possible} possible"
        )

    @property
    def metadata(self) -> dict[str, str]:
        return {
            f"{self.noun}_id": self.resource_id,
            "line_number": str(self.line_number),
            "requested": str(self.requested),
            "possible": str(self.possible),
        }

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.resource_id


@dataclass(eq=False)
class CurrencyMismatch(DomainError):
    """The lines' prices are in different currencies."""

    reason = "CURRENCY_MISMATCH"
    subject_type = "order"
    currencies: Sequence[str]

    @property
    def message(self) -> str:
        return f"one order cannot mix the currencies {', '.join(self.currencies)}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"currencies": ",".join(self.currencies)}


@dataclass(eq=False)
class TotalTooLarge(DomainError):
    """The order's total is beyond what money fields can carry."""

    reason = "TOTAL_TOO_LARGE"
    subject_type = "order"
    total: str

    @property
    def message(self) -> str:
        return f"the total {self.total} exceeds 999999999999.9999"

    @property
    def metadata(self) -> dict[str, str]:
        return {"total": self.total}
