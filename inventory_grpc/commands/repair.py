"""`inventory-grpc repair`: shows what would mend damaged stock levels, and does it if told to."""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from inventory_grpc.commands.app import command, new_app
from inventory_grpc.commands.keys import is_id
from inventory_grpc.domain.consistency import Violation
from inventory_grpc.domain.errors import DomainError
from inventory_grpc.domain.model import ProductKey, StockMovement
from inventory_grpc.domain.results import LevelRepair
from inventory_grpc.embedded import EmbeddedPostgres, EmbeddedPostgresError
from inventory_grpc.flags import read_settings
from inventory_grpc.services.repairs import RepairFailed, Repairs
from inventory_grpc.settings import Settings
from inventory_grpc.store.background import background_engine, probe

_SOUND: Final = 0
_DAMAGED: Final = 1
_NOT_DONE: Final = 2


app = new_app()


@command(app)
def repair(
    *,
    product: Annotated[
        list[str] | None,
        typer.Option("--product", help="Id or SKU of a product; may be repeated. Without it: all."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without it the plan is only shown.")
    ] = False,
    database_url: Annotated[
        str | None,
        typer.Option(envvar="INVENTORY_DATABASE_URL", help="As the server was told."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="INVENTORY_DATA_DIR", help="As the server was told; it must not run."),
    ] = None,
) -> None:
    """Show which movements would mend damaged stock levels; with --apply post them.

    Rows of the ledger are never changed. Exits with 0 if nothing is wrong or all of it was mended,
    1 if something is wrong still, 2 if it could not be found out.
    """
    flags = {"database_url": database_url, "data_dir": data_dir}
    settings = read_settings({name: value for name, value in flags.items() if value is not None})
    raise typer.Exit(_found(settings, product or [], apply=apply))


def _found(settings: Settings, products: Sequence[str], *, apply: bool) -> int:
    if settings.database_url is not None:
        return _at(settings, products, apply=apply)
    if not settings.data_dir.is_dir():
        return _failed(f"there is no database in {settings.data_dir}")
    try:
        with EmbeddedPostgres(settings.data_dir) as postgres:
            own = settings.model_copy(update={"database_url": postgres.url()})
            return _at(own, products, apply=apply)
    except EmbeddedPostgresError as error:
        sys.stderr.write(f"{error}\n")
        return _NOT_DONE


def _at(settings: Settings, products: Sequence[str], *, apply: bool) -> int:
    """Print the plan, or with `apply` what was done.

    0: nothing is wrong, or all of it was mended; 1: something is wrong still; 2: it could not be
    found out.
    """
    assert settings.database_url is not None, "the caller knows the database"
    unusable = _unusable(settings.database_url)
    if unusable:
        return _failed(unusable)
    keys = [
        ProductKey(product_id=each.lower()) if is_id(each) else ProductKey(sku=each)
        for each in products
    ]
    with closing(Repairs.start(settings)) as repairs:
        try:
            return _repair(repairs, keys, apply=apply)
        except DomainError as error:
            return _failed(error.message)


def _unusable(url: str) -> str:
    """Why this database cannot be repaired by this code; empty if it can."""
    engine = background_engine(url)
    try:
        servable = probe(engine)
    finally:
        engine.dispose()
    return "" if servable.ok else servable.reason


def _repair(repairs: Repairs, keys: Sequence[ProductKey], *, apply: bool) -> int:
    damaged = mended = 0
    for product_id, location_id in repairs.damaged(keys):
        try:
            found = repairs.repair((product_id, location_id), apply=apply)
        except RepairFailed as error:
            damaged += 1
            _say(f"product {product_id} at {location_id}: cannot be repaired: {error}")
            continue
        # It may have been mended by somebody else since.
        if found.found:
            damaged += 1
            mended += apply
            _report(found, apply=apply)
    _conclude(damaged, mended, apply=apply)
    return _SOUND if damaged == mended else _DAMAGED


def _report(repair: LevelRepair, *, apply: bool) -> None:
    level = repair.level
    _say(f"product {level.product_id} ({level.sku}) at {level.location_id}:")
    for violation in repair.found:
        _say(f"  wrong: {_violation(violation)}")
    verb = "posted" if apply else "would post"
    for movement in repair.movements:
        _say(f"  {verb}: {_movement(movement)}")
    _say(
        f"  {'now' if apply else 'then'}: on_hand {level.on_hand}, allocated {level.allocated}, "
        f"held {level.held}, shortfall {level.shortfall}, version {level.version}"
    )
    if not repair.on_hand_is_known:
        _say("  counter and ledger contradict each other: count the stock there, then SetStock")


def _violation(violation: Violation) -> str:
    first_bad = violation.first_bad_version
    since = f", first bad version {first_bad}" if first_bad else ""
    return f"{violation.invariant}: expected {violation.expected}, actual {violation.actual}{since}"


def _movement(movement: StockMovement) -> str:
    owner = ""
    if movement.order_id:
        owner = f" for order {movement.order_id}"
    elif movement.hold_id:
        owner = f" for hold {movement.hold_id}"
    return (
        f"version {movement.stock_version} ADJUSTED on_hand {movement.on_hand_delta:+d}, "
        f"allocated {movement.allocated_delta:+d}, held {movement.held_delta:+d}{owner}"
    )


def _conclude(damaged: int, mended: int, *, apply: bool) -> None:
    if not damaged:
        _say("nothing to repair")
    elif apply:
        _say(f"{mended} of {damaged} damaged stock levels were repaired")
    else:
        _say(f"{damaged} damaged stock levels; nothing was changed: --apply does what is said here")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _failed(why: str) -> int:
    sys.stderr.write(f"could not repair: {' '.join(why.split())}\n")
    return _NOT_DONE
