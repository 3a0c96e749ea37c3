"""Starting: the schema first, with whatever rights and database there are."""

import subprocess
from pathlib import Path

from inventory_grpc.embedded import EmbeddedPostgres
from inventory_grpc.store.migrate import head, upgrade
from tests.conftest import Database
from tests.server.harness import (
    Server,
    Status,
    command,
    environment,
    poll_until,
    read_line,
    running,
    spawn,
    target_of,
)


def test_an_empty_database_is_migrated_and_served(empty_database: Database, tmp_path: Path) -> None:
    urls = {"database_url": empty_database.url, "migration_database_url": empty_database.owner_url}
    with running(tmp_path / "log", **urls) as server:
        assert server.events("migrated")[0]["revision"] == head()
        assert server.events("ledger_not_protected") == []
        assert server.health() == Status.SERVING


def test_one_role_for_everything_is_said_to_leave_the_ledger_unprotected(
    empty_database: Database, tmp_path: Path
) -> None:
    with running(tmp_path / "log", database_url=empty_database.owner_url) as server:
        assert server.health() == Status.SERVING
        assert len(server.events("ledger_not_protected")) == 1


def test_a_role_that_may_not_migrate_serves_what_somebody_else_migrated(
    database: Database, tmp_path: Path
) -> None:
    with running(tmp_path / "log", database_url=database.url) as server:
        assert server.health() == Status.SERVING
        assert server.events("not_migrated") == server.events("ledger_not_protected") == []


def test_a_role_that_may_not_migrate_waits_until_somebody_did(
    empty_database: Database, tmp_path: Path
) -> None:
    server = spawn(tmp_path / "log", (), {"database_url": empty_database.url})
    try:
        poll_until(lambda: bool(server.events("database_not_ready")), 20)
        assert len(server.events("not_migrated")) == 1
        upgrade(empty_database.owner_url)
        server.line = read_line(server.process, 10)
        server.target = target_of(server.line, server.log)
        assert server.health() == Status.SERVING
    finally:
        server.close()


def test_a_database_that_comes_later_is_waited_for(passable_dir: Path, tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(passable_dir, {"fsync": "off"})
    with postgres:
        urls = {
            "database_url": postgres.url(),
            "migration_database_url": postgres.url(role="owner"),
        }
    server = spawn(tmp_path / "log", (), urls)
    try:
        poll_until(lambda: bool(server.events("waiting_for_database")), 20)
        with postgres:
            server.line = read_line(server.process, 30)
            server.target = target_of(server.line, server.log)
            assert server.health() == Status.SERVING
            assert len(server.events("waiting_for_database")) <= 3, "one line per change"
    finally:
        server.close()


def test_sigterm_while_waiting_for_the_database_ends_the_server(tmp_path: Path) -> None:
    url = f"postgresql://nobody@/nothing?host={tmp_path}"
    server: Server = spawn(tmp_path / "log", (), {"database_url": url})
    try:
        poll_until(lambda: bool(server.events("waiting_for_database")), 20)
        server.terminate()
        assert server.wait(5) == 0
    finally:
        server.close()


def test_an_address_of_another_machine_is_one_line_and_no_traceback(database: Database) -> None:
    done = subprocess.run(
        command("--listen", "192.0.2.1:1", "--no-migrate"),
        check=False,
        env=environment(database_url=database.url),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("cannot listen on 192.0.2.1:1: ")
