"""`inventory-grpc version`."""

from importlib import metadata

import typer

from inventory_grpc.commands.app import command, new_app

app = new_app()


@command(app)
def version() -> None:
    """Print the version."""
    typer.echo(f"inventory-grpc {metadata.version('inventory_grpc')}")
