"""The `inventory-grpc` command: serve, migrate, health, check, repair, watch, key, version."""

import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final, Literal

try:
    import typer
except ModuleNotFoundError as missing:
    # The base install is the client library; it has this script all the same.
    raise SystemExit(
        "the server is not installed: pip install 'inventory_grpc[server]'"
    ) from missing

from inventory_grpc.dial import Dial, DialError
from inventory_grpc.flags import read_settings, with_dial, with_settings
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
@with_dial
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
    from inventory_grpc.health import check  # noqa: PLC0415

    settings = read_settings({} if listen is None else {"listen": listen})
    try:
        status = check(dial_target(settings.listen), dial.or_else(_own(settings)), timeout_seconds)
    except DialError as error:
        raise typer.Exit(_failed(error)) from None
    typer.echo(status)
    raise typer.Exit(0 if status == "SERVING" else 1)


_Products = Annotated[
    list[str] | None,
    typer.Option("--product", help="Id or SKU of a product; may be repeated. Without it: all."),
]


@app.command()
@with_dial
def check(
    *,
    target: Annotated[
        str | None, typer.Option(help="HOST:PORT of a server. [default: where one listens here]")
    ] = None,
    product: _Products = None,
    output: Annotated[Literal["text", "json"], typer.Option(help="One line or object each.")] = (
        "text"
    ),
    timeout_seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="How long to wait for the end. [default: no limit]"),
    ] = None,
    dial: Dial,
) -> None:
    """Have a running server prove that counters, ledger, orders and holds agree.

    Exits with 0 if they do, 1 if not, 2 if it could not be checked.
    """
    from inventory_grpc.cli_check import check as run_check  # noqa: PLC0415

    server, how = _reached(target, dial)
    raise typer.Exit(run_check(server, how, product or (), output, timeout_seconds))


@app.command()
def repair(
    *,
    product: _Products = None,
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
    raise typer.Exit(_repair(settings, product or [], apply=apply))


@app.command()
@with_dial
def watch(
    *,
    target: Annotated[
        str | None, typer.Option(help="HOST:PORT of a server. [default: where one listens here]")
    ] = None,
    resume_token: Annotated[
        str, typer.Option(help="Show what came after it. [default: what comes from now on]")
    ] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="PRODUCT, STOCK_LEVEL, HOLD, ORDER, LOW_STOCK or STOCK_RECOVERED; "
            "may be repeated. Without it: all."
        ),
    ] = None,
    output: Annotated[Literal["text", "json"], typer.Option(help="One line or object each.")] = (
        "text"
    ),
    dial: Dial,
) -> None:
    """Show every change that a running server commits, until Ctrl-C.

    Goes on by itself after a restart of the server. The last line, on standard error, is the token
    to resume by. Exits with 1 if the server refuses.
    """
    from inventory_grpc.cli_watch import KINDS, Watch  # noqa: PLC0415

    kinds = [each.upper() for each in kind or ()]
    if unknown := [each for each in kinds if each not in KINDS]:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(KINDS)}")
    server, how = _reached(target, dial)
    raise typer.Exit(Watch(server, how, kinds, output).run(resume_token))


@app.command()
def key() -> None:
    """Make an API key: print it, then the line for the access file, which has its SHA-256 only."""
    from inventory_grpc.identity.api_keys import digest_of, new_key  # noqa: PLC0415

    made = new_key()
    typer.echo(made)
    typer.echo(f'api_keys_sha256 = ["{digest_of(made)}"]')


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"inventory-grpc {metadata.version('inventory_grpc')}")


def dial_target(listen: str) -> str:
    """The address a client on the same machine dials for a server that listens there."""
    host, separator, port = listen.rpartition(":")
    return _WILDCARD_HOSTS.get(host, host) + separator + port


def _reached(target: str | None, dial: Dial) -> tuple[str, Dial]:
    """The server that is meant, and how to call it: by its own settings if it listens here."""
    if target is not None:
        return target, dial
    settings = read_settings({})
    return dial_target(settings.listen), dial.or_else(_own(settings))


def _own(settings: Settings) -> Dial:
    """TLS as a server with these settings wants it; it shows its own certificate if it has to."""
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    if certificate is None:
        return Dial()
    from inventory_grpc.server.errors import TlsFileError  # noqa: PLC0415
    from inventory_grpc.server.tls import name_in  # noqa: PLC0415

    try:
        trusting = Dial(tls_ca=certificate, tls_server_name=name_in(certificate))
    except TlsFileError as error:
        raise typer.Exit(_failed(error)) from None
    if settings.tls_client_ca_file is None:
        return trusting
    return replace(trusting, tls_certificate=certificate, tls_key=key)


def _repair(settings: Settings, products: list[str], *, apply: bool) -> int:
    from inventory_grpc.cli_repair import repair as run_repair  # noqa: PLC0415

    if settings.database_url is not None:
        return run_repair(settings, products, apply=apply)
    if not settings.data_dir.is_dir():
        sys.stderr.write(f"could not repair: there is no database in {settings.data_dir}\n")
        return 2

    from inventory_grpc.embedded import EmbeddedPostgres, EmbeddedPostgresError  # noqa: PLC0415

    try:
        with EmbeddedPostgres(settings.data_dir) as postgres:
            own = settings.model_copy(update={"database_url": postgres.url()})
            return run_repair(own, products, apply=apply)
    except EmbeddedPostgresError as error:
        _failed(error)
        return 2


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
