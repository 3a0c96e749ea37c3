"""The schema: what the migrations arrive at, in any order of events."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg2.errors
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from inventory_grpc.store import migrate
from inventory_grpc.store.grants import SERVICE_ROLE
from inventory_grpc.store.tables import metadata
from tests.conftest import Database

STARTERS = 8

CATALOG = text("""
    SELECT 'column', c.relname, a.attname,
        format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' '
        || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || coalesce(l.collname, '')
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind = 'r'
    UNION ALL
    SELECT 'constraint', c.relname, n.conname, pg_get_constraintdef(n.oid)
    FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
    WHERE n.connamespace = CAST(:schema AS regnamespace)
    UNION ALL
    SELECT 'index', tablename, indexname, replace(indexdef, schemaname || '.', '')
    FROM pg_indexes WHERE schemaname = :schema
    UNION ALL
    SELECT 'relation', relname, relkind::text, coalesce(reloptions::text, '')
    FROM pg_class WHERE relnamespace = CAST(:schema AS regnamespace) AND relkind IN ('r', 'S')
""")


def catalog(conn: Connection, schema: str = "public") -> set[tuple[Any, ...]]:
    rows = conn.execute(CATALOG, {"schema": schema})
    return {(*row[:3], row[3].replace(f"{schema}.", "")) for row in rows}


def connect(url: str) -> Connection:
    return create_engine(url, poolclass=NullPool).connect()


def test_an_empty_database_arrives_at_exactly_the_tables(empty_database: Database) -> None:
    assert migrate.upgrade(empty_database.owner_url) == migrate.head()

    with connect(empty_database.owner_url) as conn:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(conn, opts=options)
        assert compare_metadata(context, metadata) == []


def test_names_checks_collations_and_storage_options_are_those_of_the_tables(
    empty_database: Database,
) -> None:
    migrate.upgrade(empty_database.owner_url)

    with connect(empty_database.superuser_url) as conn:
        conn.execute(text("CREATE SCHEMA twin"))
        conn.execute(text("SET search_path = twin"))
        metadata.create_all(conn, checkfirst=False)
        conn.execute(text("SET search_path = public"))
        migrated = catalog(conn)
        conn.execute(text("SET search_path = twin"))
        assert migrated == catalog(conn, "twin")


def test_there_is_one_line_of_revisions_in_the_order_of_their_names() -> None:
    scripts = migrate._scripts()
    names = [script.revision for script in scripts]
    files = sorted(Path(script.path).stem for script in scripts)

    assert names == sorted(names) == files
    assert [script.down_revision for script in scripts] == [None, *names[:-1]]
    assert migrate.head() == names[-1]


@pytest.mark.parametrize("steps", range(1, len(migrate._scripts()) + 1))
def test_every_revision_goes_down_and_up_again(empty_database: Database, steps: int) -> None:
    url = empty_database.owner_url
    migrate.upgrade(url)
    names = [migrate.BASE, *(script.revision for script in migrate._scripts())]
    with connect(url) as conn:
        before = catalog(conn)

    migrate.downgrade(url, names[-1 - steps])
    with connect(url) as conn:
        assert migrate.current(conn) == names[-1 - steps]
        assert not migrate.servable(conn).ok

    assert migrate.upgrade(url) == migrate.head()
    with connect(url) as conn:
        assert catalog(conn) == before


@pytest.mark.parametrize("round_", range(5))
def test_first_starts_at_once_all_end_well_and_migrate_once(
    empty_database: Database, round_: int
) -> None:
    barrier = Barrier(STARTERS)

    def start(_: int) -> str:
        barrier.wait()
        return migrate.upgrade(empty_database.owner_url)

    with ThreadPoolExecutor(STARTERS) as threads:
        assert set(threads.map(start, range(STARTERS))) == {migrate.head()}

    with connect(empty_database.url) as conn:
        assert migrate.servable(conn).ok
        assert conn.execute(text("SELECT count(*) FROM locations")).scalar() == 1
        assert conn.execute(text("SELECT count(*) FROM service_identity")).scalar() == 1


def test_an_unmigrated_database_is_not_servable(empty_database: Database) -> None:
    with connect(empty_database.url) as conn:
        assert migrate.current(conn) == migrate.BASE
        answer = migrate.servable(conn)

    assert not answer.ok
    assert migrate.head() in answer.reason


def test_a_server_older_than_the_database_serves_while_the_schema_still_suits_it(
    database: Database,
) -> None:
    with connect(database.owner_url) as conn:
        later = text("UPDATE schema_revision SET revision = :revision, min_code_revision = :least")
        conn.execute(later, {"revision": "9999_later", "least": migrate.head()})
        assert migrate.servable(conn) == migrate.Servable(True, "9999_later", "")

        conn.execute(later, {"revision": "9999_later", "least": "9999_later"})
        answer = migrate.servable(conn)
        conn.commit()
    assert not answer.ok
    assert "newer server" in answer.reason

    assert migrate.upgrade(database.owner_url) == "9999_later"


def test_the_service_cannot_change_or_forget_what_happened(database: Database) -> None:
    conn = database.connect()
    conn.autocommit = True
    for table in (
        "stock_movements",
        "order_events",
        "hold_events",
        "product_events",
        "ledger_repairs",
    ):
        for change in ("UPDATE {} SET commit_id = NULL", "DELETE FROM {}", "TRUNCATE {}"):
            with conn.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(change.format(table))
    conn.close()


def test_the_service_has_exactly_the_rights_it_needs(database: Database) -> None:
    rights = text("""
        SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)
        FROM information_schema.role_table_grants
        WHERE grantee = :role AND table_schema = 'public' GROUP BY table_name
    """)
    with connect(database.superuser_url) as conn:
        found = {row[0]: row[1] for row in conn.execute(rights, {"role": SERVICE_ROLE})}

    assert found == {
        # Of what time has passed over; the ledger is never shortened.
        "commits": "DELETE INSERT SELECT",
        "hold_budgets": "INSERT SELECT UPDATE",
        "hold_events": "INSERT SELECT",
        "hold_lines": "INSERT SELECT UPDATE",
        "holds": "INSERT SELECT UPDATE",
        "leases": "INSERT SELECT UPDATE",
        "ledger_repairs": "INSERT SELECT",
        "locations": "INSERT SELECT UPDATE",
        "order_events": "INSERT SELECT",
        "order_lines": "INSERT SELECT UPDATE",
        "orders": "INSERT SELECT UPDATE",
        "product_events": "INSERT SELECT",
        "products": "INSERT SELECT UPDATE",
        "schema_revision": "SELECT",
        "service_identity": "SELECT",
        "stock_levels": "INSERT SELECT UPDATE",
        "stock_movements": "INSERT SELECT",
        "stored_answers": "DELETE INSERT SELECT",
        "stream_head": "SELECT UPDATE",
    }


def test_of_a_commit_the_service_may_change_its_position_alone(database: Database) -> None:
    rights = text("""
        SELECT table_name, column_name FROM information_schema.role_column_grants
         WHERE grantee = :role AND privilege_type = 'UPDATE' AND table_schema = 'public'
           AND (table_name = 'commits' OR table_name LIKE '%events')
    """)
    with connect(database.superuser_url) as conn:
        found = [tuple(row) for row in conn.execute(rights, {"role": SERVICE_ROLE})]
    assert found == [("commits", "position")]


def test_the_service_may_ask_for_an_upgrade_that_has_nothing_to_do(database: Database) -> None:
    assert migrate.upgrade(database.url) == migrate.head()


def test_the_service_cannot_migrate(empty_database: Database) -> None:
    with pytest.raises(DBAPIError) as refused:
        migrate.upgrade(empty_database.url)
    assert isinstance(refused.value.orig, psycopg2.errors.InsufficientPrivilege)


def test_the_service_can_take_the_next_commit_number(database: Database) -> None:
    with connect(database.url) as conn:
        assert conn.execute(text("SELECT nextval('commit_seq')")).scalar_one() > 0


def test_a_revision_waits_for_the_migration_that_runs_and_then_finds_its_work_done(
    empty_database: Database,
) -> None:
    url = empty_database.owner_url
    migrate.upgrade(url)
    migrate.downgrade(url, migrate._scripts()[-2].revision)
    with connect(url) as other, ThreadPoolExecutor(1) as threads:
        other.execute(text("SELECT 1 FROM schema_revision FOR UPDATE"))
        waiting = threads.submit(migrate.upgrade, url)
        wait_for_a_blocked_session(empty_database)
        # The one that had the lock was a server with a later release.
        later = "UPDATE schema_revision SET revision = '9999_later'"
        other.execute(text(later))
        other.commit()
        assert waiting.result(timeout=30) == "9999_later"


def wait_for_a_blocked_session(database: Database) -> None:
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with connect(database.superuser_url) as conn:
        while not conn.execute(blocked).scalar():
            conn.commit()


def test_the_identity_of_every_database_is_its_own(empty_database: Database) -> None:
    migrate.upgrade(empty_database.owner_url)
    identity = text("SELECT database_id, token_key FROM service_identity")
    with connect(empty_database.owner_url) as conn:
        first = conn.execute(identity).one()
    migrate.downgrade(empty_database.owner_url, migrate.BASE)
    migrate.upgrade(empty_database.owner_url)
    with connect(empty_database.owner_url) as conn:
        second = conn.execute(identity).one()

    assert first.database_id != second.database_id
    assert bytes(first.token_key) != bytes(second.token_key)
    assert len(bytes(first.token_key)) == 32


@pytest.fixture
def alembic(database: Database, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database.owner_url)
    config = Config(stdout=StringIO())
    config.set_main_option("script_location", str(migrate._migrations()))
    config.set_main_option("path_separator", "os")
    return config


def test_alembic_finds_nothing_to_add(alembic: Config) -> None:
    command.check(alembic)


def test_alembic_itself_changes_no_database(alembic: Config) -> None:
    with pytest.raises(CommandError, match="inventory-grpc migrate"):
        command.upgrade(alembic, "head")
    with pytest.raises(CommandError, match="inventory-grpc migrate"):
        command.downgrade(alembic, "base")
