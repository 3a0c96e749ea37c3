"""What became of what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol, TypeVar

from inventory_grpc.client import InvalidFields, InventoryError

Payload_contra = TypeVar("Payload_contra", contravariant=True)


class Fate(Enum):
    """Of one entry."""

    DONE = auto()
    THERE = auto()
    """It was done before, by an earlier run or by somebody else."""
    REJECTED = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one entry; with the reason if it was rejected."""

    fate: Fate
    reason: str = ""
    stock_index: int | None = None
    """Which of its initial stocks is to blame, if it is one."""


DONE = Verdict(Fate.DONE)
THERE = Verdict(Fate.THERE)


class Sender(Protocol[Payload_contra]):
    """Sends batches; its methods run in several threads. They raise InventoryError."""

    def check(self, payloads: Sequence[Payload_contra]) -> Sequence[Verdict]:
        """What would become of them; changes nothing."""

    def send(self, payloads: Sequence[Payload_contra]) -> Sequence[Verdict]:
        """Do it, once."""

    def has(self, sku: str, request_id: str) -> bool:
        """Whether the server knows of something that was done."""


def rejection(error: InventoryError) -> Verdict:
    """In words about the columns of a file."""
    if not isinstance(error, InvalidFields):
        # SKU_TAKEN and the like say what it is about.
        return Verdict(Fate.REJECTED, f"{error.reason or error.code.name}: {error.message}")
    told = [
        f"{each.field.removeprefix('product.')} {each.description}" for each in error.violations
    ]
    first = error.violations[0].field if error.violations else ""
    index = first.removeprefix("initial_stock[").partition("]")[0]
    return Verdict(
        Fate.REJECTED,
        "; ".join(told) or error.message,
        int(index) if first.startswith("initial_stock[") and index.isdigit() else None,
    )
