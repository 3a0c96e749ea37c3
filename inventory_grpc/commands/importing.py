"""`inventory-grpc import`: products, or stock of products, from a file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from inventory_grpc.client import InventoryClient, InventoryError, Limits, Policy
from inventory_grpc.commands.app import command, new_app
from inventory_grpc.commands.failures import REFUSED, told
from inventory_grpc.commands.output.printer import Printer
from inventory_grpc.commands.session import connect_by
from inventory_grpc.commands.target import Target, reached
from inventory_grpc.commands.transfer.batches import ROWS_MAX
from inventory_grpc.commands.transfer.importer import Importer, Result
from inventory_grpc.commands.transfer.journal import Journal
from inventory_grpc.commands.transfer.plan import IN_FLIGHT, Mode, Plan, What
from inventory_grpc.commands.transfer.progress import Progress
from inventory_grpc.commands.transfer.records import Format, format_of, header_of
from inventory_grpc.commands.transfer.rejects import Rejects
from inventory_grpc.commands.transfer.source import Source, opened
from inventory_grpc.dial import Dial

_TOLD_MAX: Final = 20
"""Bad rows on the terminal; all of them are in the file of rejected rows."""
_ATTEMPT_SECONDS: Final = 60.0
_GREETING_SECONDS: Final = 15.0
_INTERRUPTED: Final = 130

app = new_app()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is imported, and how."""

    file_format: Annotated[
        Format | None, typer.Option("--format", help="[default: by the extension of FILE]")
    ] = None
    mode: Annotated[
        Mode,
        typer.Option(
            help="atomic: nothing, if any row is bad. independent: the good rows.",
        ),
    ] = "atomic"
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print every bad row; change nothing.")
    ] = False
    stock_only: Annotated[
        bool,
        typer.Option("--stock-only", help="Rows are counts of products that are there already."),
    ] = False
    received: Annotated[
        bool,
        typer.Option("--received", help="With --stock-only: deliveries to add, not counts."),
    ] = False
    import_id: Annotated[
        str,
        typer.Option(
            help="The same rows under another id are imported again. [default: the bytes of FILE]"
        ),
    ] = ""
    journal: Annotated[
        Path | None,
        typer.Option(help="Where to note how far it came. [default: FILE.journal]"),
    ] = None
    rejects: Annotated[
        Path | None,
        typer.Option(help="Where to put bad rows. [default: FILE.rejects.csv or .jsonl]"),
    ] = None
    in_flight: Annotated[int, typer.Option(min=1, max=64, help="Batches on their way at once.")] = (
        IN_FLIGHT
    )
    batch_rows: Annotated[
        int, typer.Option(min=1, max=ROWS_MAX, help="Products, or rows of stock, of one batch.")
    ] = ROWS_MAX
    patience_seconds: Annotated[
        float,
        typer.Option(min=1.0, help="How long to go on without an answer, through restarts."),
    ] = 300.0

    @property
    def what(self) -> What:
        """Exits with 2 on flags that do not go together."""
        if self.received and not self.stock_only:
            raise typer.BadParameter("--received goes with --stock-only")
        if self.stock_only:
            return "deliveries" if self.received else "counts"
        return "products"


@command(app)
def import_file(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV or JSONL, also packed by gzip; - = stdin.")
    ],
    *,
    asked: Asked,
    target: Target = None,
    dial: Dial,
) -> None:
    """Import products with their initial stock, or with --stock-only stock of products.

    Run it again after whatever stopped it: it goes on there, and nothing is done twice. Exits with
    0 when all is imported; 1 when rows were rejected; 2 on wrong usage, an unusable file or a
    server that could not be reached; 130 after Ctrl-C.
    """
    console = Console(stderr=True)
    with told(Printer("table", lambda _: None)):
        address, dial = reached(target, dial)
        kind = format_of(file, asked.file_format)
        with opened(file) as source, _client(address, dial, asked) as client:
            plan = _plan(file, source, kind, address, asked)
            status = _imported(plan, client, console)
    raise typer.Exit(status)


def _plan(file: str, source: Source, kind: Format, address: str, asked: Asked) -> Plan:
    journal, rejects = asked.journal, asked.rejects
    if source.path == Path(file):
        journal = journal or Path(f"{file}.journal")
        rejects = rejects or (None if asked.dry_run else Path(f"{file}.rejects.{kind}"))
    return Plan(
        source,
        kind,
        asked.what,
        asked.mode,
        address,
        import_id=asked.import_id,
        dry_run=asked.dry_run,
        in_flight=asked.in_flight,
        batch_rows=asked.batch_rows,
        journal=None if asked.dry_run else journal,
        rejects=rejects,
    )


@contextmanager
def _client(address: str, dial: Dial, asked: Asked) -> Iterator[InventoryClient]:
    """Goes on through restarts, but not to a server that was never there."""
    limits = Limits(asked.patience_seconds, _ATTEMPT_SECONDS)
    policy = Policy(read=limits, write=limits, batch=limits, attempts_max=sys.maxsize)
    with connect_by(policy, address, dial) as client:
        client.batch_get_products(["-"], timeout=min(_GREETING_SECONDS, asked.patience_seconds))
        yield client


def _imported(plan: Plan, client: InventoryClient, console: Console) -> int:
    progress = Progress(console)
    with plan.source.lines() as lines:
        header = header_of(lines, plan.kind)
    rejects = Rejects(plan.rejects, plan.kind, header, _teller(plan, progress))
    importer = Importer(plan, client, rejects, progress)
    try:
        if plan.journal is None:
            result = importer.run(None)
        else:
            with Journal(plan.journal, plan.header) as journal:
                result = importer.run(journal)
                if result.complete or not result.state.checked:
                    journal.remove()
    except KeyboardInterrupt:
        progress.end()
        progress.say("interrupted: run it again to go on")
        return _INTERRUPTED
    except InventoryError:
        progress.end()
        progress.say("not complete: run it again to go on")
        raise
    finally:
        progress.end()
        rejects.close()
    for line in _summary(plan, result):
        typer.echo(line)
    return REFUSED if result.state.rejected else 0


def _teller(plan: Plan, progress: Progress) -> Callable[[int, str], None]:
    told_before = 0

    def tell(line: int, reason: str) -> None:
        nonlocal told_before
        told_before += 1
        if plan.dry_run:
            typer.echo(f"line {line}: {reason}")
        elif plan.rejects is None or told_before <= _TOLD_MAX:
            progress.say(f"line {line}: {reason}")
        elif told_before == _TOLD_MAX + 1:
            progress.say(f"and more, in {plan.rejects}")

    return tell


def _summary(plan: Plan, result: Result) -> Iterator[str]:
    state, seconds = result.state, max(result.seconds, 0.001)
    if plan.dry_run:
        yield f"dry run: {state.rows - state.rejected:,} rows are good, {state.rejected:,} are bad"
        return
    if not result.complete and not result.sent:
        yield f"nothing was imported: of {state.rows:,} rows {state.rejected:,} are bad"
    else:
        if not result.complete:
            yield "stopped, because a row was refused that was good before: run it again to go on"
        yield (
            f"rows: {state.created:,} imported, {state.there:,} were there already, "
            f"{state.rejected:,} rejected"
        )
        yield f"{result.sent:,} rows in {seconds:.1f} s, {result.sent / seconds:,.0f} rows/s"
    if state.rejected and plan.rejects is not None:
        yield f"bad rows: {plan.rejects}"
