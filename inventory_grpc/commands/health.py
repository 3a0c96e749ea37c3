"""`inventory-grpc health`: for container probes."""

import sys
from typing import Annotated

import typer

from inventory_grpc.commands.app import command, new_app
from inventory_grpc.commands.target import dial_target, own
from inventory_grpc.dial import Dial, DialError
from inventory_grpc.flags import read_settings
from inventory_grpc.health import check

app = new_app()


@command(app)
def health(
    *,
    listen: Annotated[
        str | None,
        typer.Option(envvar="INVENTORY_LISTEN", help="Address of the server, as it was told."),
    ] = None,
    timeout_seconds: Annotated[float, typer.Option(min=0.1, help="How long to wait.")] = 3.0,
    dial: Dial,
) -> None:
    """Ask a running server for its health; exits with 0 only when it is serving.

    Where one with TLS listens here, its certificate file says whom to trust.
    """
    settings = read_settings({} if listen is None else {"listen": listen})
    try:
        status = check(dial_target(settings.listen), dial.or_else(own(settings)), timeout_seconds)
    except DialError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from None
    typer.echo(status)
    raise typer.Exit(0 if status == "SERVING" else 1)
