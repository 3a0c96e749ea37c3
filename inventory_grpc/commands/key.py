"""`inventory-grpc key`: for the access file."""

import typer

from inventory_grpc.commands.app import command, new_app
from inventory_grpc.identity.api_keys import digest_of, new_key

app = new_app()


@command(app)
def key() -> None:
    """Make an API key: print it, then the line for the access file, which has its SHA-256 only."""
    made = new_key()
    typer.echo(made)
    typer.echo(f'api_keys_sha256 = ["{digest_of(made)}"]')
