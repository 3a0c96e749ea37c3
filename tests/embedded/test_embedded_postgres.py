"""The embedded PostgreSQL as a real server: what it keeps, and what it never leaves behind."""

import os
import signal
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from inventory_grpc.embedded import (
    BinariesNotFoundError,
    DataDirInUseError,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    StartFailedError,
    account,
    postmaster,
)
from tests.embedded.helpers import (
    FAST,
    connected,
    dsn,
    holder,
    rows,
    run,
    until,
    value,
    watched,
    write_row,
)


def test_it_serves_the_database_of_the_service_without_a_tcp_port(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg, connected(pg, "service") as conn:
        assert value(conn, "SELECT current_user || '@' || current_database()") == (
            "inventory_service@inventory"
        )
        assert value(conn, "SHOW listen_addresses") == ""
        assert value(conn, "SHOW server_version") == pg.version


def test_only_the_owner_may_change_the_schema(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        with connected(pg, "owner") as conn:
            run(conn, "CREATE TABLE kept (n int)")
            conn.commit()
        with connected(pg, "service") as conn:
            for forbidden in ("CREATE TABLE mine (n int)", "SELECT * FROM kept"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    run(conn, forbidden)
                conn.rollback()


def test_nobody_connects_without_the_password(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        for role in ("service", "owner", "superuser"):
            credentials, _, rest = dsn(pg.url(role=role)).partition("@")
            user = credentials.rpartition(":")[0]
            with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
                psycopg2.connect(f"{user}@{rest}")
            with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
                psycopg2.connect(f"{user}:guessed@{rest}")


def test_what_was_committed_survives_a_restart(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir) as pg:
        write_row(pg)
    with EmbeddedPostgres(passable_dir) as pg:
        assert rows(pg) == 1


def test_what_was_committed_survives_kill_9_of_the_server_process(passable_dir: Path) -> None:
    with holder(passable_dir) as (process, held):
        with closing(psycopg2.connect(dsn(held.url))) as conn:
            run(conn, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
            conn.commit()
        process.kill()
        process.wait()
        # At once: the old postmaster may still be writing its checkpoint.
        with EmbeddedPostgres(passable_dir, FAST) as pg:
            assert rows(pg) == 1
            assert pg.pid != held.pid


def test_what_was_committed_survives_kill_9_of_both_processes(passable_dir: Path) -> None:
    # The session outlives the postmaster for a moment, and with it the shared memory.
    with (
        holder(passable_dir) as (process, held),
        closing(psycopg2.connect(dsn(held.url))) as conn,
    ):
        run(conn, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        conn.commit()
        process.kill()
        os.kill(held.pid, signal.SIGKILL)
        process.wait()
        with EmbeddedPostgres(passable_dir, FAST) as pg:
            assert rows(pg) == 1


def test_postgres_does_not_outlive_a_killed_parent(passable_dir: Path) -> None:
    with holder(passable_dir) as (process, held), watched(held.pid) as ended:
        process.kill()
        assert ended(30)


def test_it_lives_on_when_the_thread_that_started_it_ends(passable_dir: Path) -> None:
    pg = EmbeddedPostgres(passable_dir, FAST)
    starter = threading.Thread(target=pg.__enter__)
    starter.start()
    starter.join()
    try:
        with watched(pg.pid) as ended:
            assert not ended(0.2)
        write_row(pg)
    finally:
        pg.__exit__(None, None, None)


def test_a_killed_postgres_is_started_again_with_its_data(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        write_row(pg)
        killed = pg.pid
        # A session left behind holds the shared memory that the next start wants.
        with connected(pg, "owner"):
            os.kill(killed, signal.SIGKILL)
            until(lambda: pg.pid != killed)
        assert rows(pg) == 1


def test_a_postgres_that_keeps_dying_is_given_up(
    passable_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmaster, "_RESTARTS_MAX", 1)
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        first = pg.pid
        os.kill(first, signal.SIGKILL)
        until(lambda: pg.pid != first)
        os.kill(pg.pid, signal.SIGKILL)
        with pytest.raises(StartFailedError, match="too often"):
            until(lambda: pg.pid == first)


def test_a_second_server_is_refused_with_the_pid_of_the_first(passable_dir: Path) -> None:
    with holder(passable_dir) as (process, held):
        with (
            pytest.raises(DataDirInUseError, match=f"process {process.pid}") as refused,
            EmbeddedPostgres(passable_dir, FAST),
        ):
            pass
        assert refused.value.pid == process.pid
        with closing(psycopg2.connect(dsn(held.url))) as conn:
            assert value(conn, "SELECT 1") == 1


def test_a_stale_pid_file_that_names_another_program_does_not_matter(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        write_row(pg)
        data = pg.data
    user = account.unprivileged()
    stranger = subprocess.Popen(
        ["cat"],
        stdin=subprocess.PIPE,
        cwd="/",
        user=None if user is None else user.uid,
    )
    with stranger:
        lines = (stranger.pid, data, 1, 5432, "/nowhere", "", "1 1", "ready")
        (data / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))
        with EmbeddedPostgres(passable_dir, FAST) as pg:
            assert rows(pg) == 1
            assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_cannot_start_says_why(passable_dir: Path) -> None:
    with (
        pytest.raises(StartFailedError, match="shared_buffers"),
        EmbeddedPostgres(passable_dir, {"fsync": "off", "shared_buffers": "plenty"}),
    ):
        pass


def test_data_of_another_major_version_is_not_touched(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        version = pg.data / "PG_VERSION"
    version.write_text("13\n")
    with (
        pytest.raises(BinariesNotFoundError, match="PostgreSQL 13"),
        EmbeddedPostgres(passable_dir, FAST),
    ):
        pass


def test_it_cannot_be_used_after_its_block(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        keeper_pid = pg.pid
    assert not Path(f"/proc/{keeper_pid}").exists()
    with pytest.raises((AssertionError, EmbeddedPostgresError)):
        pg.url()
