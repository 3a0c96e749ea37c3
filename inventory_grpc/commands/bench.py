"""`inventory-grpc bench`: a short load on a running server, to see what it does there."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import typer

from inventory_grpc.client import InventoryClient, InventoryError
from inventory_grpc.client.values import Locking
from inventory_grpc.commands.app import new_app
from inventory_grpc.commands.failures import REFUSED
from inventory_grpc.commands.flags import Yes
from inventory_grpc.commands.keys import product_of
from inventory_grpc.commands.session import Session, client_command
from inventory_grpc.v1.common_pb2 import ProductKey

app = new_app()

_PERCENTILES: Final = (50, 95, 99)


@dataclass
class Tally:
    """What all callers saw."""

    seconds: list[float] = field(default_factory=list)
    """Of every call that was answered with an order."""
    refusals: dict[str, int] = field(default_factory=dict)
    """How many calls were refused, by reason."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, seconds: float) -> None:
        """One more order."""
        with self.lock:
            self.seconds.append(seconds)

    def refused(self, reason: str) -> None:
        """One more refusal."""
        with self.lock:
            self.refusals[reason] = self.refusals.get(reason, 0) + 1


@dataclass(frozen=True, slots=True)
class Load:
    """How much of it."""

    seconds: Annotated[float, typer.Option(min=0.1, max=300, help="How long.")] = 5.0
    callers: Annotated[int, typer.Option(min=1, max=256, help="Calls in flight.")] = 16
    locking: Annotated[
        Locking, typer.Option(case_sensitive=False, help="How rows are guarded.")
    ] = "PESSIMISTIC"


@client_command(app)
def bench(
    session: Session,
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="Products to order, one unit of each.")
    ],
    *,
    load: Load,
    for_real: Annotated[
        bool, typer.Option("--for-real", help="Place orders and cancel them again; needs --yes.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Order again and again, and show how many orders a second the server of --target takes.

    Orders are only tried, as with --dry-run: all checks, nothing kept. With --for-real they are
    placed and cancelled, and stay in the books for good.
    """
    if session.target is None:
        raise typer.BadParameter("name the server on purpose", param_hint="--target")
    if for_real and not yes:
        why = "orders stay in the books for good: say --yes, too"
        raise typer.BadParameter(why, param_hint="--for-real")
    lines = [(product_of(key), 1) for key in keys]
    # Whatever is wrong with all of them is told once.
    session.client.create_order(lines, validate_only=True)
    tally = Tally()
    started = time.monotonic()
    _run(session.client, lines, load, tally, for_real=for_real)
    _tell(session, _figures(tally, time.monotonic() - started, for_real=for_real))
    raise typer.Exit(0 if tally.seconds else REFUSED)


Demand = Sequence[tuple[ProductKey, int]]


def _run(
    client: InventoryClient, lines: Demand, load: Load, tally: Tally, *, for_real: bool
) -> None:
    deadline = time.monotonic() + load.seconds

    def call() -> None:
        while time.monotonic() < deadline:
            _order(client, lines, load.locking, tally, for_real=for_real)

    callers = [threading.Thread(target=call, daemon=True) for _ in range(load.callers)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


def _order(
    client: InventoryClient, lines: Demand, locking: Locking, tally: Tally, *, for_real: bool
) -> None:
    started = time.monotonic()
    try:
        made = client.create_order(lines, locking=locking, validate_only=not for_real).order
        tally.took(time.monotonic() - started)
        if for_real:
            client.cancel_order(made.order_id, reason="bench")
    except InventoryError as error:
        tally.refused(error.reason or error.code.name)


def _figures(tally: Tally, seconds: float, *, for_real: bool) -> dict[str, Any]:
    ordered = sorted(tally.seconds)
    return {
        "orders": "placed and cancelled" if for_real else "tried",
        "answered": len(ordered),
        "seconds": round(seconds, 2),
        "orders_per_second": round(len(ordered) / seconds, 1),
        **{f"p{each}_ms": _percentile(ordered, each) for each in _PERCENTILES},
        "max_ms": _percentile(ordered, 100),
        "refusals": dict(sorted(tally.refusals.items())),
    }


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000, 2)


def _tell(session: Session, figures: dict[str, Any]) -> None:
    if not session.printer.for_people:
        session.printer.plain(figures)
        return
    for name, value in figures.items():
        told = " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else value
        if told not in ("", None):
            session.printer.lines([f"{name:<17}  {told}"])
