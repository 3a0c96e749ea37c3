"""The `inventory-grpc` command: serve, migrate, health, version."""

import sys
from importlib import metadata
from typing import Annotated, Final

try:
    import typer
except ModuleNotFoundError as missing:
    # The base install is the client library; it has this script all the same.
    raise SystemExit(
        "the server is not installed: pip install 'inventory_grpc[server]'"
    ) from missing

from inventory_grpc.flags import read_settings, with_settings
from inventory_grpc.settings import Settings

app = typer.Typer(
    name="inventory-grpc",
    help="A gRPC service that owns products, stock and orders for other backends.",
    no_args_is_help=True,
    add_completion=False,
    # Boxes leave no room for the names of the settings.
    rich_markup_mode=None,
    # Plain tracebacks: a boxed one with local variables would print passwords.
    pretty_exceptions_enable=False,
)

_WILDCARD_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104


def main() -> None:
    """Entry point of the script `inventory-grpc` and of `python -m inventory_grpc`."""
    app()


def serve(settings: Settings) -> int:
    """Serve until told to stop (SIGTERM or SIGINT), then finish what is in flight."""
    from inventory_grpc.server import logging  # noqa: PLC0415
    from inventory_grpc.server.run import serve as run_server  # noqa: PLC0415

    # Before the embedded database starts: it has things to say, too.
    logging.configure(settings.log_level, settings.log_format)
    if settings.database_url is not None:
        return run_server(settings)

    from inventory_grpc.embedded import EmbeddedPostgres, EmbeddedPostgresError  # noqa: PLC0415

    try:
        with EmbeddedPostgres(settings.data_dir) as postgres:
            urls = {
                "database_url": postgres.url(),
                "migration_database_url": postgres.url(role="owner"),
            }
            return run_server(settings.model_copy(update=urls))
    except EmbeddedPostgresError as error:
        return _failed(error)


def migrate(settings: Settings) -> int:
    """Bring the schema up to date and print its revision."""
    from inventory_grpc.server import logging  # noqa: PLC0415

    logging.configure(settings.log_level, settings.log_format)
    url = settings.migration_database_url or settings.database_url
    if url is not None:
        return _upgrade(url)

    from inventory_grpc.embedded import EmbeddedPostgres, EmbeddedPostgresError  # noqa: PLC0415

    try:
        with EmbeddedPostgres(settings.data_dir) as postgres:
            return _upgrade(postgres.url(role="owner"))
    except EmbeddedPostgresError as error:
        return _failed(error)


app.command("serve")(with_settings(serve))
app.command("migrate")(with_settings(migrate))


@app.command()
def health(
    listen: Annotated[
        str | None,
        typer.Option(envvar="INVENTORY_LISTEN", help="Address of the server, as it was told."),
    ] = None,
    timeout_seconds: Annotated[float, typer.Option(min=0.1, help="How long to wait.")] = 3.0,
) -> None:
    """Ask a running server for its health; exits with 0 only when it is serving."""
    from inventory_grpc.health import check  # noqa: PLC0415

    settings = read_settings({} if listen is None else {"listen": listen})
    status = check(dial_target(settings.listen), timeout_seconds)
    typer.echo(status)
    raise typer.Exit(0 if status == "SERVING" else 1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"inventory-grpc {metadata.version('inventory_grpc')}")


def dial_target(listen: str) -> str:
    """The address a client on the same machine dials for a server that listens there."""
    host, separator, port = listen.rpartition(":")
    return _WILDCARD_HOSTS.get(host, host) + separator + port


def _upgrade(url: str) -> int:
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from inventory_grpc.store.migrate import upgrade  # noqa: PLC0415

    try:
        revision = upgrade(url)
    except DBAPIError as error:
        # The driver's words: SQLAlchemy would add the statement and its parameters.
        return _failed(error.orig or error)
    typer.echo(f"schema revision {revision}")
    return 0


def _failed(error: BaseException) -> int:
    sys.stderr.write(f"{error}\n")
    return 1
