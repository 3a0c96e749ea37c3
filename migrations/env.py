"""For alembic's own commands that compare or show: revision, check, current, history.

Changing a database is not among them: ``inventory-grpc migrate`` does that, because alembic's
runner takes no lock against another server that migrates at the same time.
"""

from typing import Any

from alembic import context
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.util import CommandError
from sqlalchemy import Column, MetaData, Table, Text, create_engine
from sqlalchemy.pool import NullPool

from inventory_grpc.settings import Settings
from inventory_grpc.store.tables import metadata, schema_revision


class Impl(PostgresqlImpl):
    """Reads the revision where the service keeps it."""

    __dialect__ = "postgresql"

    def version_table_impl(self, **_: Any) -> Table:
        return Table(schema_revision.name, MetaData(), Column("revision", Text, key="version_num"))


def run() -> None:
    if changes():
        raise CommandError("use inventory-grpc migrate")
    settings = Settings()
    url = settings.migration_database_url or settings.database_url
    if url is None:
        raise CommandError("set INVENTORY_DATABASE_URL")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        context.configure(
            connection,
            target_metadata=metadata,
            version_table=schema_revision.name,
            compare_server_default=True,
        )
        context.run_migrations()


def changes() -> bool:
    """Upgrade, downgrade and stamp are the commands that have a destination."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


run()
