"""`inventory-grpc serve`: the server itself."""

import sys

from inventory_grpc.commands.app import new_app
from inventory_grpc.flags import with_settings
from inventory_grpc.settings import Settings

app = new_app()


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
        sys.stderr.write(f"{error}\n")
        return 1


app.command()(with_settings(serve))
