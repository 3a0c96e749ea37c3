"""What the write path did."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """For metrics, and for tests that want it to have been quiet."""

    transactions: int = 0
    reruns: int = 0
    splits: int = 0
    blocked: int = 0
    conflicts: int = 0
    """Optimistic attempts that were not written."""
    expired_hold_lines: int = 0
    """Given back because their time was over, by whichever command met them."""
