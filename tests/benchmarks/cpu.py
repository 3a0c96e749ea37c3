"""CPU time of process trees, as the kernel counts it (in hundredths of a second)."""

from contextlib import suppress
from typing import Final

import psutil

_ATTEMPTS_MAX: Final = 5


def tree_seconds(pid: int) -> float:
    """CPU seconds that a process and all its descendants have used so far.

    Those that ended are counted in their parent once it has waited for them, so a difference of
    two calls misses nothing but what a child did that ended without being waited for.
    """
    for _ in range(_ATTEMPTS_MAX):
        root = psutil.Process(pid)
        # A child that ends between being listed and being read is in its parent's sum already, or
        # not yet: read everything again.
        with suppress(psutil.NoSuchProcess):
            return sum(map(_seconds, (root, *root.children(recursive=True))))
    raise RuntimeError("processes come and go too fast to be measured")


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
