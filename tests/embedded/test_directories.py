"""Where the embedded PostgreSQL keeps things, and whose modes it leaves alone."""

import os
import stat
from pathlib import Path

import pytest

from inventory_grpc.embedded import (
    EmbeddedPostgres,
    account,
)
from tests.embedded.helpers import (
    FAST,
    connected,
    rows,
    write_row,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to become")


def test_a_creation_that_was_cut_short_is_begun_anew(passable_dir: Path) -> None:
    half = passable_dir / "postgresql" / "new-half"
    account.make_directory(half / "data", account.unprivileged())
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        write_row(pg)
    assert not half.exists()


def test_a_data_directory_too_deep_for_a_socket_path_works(passable_dir: Path) -> None:
    deep = passable_dir / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep, FAST) as pg:
        write_row(pg)
        with connected(pg, "service") as conn:
            outside = Path(conn.info.host)
        assert stat.S_IMODE(outside.stat().st_mode) == 0o700
    assert not outside.exists()


def test_the_socket_and_the_data_are_private(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg, connected(pg, "service") as conn:
        for private in (Path(conn.info.host), pg.data):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
        credentials = pg.data.parent / "credentials.json"
        assert stat.S_IMODE(credentials.stat().st_mode) == 0o600


def test_directories_that_were_there_keep_their_modes(passable_dir: Path) -> None:
    existing = passable_dir / "existing"
    existing.mkdir()
    existing.chmod(0o751)
    before = existing.stat()
    with EmbeddedPostgres(existing, FAST):
        after = existing.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


@needs_root
def test_as_root_it_runs_as_an_unprivileged_user(passable_dir: Path) -> None:
    with EmbeddedPostgres(passable_dir, FAST) as pg:
        status = Path(f"/proc/{pg.pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert "0" not in fields["Gid"].split()
    assert fields["Groups"].split() == []


@needs_root
def test_a_closed_directory_is_not_opened_but_stepped_around(
    passable_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(account, "FALLBACK_ROOT", passable_dir / "fallback")
    closed = passable_dir / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data", FAST) as pg:
        write_row(pg)
        assert pg.data.is_relative_to(passable_dir / "fallback")
    with EmbeddedPostgres(closed / "data", FAST) as pg:
        assert rows(pg) == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list(closed.iterdir()) == []
    assert f"{closed / 'data'} cannot be reached" in caplog.text
