"""Where PostgreSQL's Unix socket lies: private, and short enough for the kernel."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from inventory_grpc.embedded.account import Account, make_private_directory, reachable
from inventory_grpc.embedded.errors import EmbeddedPostgresError

# sun_path has 108 bytes with its terminating zero on Linux, 104 on macOS.
_SOCKET_PATH_BYTES_MAX: Final = 103
_SOCKET_NAME: Final = ".s.PGSQL.5432"
_PREFIX: Final = "inventory-"


def fits(directory: Path) -> bool:
    """Whether a socket path in the directory is short enough and libpq can name it."""
    # libpq splits a host at commas.
    path = os.fsencode(directory / _SOCKET_NAME)
    return len(path) <= _SOCKET_PATH_BYTES_MAX and b"," not in path


@contextmanager
def socket_directory(base: Path, account: Account | None) -> Iterator[Path]:
    """A 0700 directory of the account: in `base`, or a temporary one if that is too deep.

    Needs the lock of the data directory, and that no earlier postmaster runs.
    """
    inside = base / "socket"
    if fits(inside):
        make_private_directory(inside, account)
        # A killed postmaster leaves its socket's lock file, and PostgreSQL refuses to start when
        # the number in it is in use again, even if only by a zombie.
        for name in (_SOCKET_NAME, f"{_SOCKET_NAME}.lock"):
            (inside / name).unlink(missing_ok=True)
        yield inside
        return
    outside = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_short_directory(account)))
    make_private_directory(outside, account)
    try:
        yield outside
    finally:
        shutil.rmtree(outside, ignore_errors=True)


def remove_stale(directory: str, account: Account | None) -> None:
    """Remove a temporary socket directory that a killed supervisor left behind."""
    path = Path(directory)
    owner = os.geteuid() if account is None else account.uid
    # The name comes from a file the account can write: never follow it to what others own.
    if path.name.startswith(_PREFIX) and path.is_dir() and path.lstat().st_uid == owner:
        shutil.rmtree(path, ignore_errors=True)


def _short_directory(account: Account | None) -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR") if account is None else None
    for name in (runtime, tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108
        directory = Path(name) if name else None
        if directory is None or not directory.is_dir():
            continue
        if fits(directory / f"{_PREFIX}12345678") and reachable(directory, account):
            return directory
    raise EmbeddedPostgresError("no directory for a Unix socket was found: set TMPDIR")
