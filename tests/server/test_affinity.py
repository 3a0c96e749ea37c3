"""One CPU per process: every thread of it is kept there, and nobody else."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import Database
from tests.server.harness import Server, Status, poll_until, running

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="there is nothing to choose from",
)

_AUTO = ("--no-migrate", "--worker-cpu-affinity", "auto")


def test_by_default_nobody_is_kept_anywhere(database: Database, tmp_path: Path) -> None:
    with running(tmp_path / "log", "--no-migrate", database_url=database.url) as server:
        assert _cpus(psutil.Process(server.process.pid)) == {frozenset(os.sched_getaffinity(0))}


def test_all_threads_of_a_server_stay_on_one_cpu(database: Database, tmp_path: Path) -> None:
    with running(tmp_path / "log", *_AUTO, database_url=database.url) as server:
        assert server.health() == Status.SERVING
        [only] = _cpus(psutil.Process(server.process.pid))
    assert len(only) == 1
    assert only < os.sched_getaffinity(0)


def test_workers_share_the_cpus_out_and_a_new_one_takes_the_old_ones_place(
    database: Database, tmp_path: Path
) -> None:
    flags = (*_AUTO, "--workers", "2")
    with running(tmp_path / "log", *flags, database_url=database.url) as parent:
        places = _places(parent)
        assert all(len(cpus) == 1 for cpus in places.values())
        assert len(set(places.values())) == 2
        victim = next(iter(places))
        psutil.Process(victim).kill()
        poll_until(lambda: len(parent.events("worker_ready")) == 3, 30)
        assert sorted(_places(parent).values(), key=sorted) == sorted(places.values(), key=sorted)
        # Whoever watches them is where there is room.
        assert _cpus(psutil.Process(parent.process.pid)) == {frozenset(os.sched_getaffinity(0))}


def _places(parent: Server) -> dict[int, frozenset[int]]:
    """Of each worker, where all of its threads are kept."""
    places = {}
    for child in psutil.Process(parent.process.pid).children():
        if child.status() != psutil.STATUS_ZOMBIE:
            [places[child.pid]] = _cpus(child)
    return places


def _cpus(process: psutil.Process) -> set[frozenset[int]]:
    """Where its threads may run."""
    return {frozenset(os.sched_getaffinity(thread.id)) for thread in process.threads()}
