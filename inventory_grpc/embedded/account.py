"""Who runs PostgreSQL, and which directories that user can reach.

PostgreSQL refuses to run as root. A root process therefore hands it to an
unprivileged account, and never widens the mode of a directory it did not make.
"""

import hashlib
import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_grpc.embedded.errors import EmbeddedPostgresError

_log = logging.getLogger(__name__)

# A machine may have a dedicated account; "nobody" is there on every Unix.
_ACCOUNT_NAMES: Final = ("inventory_grpc", "nobody")

# Where a root process puts what its unprivileged child cannot reach elsewhere.
FALLBACK_ROOT: Final = Path("/var/lib/inventory_grpc")

# Others may pass through, nothing more.
_PASSABLE: Final = 0o711
_PRIVATE: Final = 0o700


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user that a root process runs PostgreSQL as."""

    uid: int
    gid: int


def unprivileged() -> Account | None:
    """The account to switch to; None when this process is not root and needs none."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNT_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    names = " or ".join(_ACCOUNT_NAMES)
    raise EmbeddedPostgresError(f"PostgreSQL does not run as root, and there is no user {names}")


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the account may enter `path`, or execute it, through all its parents."""
    if account is None:
        return os.access(path, os.X_OK)
    real = path.resolve()
    return all(_may_execute(step, account) for step in (real, *real.parents))


def _may_execute(path: Path, account: Account) -> bool:
    # Mode bits only: an access list could allow more, and then the fallback is merely not needed.
    status = path.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def place(data_dir: Path, account: Account | None) -> Path:
    """Make the directory the database lives in and return it.

    That is `data_dir/postgresql`, or a directory under `FALLBACK_ROOT` when the
    account cannot reach `data_dir` and making it reachable would mean to open
    somebody else's directory. The choice depends on nothing but the path and
    the modes, so the same data is found again.
    """
    base = data_dir / "postgresql"
    if not reachable(_nearest_existing(base), account):
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()
        base = FALLBACK_ROOT / digest[:16]
        _log.warning(
            "%s cannot be reached by the unprivileged user that runs PostgreSQL; "
            "the data is kept in %s",
            data_dir,
            base,
        )
    make_directory(base, account)
    return base


def make_directory(path: Path, account: Account | None) -> None:
    """Make `path` and its missing parents; what exists keeps its mode."""
    missing = [step for step in (path, *path.parents) if not step.exists()]
    for step in reversed(missing):
        step.mkdir()
        # Explicitly, since a strict umask would shut the account out.
        step.chmod(_PRIVATE if account is None else _PASSABLE)


def make_private_directory(path: Path, account: Account | None) -> None:
    """Make `path`, if missing, as a directory that only the account (and root) may enter."""
    path.mkdir(exist_ok=True)
    path.chmod(_PRIVATE)
    give(path, account)


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of `path`; nothing to do without one."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _nearest_existing(path: Path) -> Path:
    return next(step for step in (path, *path.parents) if step.exists())
