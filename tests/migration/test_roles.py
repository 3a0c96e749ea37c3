"""Two roles: one owns the schema, the other one serves and cannot touch what happened."""

import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psycopg2
import psycopg2.errors
import pytest
from psycopg2.extensions import connection
from sqlalchemy.engine import make_url

from inventory_grpc.server.app import Application
from inventory_grpc.settings import Settings
from inventory_grpc.store import migrate
from tests.conftest import Database, Postgres

_SECURITY: Final = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
_LEDGER: Final = (
    *("stock_movements", "order_events", "hold_events", "product_events", "ledger_repairs"),
)

_EDITS: Final = (
    "UPDATE {} SET commit_id = NULL",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "SELECT 1 FROM {} FOR UPDATE",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "ALTER TABLE {} ADD COLUMN more int",
    "ALTER TABLE {} DROP COLUMN commit_id",
    "ALTER TABLE {} OWNER TO CURRENT_USER",
    "ALTER TABLE {} RENAME TO elsewhere",
    "DROP TABLE {}",
    "CREATE RULE swallow AS ON INSERT TO {} DO INSTEAD NOTHING",
    "CREATE TRIGGER swallow BEFORE INSERT ON {}"
    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE INDEX ON {} (commit_id)",
    "CREATE POLICY hide ON {} USING (false)",
)
_WAYS_ROUND: Final = (
    "SET ROLE inventory_owner",
    "SET SESSION AUTHORIZATION inventory_owner",
    "GRANT inventory_owner TO inventory_service",
    "CREATE ROLE another",
    "ALTER ROLE inventory_service CREATEROLE",
    "ALTER ROLE inventory_owner PASSWORD 'known'",
    "SET session_replication_role = replica",
    "CREATE TABLE public.mine (a int)",
    "CREATE VIEW public.mine AS SELECT 1",
    "CREATE TYPE public.mine AS (a int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION dblink",
    "ALTER SCHEMA public RENAME TO private",
    "SELECT setval('commit_seq', 1)",
    "ALTER SEQUENCE commit_seq RESTART",
    "UPDATE service_identity SET token_key = NULL",
    "UPDATE schema_revision SET revision = '0001'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
)


@pytest.fixture(scope="module")
def service(postgres: Postgres, template: str) -> Iterator[connection]:
    """A session of the service's role. Nothing it is refused changes anything."""
    name = f"test_{secrets.token_hex(8)}"
    postgres.run(f"CREATE DATABASE {name} OWNER inventory_owner TEMPLATE {template}")
    with closing(Database(postgres, name).connect()) as conn:
        conn.autocommit = True
        yield conn
    postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("edit", _EDITS)
@pytest.mark.parametrize("table", _LEDGER)
def test_the_service_can_neither_edit_the_ledger_nor_what_guards_it(
    service: connection, table: str, edit: str
) -> None:
    _refused(service, edit.format(table))


@pytest.mark.parametrize("way", _WAYS_ROUND)
def test_the_service_finds_no_way_round_its_rights(service: connection, way: str) -> None:
    _refused(service, way)


def test_the_service_is_nobody_special(service: connection) -> None:
    with service.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchall() == [(False,)]
        cursor.execute(
            "SELECT rolname FROM pg_roles"
            " WHERE rolname <> current_user AND pg_has_role(current_user, oid, 'MEMBER')"
        )
        assert cursor.fetchall() == []


async def test_a_server_has_no_session_but_the_service_s(database: Database) -> None:
    # What the other tests see of a server they therefore see of that role.
    with closing(database.connect("superuser")) as watcher, watcher.cursor() as cursor:
        application = await Application.start(
            Settings(database_url=database.url, listen="127.0.0.1:0")
        )
        await application.wait_ready()
        cursor.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchall() == [("inventory_service",)]
        assert await application.stop()


@dataclass(frozen=True)
class Described:
    """What the SQL of docs/security.md made, under names of this test's own."""

    owner: str
    service: str
    superuser: str


@pytest.fixture
def described(postgres: Postgres) -> Iterator[Described]:
    found = re.search(r"```sql\n(CREATE ROLE.*?)```", _SECURITY, re.DOTALL)
    assert found is not None
    names = {
        name: f"test_{secrets.token_hex(6)}"
        for name in ("inventory_owner", "inventory_service", "inventory")
    }
    sql = re.sub(r"\binventory(?:_\w+)?\b", lambda match: names[match[0]], found[1])
    before, after = re.split(r"\\connect \w+\n", sql)
    server = postgres
    for statement in _statements(before):
        server.run(statement)
    owner, service, database = names.values()
    for role in (owner, service):
        server.run(f"ALTER ROLE {role} PASSWORD 'the same'")
    inside = replace(postgres, superuser=postgres.superuser.set(database=database))
    for statement in _statements(after):
        inside.run(statement)
    url = inside.superuser
    yield Described(*(
        each.render_as_string(hide_password=False)
        for each in (
            url.set(username=owner, password="the same"),  # noqa: S106 - for this test
            url.set(username=service, password="the same"),  # noqa: S106
            url,
        )
    ))  # fmt: skip
    postgres.run(f"DROP DATABASE {database} WITH (FORCE)")
    for role in (owner, service):
        postgres.run(f"DROP ROLE {role}")


def test_the_sql_for_database_roles_makes_roles_that_do_what_is_said_of_them(
    described: Described,
) -> None:
    service = make_url(described.service).username
    assert service is not None
    assert migrate.upgrade(described.owner, service) == migrate.head()
    with closing(psycopg2.connect(_dsn(described.service))) as conn:
        conn.autocommit = True
        _allowed(conn, "SELECT count(*) FROM stock_movements")
        _allowed(conn, "SELECT nextval('commit_seq')")
        _refused(conn, "DELETE FROM stock_movements")
        _refused(conn, "CREATE TEMPORARY TABLE mine (a int)")
        _refused(conn, "CREATE TABLE mine (a int)")
        with conn.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("10s",)


def _statements(sql: str) -> list[str]:
    lines = [line for line in sql.splitlines() if not line.startswith("\\")]
    return [each.strip() for each in "\n".join(lines).split(";") if each.strip()]


def _refused(conn: connection, statement: str) -> None:
    with conn.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(statement)


def _allowed(conn: connection, statement: str) -> None:
    with conn.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchone() is not None


def _dsn(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
