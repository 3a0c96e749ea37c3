"""Flags of several commands, and how what operators write is read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, get_args

import typer

from inventory_grpc.client import money
from inventory_grpc.client.options import PastRead, VersionedWrite, Write
from inventory_grpc.commands.keys import is_id, product_of
from inventory_grpc.v1.common_pb2 import DemandLine, Money

WRITING: Final = "Writing"
"""Title in the help."""

_SPAN: Final = re.compile(r"(?P<count>\d+(?:\.\d+)?)(?P<unit>[smhd])").fullmatch
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LINE: Final = re.compile(r"(?P<product>[^=@]+)=(?P<quantity>\d+)(?:@(?P<place>[^=@]+))?").fullmatch
_PART: Final = re.compile(r"(?P<line>\d+)=(?P<quantity>\d+)").fullmatch
_MONEY: Final = re.compile(r"(?P<amount>\d+(?:\.\d+)?) ?(?P<currency>[A-Z]{3})").fullmatch

Key = Annotated[str, typer.Argument(metavar="KEY", help="SKU or id of the product.")]
Location = Annotated[str, typer.Option(help="Where. [default: the location `default`]")]
AnyLocation = Annotated[str, typer.Option(help="Only at this location.")]
Lines = Annotated[
    list[str],
    typer.Argument(metavar="SKU=QTY[@LOCATION]...", help="What, how much of it and from where."),
]
Parts = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LINE=QTY]...", help="How much of which line. [default: everything]"),
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="May be repeated.")
]
Reason = Annotated[str, typer.Option(help="Why, in words, for the record.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", rich_help_panel=WRITING)]


@dataclass(frozen=True, slots=True)
class Paging:
    """How much of a list."""

    limit: Annotated[int, typer.Option(min=1, help="Rows at most.")] = 50
    everything: Annotated[bool, typer.Option("--all", help="All there are.")] = False

    @property
    def page_size(self) -> int:
        """One more than is shown, to know whether there are more."""
        return 1_000 if self.everything else min(self.limit + 1, 1_000)


@dataclass(frozen=True, slots=True)
class Once:
    """What every mutation takes."""

    request_id: Annotated[
        str | None,
        typer.Option(
            help="A UUID; the same again does nothing twice. [default: a new one]",
            rich_help_panel=WRITING,
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Same checks, same answer, nothing kept.", rich_help_panel=WRITING
        ),
    ] = False

    @property
    def options(self) -> Write:
        """As the client takes them."""
        return {"request_id": self.request_id, "validate_only": self.dry_run}


@dataclass(frozen=True, slots=True)
class Versioned(Once):
    """What every mutation of one existing thing takes."""

    expected_version: Annotated[
        int,
        typer.Option(
            min=0, help="Refuse unless this is its version; 0 = any.", rich_help_panel=WRITING
        ),
    ] = 0

    @property
    def versioned(self) -> VersionedWrite:
        """As the client takes them."""
        return {
            "request_id": self.request_id,
            "validate_only": self.dry_run,
            "expected_version": self.expected_version,
        }


@dataclass(frozen=True, slots=True)
class Past:
    """Reads that can answer for a moment of the past."""

    as_of: Annotated[
        str | None,
        typer.Option(
            help="As it was then: a time (2026-11-21T13:00Z), how long ago (15m, 2h, 3d) or right "
            "after a movement (its id)."
        ),
    ] = None

    @property
    def options(self) -> PastRead:
        """As the client takes them; exits with 2 if it is neither."""
        if self.as_of is None:
            return {}
        if is_id(self.as_of):
            return {"as_of_movement_id": self.as_of}
        return {"as_of_time": moment(self.as_of, "--as-of")}


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None and not empty: what was given on the command line."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def one_of(words: Iterable[str] | None, names: object, flag: str) -> list[str]:
    """Names of a Literal, in any case. Exits with 2 on others."""
    found = [word.upper().replace("-", "_") for word in words or ()]
    for name in found:
        if name not in get_args(names):
            allowed = ", ".join(get_args(names))
            raise typer.BadParameter(f"{name!r} is none of {allowed}", param_hint=flag)
    return found


def moment(text: str, flag: str) -> datetime:
    """A time with its zone, or how long ago. Exits with 2 on anything else."""
    if _SPAN(text):
        return datetime.now(UTC) - span(text, flag)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - refused below
    if found.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r}: give a time with its zone, such as 2026-11-21T13:00Z, or how long ago, "
            "such as 15m",
            param_hint=flag,
        )
    return found


def moment_or_none(text: str | None, flag: str) -> datetime | None:
    """The same, if there is one."""
    return None if text is None else moment(text, flag)


def span(text: str, flag: str) -> timedelta:
    """A length of time such as 90s, 15m, 2h, 3d. Exits with 2 on anything else."""
    found = _SPAN(text)
    if found is None:
        why = f"{text!r}: give a length of time such as 90s, 15m, 2h or 3d"
        raise typer.BadParameter(why, param_hint=flag)
    return timedelta(**{_UNITS[found["unit"]]: float(found["count"])})


def demand(words: Iterable[str]) -> list[DemandLine]:
    """Lines such as MUG=2 or MUG=2@berlin. Exits with 2 on anything else."""
    return [_demand_line(word) for word in words]


def _demand_line(word: str) -> DemandLine:
    found = _LINE(word)
    if found is None:
        raise typer.BadParameter(f"{word!r}: give SKU=QUANTITY or SKU=QUANTITY@LOCATION")
    return DemandLine(
        product=product_of(found["product"]),
        quantity=int(found["quantity"]),
        location_id=found["place"] or "",
    )


def part(words: Iterable[str] | None) -> dict[int, int] | None:
    """Units by line such as 1=2; None for all. Exits with 2 on anything else."""
    made: dict[int, int] = {}
    for word in words or ():
        found = _PART(word)
        if found is None:
            raise typer.BadParameter(f"{word!r}: give LINE=QUANTITY, such as 1=2")
        made[int(found["line"])] = int(found["quantity"])
    return made or None


def labels_of(words: Iterable[str] | None) -> dict[str, str] | None:
    """Labels such as colour=red; None if there are none. Exits with 2 on anything else."""
    pairs = [word.partition("=") for word in words or ()]
    for key, separator, _ in pairs:
        if not separator:
            raise typer.BadParameter(f"{key!r}: give KEY=VALUE", param_hint="--label")
    return {key: value for key, _, value in pairs} or None


def price_of(text: str | None, flag: str = "--price") -> Money | None:
    """An amount such as 9.90EUR. Exits with 2 on anything else."""
    if text is None:
        return None
    found = _MONEY(text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: give an amount such as 9.90EUR", param_hint=flag)
    return money(found["amount"], found["currency"])
