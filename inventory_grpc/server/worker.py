"""One of several server processes: `python -m inventory_grpc.server.worker PARENT_PID`.

Reads its settings as JSON from standard input and writes one line when it is ready.
"""

import ctypes
import os
import signal
import sys
from typing import Final

from inventory_grpc.server.run import serve_as_worker
from inventory_grpc.server.workers import READY_LINE
from inventory_grpc.settings import Settings

_PR_SET_PDEATHSIG: Final = 1


def main() -> int:
    """Serve until told to stop; the process's exit status."""
    _die_with(int(sys.argv[1]))
    settings = Settings.model_validate_json(sys.stdin.buffer.read())
    return serve_as_worker(settings, lambda _address: _tell_ready())


def _die_with(parent: int) -> None:
    """Be killed when the parent ends, however it ends.

    Without its parent a worker would hold a port and database connections that nobody knows of.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    # The parent may have ended before the request above: no signal would ever come.
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def _tell_ready() -> None:
    sys.stdout.buffer.write(READY_LINE)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
