"""Refusals about the state of a hold, and about how much may be held."""

from dataclasses import dataclass
from datetime import datetime

from inventory_grpc.domain.errors.base import DomainError


@dataclass(eq=False)
class HoldResolved(DomainError):
    """Base of the refusals of a hold that has come to its end; it does so at most once."""

    subject_type = "hold"
    hold_id: str

    @property
    def metadata(self) -> dict[str, str]:
        return {"hold_id": self.hold_id}

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.hold_id


@dataclass(eq=False)
class HoldExpired(HoldResolved):
    """Its time is over; the units went back by themselves."""

    reason = "HOLD_EXPIRED"
    expire_time: datetime

    @property
    def message(self) -> str:
        return f"the hold expired at {self.expire_time.isoformat()}; make a new one"

    @property
    def metadata(self) -> dict[str, str]:
        return {"hold_id": self.hold_id, "expire_time": self.expire_time.isoformat()}


@dataclass(eq=False)
class HoldConverted(HoldResolved):
    """It has become an order; the last one, if it became several."""

    reason = "HOLD_CONVERTED"
    order_id: str

    @property
    def message(self) -> str:
        return f"the hold was converted; its last order is {self.order_id}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"hold_id": self.hold_id, "order_id": self.order_id}


class HoldReleased(HoldResolved):
    """It was given back."""

    reason = "HOLD_RELEASED"

    @property
    def message(self) -> str:
        return "the hold was released; make a new one"


@dataclass(eq=False)
class HoldBudgetExceeded(DomainError):
    """More than a caller may hold: in one hold, for so long, or in all its active holds."""

    reason = "HOLD_BUDGET_EXCEEDED"
    subject_type = "caller"
    caller: str
    limit: str
    """What is limited: lines, units, lifetime_seconds, caller_units."""
    requested: int
    allowed: int
    in_use: int = 0
    """Units in the caller's other active holds."""

    @property
    def retry_after_ms(self) -> int | None:
        """Other holds end by themselves; one that is too large by itself stays so."""
        waits = self.limit == "caller_units" and self.requested <= self.allowed
        return 1000 if waits else None

    @property
    def message(self) -> str:
        used = f", {self.in_use} in use" if self.in_use else ""
        return f"{self.limit}: {self.requested} requested, {self.allowed} allowed{used}"

    @property
    def metadata(self) -> dict[str, str]:
        return {
            "limit": self.limit,
            "requested": str(self.requested),
            "allowed": str(self.allowed),
            "in_use": str(self.in_use),
        }

    @property
    def subject(self) -> str:  # type: ignore[override]
        return self.caller
