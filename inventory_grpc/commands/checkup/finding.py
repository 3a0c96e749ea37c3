"""What a look at something came to."""

from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["ok", "warn", "fail"]

VERDICTS: Final[tuple[Verdict, ...]] = ("ok", "warn", "fail")
"""From good to bad."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    area: str
    """Such as `database`."""
    verdict: Verdict
    """`warn`: it works, and may hurt. `fail`: it does not work, or not for long."""
    what: str
    """What was found."""
    advice: str = ""
    """What to do about it; empty if all is well."""


def ok(area: str, what: str) -> Finding:
    """All is well."""
    return Finding(area, "ok", what)


def warn(area: str, what: str, advice: str) -> Finding:
    """It may hurt."""
    return Finding(area, "warn", what, advice)


def fail(area: str, what: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(area, "fail", what, advice)
