"""Keeping a process on one CPU.

Python runs one thread at a time, so that the threads of a serving process (event loop, gRPC's own,
committer) mostly wake one another. On virtual machines a wake-up on another CPU costs a good deal
more than one on the same; figures in docs/scaling.md. nginx has the same, as
``worker_cpu_affinity auto``.
"""

import os
import sys
from typing import Final

SUPPORTED: Final = sys.platform == "linux"


def keep_on_one_cpu(pid: int, number: int) -> None:
    """Keep process ``pid`` (0 = this one) on the ``number``-th, going round, of the CPUs that this
    process may use.

    Of a running process that holds for the thread that made it, and for threads and processes
    that this one starts later. Nothing where the operating system cannot do it.
    """
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(pid, {allowed[number % len(allowed)]})
