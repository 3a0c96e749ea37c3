"""What is measured: scenarios, how long each, and what is wanted of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PRODUCTS: Final = 10_000
ORDERS_SEEDED: Final = 1_000
ROWS_PER_BATCH: Final = 256
PRODUCTS_PER_LOOKUP: Final = 100
PRODUCTS_PER_CART: Final = 5
HOLD_HOURS: Final = 24
"""No hold ends by itself while it is measured."""


class Target(StrEnum):
    """Which server a scenario calls."""

    INVENTORY = "inventory"
    """Nobody is asked who he is, and nothing is told of calls."""
    AFFINE = "affine"
    """The same server kept on one CPU."""
    TWO_INVENTORIES = "two inventories"
    """Two servers on one database, half of the calls to each."""
    UNGATHERED = "ungathered"
    """The same server, but every read is a query of its own."""
    TEXTBOOK = "textbook"


_SUFFIXES: Final[Mapping[Target, str]] = {
    Target.INVENTORY: "",
    Target.AFFINE: ", on one CPU",
    Target.TWO_INVENTORIES: ", two servers",
    Target.UNGATHERED: ", each by itself",
}


class Workload(StrEnum):
    """What the calls of a scenario ask for."""

    EMPTY = "empty RPC (Health.Check)"
    ORDER_HOT = "CreateOrder hot"
    ORDER_UNIFORM = "CreateOrder uniform"
    OPTIMISTIC_HOT = "CreateOrder hot, OPTIMISTIC"
    OPTIMISTIC_UNIFORM = "CreateOrder uniform, OPTIMISTIC"
    HOLD_HOT = "CreateHold hot"
    HOLD_UNIFORM = "CreateHold uniform"
    CONVERT_HOT = "ConvertHold hot"
    CONVERT_UNIFORM = "ConvertHold uniform"
    BATCH_HOT = "BatchCreateOrders of 256 hot"
    BATCH_UNIFORM = "BatchCreateOrders of 256 uniform"
    ORDER_READ = "GetOrder"
    PRODUCT_READ = "GetProduct"
    LEVEL_READ = "GetStockLevel"
    CART_AVAILABILITY = "BatchGetAvailability of 5"
    AVAILABILITY = "BatchGetAvailability of 100"


PREPARED_BY: Final[Mapping[Workload, Workload]] = {
    Workload.CONVERT_HOT: Workload.HOLD_HOT,
    Workload.CONVERT_UNIFORM: Workload.HOLD_UNIFORM,
}
"""What runs before each sample, unmeasured, to make what its calls use up."""

OPTIMISTIC: Final = (Workload.OPTIMISTIC_HOT, Workload.OPTIMISTIC_UNIFORM)
"""Workloads of which a call may be answered CONTENTION."""


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
        if self.target is Target.TEXTBOOK:
            return f"textbook {self.workload}"
        return f"{self.workload}{_SUFFIXES[self.target]}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the whole run takes; times in seconds."""

    rounds: int
    seconds: float
    warm_up_seconds: float

    def total_seconds(self, scenarios: Sequence[Scenario]) -> float:
        """Preparations included."""
        runs = len(scenarios) + sum(each.workload in PREPARED_BY for each in scenarios)
        return runs * (self.rounds * self.seconds + self.warm_up_seconds)


FULL: Final = Pace(rounds=5, seconds=1.3, warm_up_seconds=0.5)
QUICK: Final = Pace(rounds=2, seconds=0.8, warm_up_seconds=0.3)

EMPTY: Final = Scenario(Workload.EMPTY, 256)
HOT: Final = Scenario(Workload.ORDER_HOT, 256)
UNIFORM: Final = Scenario(Workload.ORDER_UNIFORM, 256)
HOT_64: Final = Scenario(Workload.ORDER_HOT, 64)
UNIFORM_64: Final = Scenario(Workload.ORDER_UNIFORM, 64)
# Four, so that the next batch is parsed and waits while one commits.
BATCHES: Final = tuple(
    Scenario(workload, 4, target, orders_per_call=ROWS_PER_BATCH)
    for workload in (Workload.BATCH_HOT, Workload.BATCH_UNIFORM)
    for target in (Target.INVENTORY, Target.AFFINE)
)
TEXTBOOK_HOT: Final = Scenario(Workload.ORDER_HOT, 256, Target.TEXTBOOK)
TEXTBOOK_UNIFORM: Final = Scenario(Workload.ORDER_UNIFORM, 256, Target.TEXTBOOK)

EMPTY_64: Final = Scenario(Workload.EMPTY, 64)
READS: Final = tuple(
    Scenario(workload, 64)
    for workload in (
        Workload.ORDER_READ,
        Workload.PRODUCT_READ,
        Workload.LEVEL_READ,
        Workload.CART_AVAILABILITY,
        Workload.AVAILABILITY,
    )
)
"""Each is compared with the empty RPC."""
UNGATHERED: Final = tuple(
    Scenario(read.workload, read.in_flight, Target.UNGATHERED) for read in READS
)
"""What the same reads cost before they were gathered."""

HOLDS: Final[Mapping[Scenario, Scenario]] = {
    Scenario(workload, order.in_flight): order
    for order, workloads in (
        (HOT_64, (Workload.HOLD_HOT, Workload.CONVERT_HOT)),
        (UNIFORM_64, (Workload.HOLD_UNIFORM, Workload.CONVERT_UNIFORM)),
        (HOT, (Workload.HOLD_HOT, Workload.CONVERT_HOT)),
        (UNIFORM, (Workload.HOLD_UNIFORM, Workload.CONVERT_UNIFORM)),
    )
    for workload in workloads
}
"""Each scenario of holds and the orders it is compared with."""

_TWO: Final = Target.TWO_INVENTORIES
STRATEGIES: Final[Mapping[Scenario, Scenario]] = {
    HOT_64: Scenario(Workload.OPTIMISTIC_HOT, 64),
    UNIFORM_64: Scenario(Workload.OPTIMISTIC_UNIFORM, 64),
    Scenario(Workload.ORDER_HOT, 64, _TWO): Scenario(Workload.OPTIMISTIC_HOT, 64, _TWO),
    Scenario(Workload.ORDER_UNIFORM, 64, _TWO): Scenario(Workload.OPTIMISTIC_UNIFORM, 64, _TWO),
}
"""PESSIMISTIC orders and the same ones OPTIMISTIC."""

EMPTY_AFFINE: Final = Scenario(Workload.EMPTY, 256, Target.AFFINE)
AFFINE: Final[Mapping[Scenario, Scenario]] = {
    Scenario(order.workload, order.in_flight, Target.AFFINE): order
    for order in (HOT_64, UNIFORM, HOT)
}
"""Orders at a server on one CPU, and the same ones at a server that may use all."""


def _with_rivals(order: Scenario) -> tuple[Scenario, ...]:
    """Next to each other, what is compared meets the same disturbances."""
    optimistic = [STRATEGIES[order]] if order in STRATEGIES else []
    affine = [each for each, other in AFFINE.items() if other == order]
    return (
        order,
        *affine,
        *optimistic,
        *(hold for hold, other in HOLDS.items() if other == order),
    )


SCENARIOS: Final = (
    Scenario(Workload.EMPTY, 1),
    Scenario(Workload.ORDER_HOT, 1),
    Scenario(Workload.ORDER_UNIFORM, 1),
    *(each for pair in zip(READS, UNGATHERED, strict=True) for each in pair),
    EMPTY_64,
    *_with_rivals(HOT_64),
    *_with_rivals(UNIFORM_64),
    *_with_rivals(Scenario(Workload.ORDER_HOT, 64, _TWO)),
    *_with_rivals(Scenario(Workload.ORDER_UNIFORM, 64, _TWO)),
    *_with_rivals(UNIFORM),
    *_with_rivals(HOT),
    EMPTY,
    EMPTY_AFFINE,
    *BATCHES,
    TEXTBOOK_HOT,
    TEXTBOOK_UNIFORM,
)
