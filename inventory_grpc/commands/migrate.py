"""`inventory-grpc migrate`: the schema."""

import sys

import typer

from inventory_grpc.commands.app import new_app
from inventory_grpc.flags import with_settings
from inventory_grpc.settings import Settings

app = new_app()


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


app.command()(with_settings(migrate))
