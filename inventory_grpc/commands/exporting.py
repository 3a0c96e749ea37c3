"""`inventory-grpc export`: products and their stock to a file."""

from typing import Annotated

import typer
from rich.console import Console

from inventory_grpc.client import Policy
from inventory_grpc.commands.app import command, new_app
from inventory_grpc.commands.failures import told
from inventory_grpc.commands.flags import moment_or_none
from inventory_grpc.commands.output.printer import Printer
from inventory_grpc.commands.session import connect_by
from inventory_grpc.commands.target import Target, reached
from inventory_grpc.commands.transfer.exporter import export, output
from inventory_grpc.commands.transfer.progress import Progress
from inventory_grpc.commands.transfer.records import Format, format_of
from inventory_grpc.dial import Dial

app = new_app()


@command(app)
def export_products(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Of .csv or .jsonl, or packed: .gz; - = stdout.")
    ],
    *,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="[default: by the extension of FILE]")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Stock as of a time (2026-11-21T13:00Z), or so long ago (2h). [default: now]"
        ),
    ] = None,
    target: Target = None,
    dial: Dial,
) -> None:
    """Write all products, with their stock at one instant, to a file that `import` takes.

    FILE appears when it is complete. Exits with 0; 1 refused; 2 wrong usage, or the server could
    not be reached.
    """
    console = Console(stderr=True)
    with told(Printer("table", lambda _: None)):
        kind = format_of(file, file_format)
        instant = moment_or_none(as_of, "--as-of")
        with connect_by(Policy(), *reached(target, dial)) as client, output(file) as written:
            done = export(client, written, kind, instant, Progress(console))
    console.print(
        f"exported {done.products:,} products in {done.rows:,} rows, stock as of {done.as_of}",
        highlight=False,
        soft_wrap=True,
    )
