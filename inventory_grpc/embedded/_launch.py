"""Becomes a PostgreSQL program: switches the user, asks to die with the parent, execs.

Run as a script by a bare interpreter (no site, no project imports). It is a
program of its own because code between fork and exec in a process with threads
can deadlock, and because the kernel forgets the parent-death signal on a
change of user: it has to be asked for after that and before the exec.

Arguments: PARENT_PID UID GID SIGNAL LOG PROGRAM [ARGUMENT ...]; a UID of -1
keeps the user, an empty LOG keeps standard output and error.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Never returns: ends as the program, or exits when the parent is gone."""
    parent, uid, gid, signal = (int(number) for number in arguments[:4])
    log, program = arguments[4:6]
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal)
    # The parent may have died before the request above: no signal would ever come.
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    if log:
        _redirect_output(log)
    os.execv(program, arguments[5:])  # noqa: S606


def _redirect_output(log: str) -> None:
    # Opened as the unprivileged user, who owns the directory and could plant a link there.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(log, flags, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
