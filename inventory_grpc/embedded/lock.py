"""One supervisor per data directory, and what a dead one may have left behind.

The lock is the kernel's (`flock`): it goes with the process, also on kill -9.
The pid in the file only serves the message.
"""

import fcntl
import logging
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from inventory_grpc.embedded.errors import DataDirInUseError

_log = logging.getLogger(__name__)

# A fast shutdown writes a checkpoint first, which can take this long on a slow disk.
_ORPHAN_WAIT_SECONDS: Final = 60.0


@contextmanager
def locked(base: Path) -> Iterator[None]:
    """Hold the lock of a data directory; raises `DataDirInUseError` when it is taken."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(base / "lock", flags, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).strip()
            raise DataDirInUseError(base, int(holder or 0)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)


def postmaster_pid(data: Path) -> int | None:
    """The process named in `postmaster.pid`; None without that file or with a torn one."""
    lines = postmaster_lines(data)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def postmaster_lines(data: Path) -> list[str]:
    """The lines of `postmaster.pid`: pid, data, start time, port, socket directory, …, status."""
    try:
        text = (data / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines()]


def settle_orphan(data: Path) -> None:
    """Deal with the postmaster of a dead supervisor. Needs the lock.

    One that still runs was told to shut down when its parent died: wait for
    it, at most a minute, then raise `DataDirInUseError`. A `postmaster.pid`
    whose number now belongs to another program is removed, because PostgreSQL
    would take that program for a running postmaster and refuse to start.
    """
    pid = postmaster_pid(data)
    if pid is None or sys.platform != "linux":
        return
    if _serves(pid, data):
        _log.warning("waiting for PostgreSQL (pid %d) of an earlier run to finish", pid)
        if not _ended(pid, _ORPHAN_WAIT_SECONDS):
            raise DataDirInUseError(data, pid)
    elif Path(f"/proc/{pid}").exists():
        _log.warning("removed a stale postmaster.pid: process %d is not PostgreSQL", pid)
        (data / "postmaster.pid").unlink()


def _serves(pid: int, data: Path) -> bool:
    # A postmaster's working directory is its data directory.
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        return False


def _ended(pid: int, timeout_seconds: float) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        readable, _, _ = select.select([descriptor], [], [], timeout_seconds)
        return bool(readable)
    finally:
        os.close(descriptor)
