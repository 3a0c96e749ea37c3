"""What is measured: scenarios, how long each, and what is wanted of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PRODUCTS: Final = 10_000
ORDERS_SEEDED: Final = 1_000
ROWS_PER_BATCH: Final = 256
PRODUCTS_PER_LOOKUP: Final = 100


class Target(StrEnum):
    """Which server a scenario calls."""

    INVENTORY = "inventory"
    TEXTBOOK = "textbook"


class Workload(StrEnum):
    """What the calls of a scenario ask for."""

    EMPTY = "empty RPC (Health.Check)"
    ORDER_HOT = "CreateOrder hot"
    ORDER_UNIFORM = "CreateOrder uniform"
    BATCH_HOT = "BatchCreateOrders of 256 hot"
    BATCH_UNIFORM = "BatchCreateOrders of 256 uniform"
    ORDER_READ = "GetOrder"
    AVAILABILITY = "BatchGetAvailability of 100"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the report."""

    workload: Workload
    in_flight: int
    target: Target = Target.INVENTORY
    orders_per_call: int = 1
    """Figures are per order where a call makes several."""

    @property
    def name(self) -> str:
        return self.workload if self.target is Target.INVENTORY else f"textbook {self.workload}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the whole run takes; times in seconds."""

    rounds: int
    seconds: float
    warm_up_seconds: float

    def total_seconds(self, scenarios: int) -> float:
        return scenarios * (self.rounds * self.seconds + self.warm_up_seconds)


FULL: Final = Pace(rounds=5, seconds=2.5, warm_up_seconds=1.0)
QUICK: Final = Pace(rounds=2, seconds=1.0, warm_up_seconds=0.4)

EMPTY: Final = Scenario(Workload.EMPTY, 256)
HOT: Final = Scenario(Workload.ORDER_HOT, 256)
UNIFORM: Final = Scenario(Workload.ORDER_UNIFORM, 256)
# Four, so that the next batch is parsed and waits while one commits.
BATCH_HOT: Final = Scenario(Workload.BATCH_HOT, 4, orders_per_call=ROWS_PER_BATCH)
BATCH_UNIFORM: Final = Scenario(Workload.BATCH_UNIFORM, 4, orders_per_call=ROWS_PER_BATCH)
TEXTBOOK_HOT: Final = Scenario(Workload.ORDER_HOT, 256, Target.TEXTBOOK)
TEXTBOOK_UNIFORM: Final = Scenario(Workload.ORDER_UNIFORM, 256, Target.TEXTBOOK)

SCENARIOS: Final = (
    Scenario(Workload.EMPTY, 1),
    Scenario(Workload.ORDER_HOT, 1),
    Scenario(Workload.ORDER_UNIFORM, 1),
    Scenario(Workload.EMPTY, 64),
    Scenario(Workload.ORDER_HOT, 64),
    Scenario(Workload.ORDER_UNIFORM, 64),
    EMPTY,
    HOT,
    UNIFORM,
    BATCH_HOT,
    BATCH_UNIFORM,
    Scenario(Workload.ORDER_READ, 64),
    Scenario(Workload.AVAILABILITY, 64),
    TEXTBOOK_HOT,
    TEXTBOOK_UNIFORM,
)
