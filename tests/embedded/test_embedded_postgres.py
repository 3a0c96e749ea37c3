"""The embedded PostgreSQL as a real server: what it keeps, and what it never leaves behind."""

import json
import os
import select
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection

from inventory_grpc.embedded import (
    BinariesNotFoundError,
    DataDirInUseError,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    Role,
    StartFailedError,
    account,
    postmaster,
)

_FAST = {"fsync": "off"}

_needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to become")

# Stands for the server process: holds an embedded PostgreSQL until its standard input closes.
_HOLDER = """
import json, sys
from pathlib import Path
from inventory_grpc.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), {"fsync": "off"}) as pg:
    print(json.dumps({"pid": pg.pid, "url": pg.url(role="owner")}), flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class _Held:
    pid: int
    url: str


def test_it_serves_the_database_of_the_service_without_a_tcp_port(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg, _connected(pg, "service") as conn:
        assert _value(conn, "SELECT current_user || '@' || current_database()") == (
            "inventory_service@inventory"
        )
        assert _value(conn, "SHOW listen_addresses") == ""
        assert _value(conn, "SHOW server_version") == pg.version


def test_only_the_owner_may_change_the_schema(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        with _connected(pg, "owner") as conn:
            _run(conn, "CREATE TABLE kept (n int)")
            conn.commit()
        with _connected(pg, "service") as conn:
            for forbidden in ("CREATE TABLE mine (n int)", "SELECT * FROM kept"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    _run(conn, forbidden)
                conn.rollback()


def test_nobody_connects_without_the_password(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        for role in ("service", "owner", "superuser"):
            credentials, _, rest = _dsn(pg.url(role=role)).partition("@")
            user = credentials.rpartition(":")[0]
            with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
                psycopg2.connect(f"{user}@{rest}")
            with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
                psycopg2.connect(f"{user}:guessed@{rest}")


def test_what_was_committed_survives_a_restart(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir) as pg:
        _write_row(pg)
    with EmbeddedPostgres(passable_dir) as pg:
        assert _rows(pg) == 1


def test_what_was_committed_survives_kill_9_of_the_server_process(passable_dir: Path) -> None:
    with _holder(passable_dir) as (process, held):
        with closing(psycopg2.connect(_dsn(held.url))) as conn:
            _run(conn, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
            conn.commit()
        process.kill()
        process.wait()
        # At once: the old postmaster may still be writing its checkpoint.
        with EmbeddedPostgres(passable_dir, _FAST) as pg:
            assert _rows(pg) == 1
            assert pg.pid != held.pid


def test_what_was_committed_survives_kill_9_of_both_processes(passable_dir: Path) -> None:
    # The session outlives the postmaster for a moment, and with it the shared memory.
    with (
        _holder(passable_dir) as (process, held),
        closing(psycopg2.connect(_dsn(held.url))) as conn,
    ):
        _run(conn, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        conn.commit()
        process.kill()
        os.kill(held.pid, signal.SIGKILL)
        process.wait()
        with EmbeddedPostgres(passable_dir, _FAST) as pg:
            assert _rows(pg) == 1


def test_postgres_does_not_outlive_a_killed_parent(passable_dir: Path) -> None:
    with _holder(passable_dir) as (process, held), _watched(held.pid) as ended:
        process.kill()
        assert ended(30)


def test_it_lives_on_when_the_thread_that_started_it_ends(passable_dir: Path) -> None:
    pg = EmbeddedPostgres(passable_dir, _FAST)
    starter = threading.Thread(target=pg.__enter__)
    starter.start()
    starter.join()
    try:
        with _watched(pg.pid) as ended:
            assert not ended(0.2)
        _write_row(pg)
    finally:
        pg.__exit__(None, None, None)


def test_a_killed_postgres_is_started_again_with_its_data(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        _write_row(pg)
        killed = pg.pid
        # A session left behind holds the shared memory that the next start wants.
        with _connected(pg, "owner"):
            os.kill(killed, signal.SIGKILL)
            _until(lambda: pg.pid != killed)
        assert _rows(pg) == 1


def test_a_postgres_that_keeps_dying_is_given_up(
    passable_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmaster, "_RESTARTS_MAX", 1)
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        first = pg.pid
        os.kill(first, signal.SIGKILL)
        _until(lambda: pg.pid != first)
        os.kill(pg.pid, signal.SIGKILL)
        with pytest.raises(StartFailedError, match="too often"):
            _until(lambda: pg.pid == first)


def test_a_second_server_is_refused_with_the_pid_of_the_first(passable_dir: Path) -> None:
    with _holder(passable_dir) as (process, held):
        with (
            pytest.raises(DataDirInUseError, match=f"process {process.pid}") as refused,
            EmbeddedPostgres(passable_dir, _FAST),
        ):
            pass
        assert refused.value.pid == process.pid
        with closing(psycopg2.connect(_dsn(held.url))) as conn:
            assert _value(conn, "SELECT 1") == 1


def test_a_stale_pid_file_that_names_another_program_does_not_matter(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        _write_row(pg)
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
        with EmbeddedPostgres(passable_dir, _FAST) as pg:
            assert _rows(pg) == 1
            assert stranger.poll() is None
        stranger.kill()


def test_a_creation_that_was_cut_short_is_begun_anew(passable_dir: Path) -> None:
    half = passable_dir / "postgresql" / "new-half"
    account.make_directory(half / "data", account.unprivileged())
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        _write_row(pg)
    assert not half.exists()


def test_a_server_that_cannot_start_says_why(passable_dir: Path) -> None:
    with (
        pytest.raises(StartFailedError, match="shared_buffers"),
        EmbeddedPostgres(passable_dir, {"fsync": "off", "shared_buffers": "plenty"}),
    ):
        pass


def test_data_of_another_major_version_is_not_touched(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        version = pg.data / "PG_VERSION"
    version.write_text("13\n")
    with (
        pytest.raises(BinariesNotFoundError, match="PostgreSQL 13"),
        EmbeddedPostgres(passable_dir, _FAST),
    ):
        pass


def test_a_data_directory_too_deep_for_a_socket_path_works(passable_dir: Path) -> None:
    deep = passable_dir / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep, _FAST) as pg:
        _write_row(pg)
        with _connected(pg, "service") as conn:
            outside = Path(conn.info.host)
        assert stat.S_IMODE(outside.stat().st_mode) == 0o700
    assert not outside.exists()


def test_the_socket_and_the_data_are_private(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg, _connected(pg, "service") as conn:
        for private in (Path(conn.info.host), pg.data):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
        credentials = pg.data.parent / "credentials.json"
        assert stat.S_IMODE(credentials.stat().st_mode) == 0o600


def test_directories_that_were_there_keep_their_modes(passable_dir: Path) -> None:
    existing = passable_dir / "existing"
    existing.mkdir()
    existing.chmod(0o751)
    before = existing.stat()
    with EmbeddedPostgres(existing, _FAST):
        after = existing.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


@_needs_root
def test_as_root_it_runs_as_an_unprivileged_user(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        status = Path(f"/proc/{pg.pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert "0" not in fields["Gid"].split()
    assert fields["Groups"].split() == []


@_needs_root
def test_a_closed_directory_is_not_opened_but_stepped_around(
    passable_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(account, "FALLBACK_ROOT", passable_dir / "fallback")
    closed = passable_dir / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data", _FAST) as pg:
        _write_row(pg)
        assert pg.data.is_relative_to(passable_dir / "fallback")
    with EmbeddedPostgres(closed / "data", _FAST) as pg:
        assert _rows(pg) == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list(closed.iterdir()) == []
    assert f"{closed / 'data'} cannot be reached" in caplog.text


def test_it_cannot_be_used_after_its_block(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, _FAST) as pg:
        keeper_pid = pg.pid
    assert not Path(f"/proc/{keeper_pid}").exists()
    with pytest.raises((AssertionError, EmbeddedPostgresError)):
        pg.url()


@contextmanager
def _holder(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], _Held]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        yield process, _Held(**json.loads(process.stdout.readline()))
        process.kill()


@contextmanager
def _watched(pid: int) -> Iterator[Callable[[float], bool]]:
    """A function that tells whether the process ended within some seconds."""
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda seconds: bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


@contextmanager
def _connected(pg: EmbeddedPostgres, role: Role) -> Iterator[connection]:
    with closing(psycopg2.connect(_dsn(pg.url(role=role)))) as conn:
        yield conn


def _dsn(url: str) -> str:
    return url.replace("postgresql+psycopg2://", "postgresql://")


def _run(conn: connection, statement: str) -> None:
    with conn.cursor() as cursor:
        cursor.execute(statement)


def _value(conn: connection, query: str) -> object:
    with conn.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    assert row is not None
    return row[0]


def _write_row(pg: EmbeddedPostgres) -> None:
    with _connected(pg, "owner") as conn:
        _run(conn, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        conn.commit()


def _rows(pg: EmbeddedPostgres) -> object:
    with _connected(pg, "owner") as conn:
        return _value(conn, "SELECT count(*) FROM kept")


def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("did not happen in time")
