"""Real databases for the tests: one server per session, one fresh clone per test.

`INVENTORY_TEST_DATABASE_URL` names a server to use instead of the embedded one,
as a superuser; the databases made there are dropped again.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psycopg2
import psycopg2.errors
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection
from sqlalchemy.engine import URL, make_url

from inventory_grpc.embedded import EmbeddedPostgres, Role

ROLES: Final = ("service", "owner", "superuser")

# Nothing in a test survives a power cut, so nothing has to wait for the disk.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server: one URL per role, all to its maintenance database."""

    service: URL
    owner: URL
    superuser: URL

    def run(self, statement: str) -> None:
        """Run one statement as superuser, outside a transaction."""
        with closing(psycopg2.connect(_dsn(self.superuser))) as conn:
            conn.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            with conn.cursor() as cursor:
                cursor.execute(statement)


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the server, by role; URLs are SQLAlchemy's, `dsn` is libpq's."""

    server: Postgres
    name: str

    @property
    def url(self) -> str:
        return self._url("service").render_as_string(hide_password=False)

    @property
    def owner_url(self) -> str:
        return self._url("owner").render_as_string(hide_password=False)

    @property
    def superuser_url(self) -> str:
        return self._url("superuser").render_as_string(hide_password=False)

    @property
    def dsn(self) -> str:
        return _dsn(self._url("service"))

    def connect(self, role: Role = "service") -> connection:
        """A new psycopg2 connection; the caller closes it, or the drop at the end does."""
        return psycopg2.connect(_dsn(self._url(role)))

    def _url(self, role: Role) -> URL:
        url: URL = getattr(self.server, role)
        return url.set(database=self.name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this session, without any database of the tests."""
    given = os.environ.get("INVENTORY_TEST_DATABASE_URL")
    if given:
        # SQLAlchemy's own choice for a plain postgresql:// is another driver.
        yield _with_roles(make_url(given).set(drivername="postgresql+psycopg2"))
        return
    with _passable_directory() as directory, EmbeddedPostgres(directory, _FAST) as pg:
        service, owner, superuser = (make_url(pg.url("postgres", role)) for role in ROLES)
        yield Postgres(service, owner, superuser)


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated database without connections, to clone from."""
    from inventory_grpc.store.migrate import upgrade  # noqa: PLC0415

    with _made_empty(postgres) as database:
        upgrade(database.owner_url)
        # A connection that the migration left open would make every clone fail.
        postgres.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608
            f"WHERE datname = '{database.name}'"
        )
        yield database.name


@pytest.fixture
def database(postgres: Postgres, template: str) -> Iterator[Database]:
    """A migrated database of this test's own; whatever is connected at the end is cut off."""
    with _made(postgres, f"TEMPLATE {template}") as database:
        yield database


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[Database]:
    """A database of this test's own that no migration has touched."""
    with _made_empty(postgres) as database:
        yield database


@pytest.fixture
def passable_dir() -> Iterator[Path]:
    """A temporary directory for an embedded server of this test's own."""
    with _passable_directory() as directory:
        yield directory


@contextmanager
def _passable_directory() -> Iterator[Path]:
    """A temporary directory that other users may pass through, which pytest's are not."""
    # A server whose parent was killed may still be writing for a moment.
    with tempfile.TemporaryDirectory(prefix="inventory-test-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory


@contextmanager
def _made_empty(server: Postgres) -> Iterator[Database]:
    with _made(server, "TEMPLATE template0") as database:
        # As docs/security.md says: PostgreSQL 14 lets everybody make things there.
        inside = replace(server, superuser=server.superuser.set(database=database.name))
        inside.run(f"ALTER SCHEMA public OWNER TO {server.owner.username}")
        inside.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield database


@contextmanager
def _made(server: Postgres, options: str) -> Iterator[Database]:
    name = f"test_{secrets.token_hex(8)}"
    server.run(f"CREATE DATABASE {name} OWNER {server.owner.username} {options}")
    try:
        yield Database(server, name)
    finally:
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


def _with_roles(superuser: URL) -> Postgres:
    """Give the two roles of a server of the caller's a password of this session."""
    # The processes of one run share the roles.
    password = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_urlsafe(24)
    owner, service = (
        superuser.set(username=name, password=password)
        for name in ("inventory_owner", "inventory_service")
    )
    server = Postgres(service, owner, superuser)
    for role in (owner.username, service.username):
        with suppress(psycopg2.errors.DuplicateObject):
            server.run(f"CREATE ROLE {role} LOGIN")
        server.run(f"ALTER ROLE {role} PASSWORD '{password}'")
    return server


def _dsn(url: URL) -> str:
    # libpq knows the scheme without SQLAlchemy's driver.
    plain = url.set(drivername="postgresql")
    return plain.render_as_string(hide_password=False)
