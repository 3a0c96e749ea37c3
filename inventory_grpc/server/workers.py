"""Several server processes on one port: started, watched, started again, stopped.

They are new interpreters, never forks: gRPC's and libpq's threads do not survive a fork. The parent
serves nothing, so that it outlives what happens to a worker.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final

import structlog

from inventory_grpc.server.address import Address, check_free, reserve
from inventory_grpc.server.affinity import keep_on_one_cpu
from inventory_grpc.settings import Settings

_log = structlog.stdlib.get_logger(__name__)

READY_LINE: Final = b"ready\n"
"""What a worker writes to its standard output once it can serve."""

_BACKOFF_SECONDS: Final = 0.1
_BACKOFF_SECONDS_MAX: Final = 10.0
_STABLE_SECONDS: Final = 10.0
"""A worker that lived this long is started again at once."""

_DRAIN_SPARE_SECONDS: Final = 20
"""What a worker gets beyond its own limits before it is killed."""


async def supervise(
    settings: Settings, stop: asyncio.Event, on_ready: Callable[[Address], None]
) -> None:
    """Keep `settings.workers` processes serving until `stop` is set, then drain them all.

    `on_ready` is called once, when all were ready. Raises StartError.
    """
    with ExitStack() as port:
        address = reserve(Address.parse(settings.listen), port)
        numbers = range(1, settings.workers + 1)
        affine = settings.worker_cpu_affinity == "auto"
        workers = [
            _Worker(number, _told(settings, address, number), affine=affine) for number in numbers
        ]
        keeping = [asyncio.create_task(worker.keep()) for worker in workers]
        announcing = asyncio.create_task(_announce(workers, address, on_ready))
        await stop.wait()
        announcing.cancel()
        for worker in workers:
            worker.stop()
        seconds = settings.drain_seconds + settings.drain_notice_ms / 1000 + _DRAIN_SPARE_SECONDS
        _, late = await asyncio.wait(keeping, timeout=seconds)
        for worker in workers:
            worker.kill()
        if late:
            await asyncio.wait(late)


def check_private_ports(settings: Settings) -> None:
    """See that all of them are free. Raises AddressTakenError, AddressUnusableError.

    Workers that find it out for themselves would be started again for ever.
    """
    for listen in filter(None, (settings.metrics_listen, settings.channelz_listen)):
        first = Address.parse(listen)
        for number in range(1, settings.workers + 1):
            check_free(first.nth(number))


def _told(settings: Settings, address: Address, number: int) -> bytes:
    """The settings of one worker."""
    own = {"listen": str(address), "workers": 1, "migrate": False, "demo": False}
    # The parent sees to it: only here it is known which of them this one is.
    own["worker_cpu_affinity"] = "off"
    for name in ("metrics_listen", "channelz_listen"):
        listen = getattr(settings, name)
        if listen is not None:
            own[name] = str(Address.parse(listen).nth(number))
    return settings.model_copy(update=own).model_dump_json().encode()


async def _announce(
    workers: "list[_Worker]", address: Address, on_ready: Callable[[Address], None]
) -> None:
    for worker in workers:
        await worker.ready.wait()
    on_ready(address)


class _Worker:
    """One place among the workers, filled by one process after another."""

    def __init__(self, number: int, told: bytes, *, affine: bool) -> None:
        self._number = number
        self._told = told
        self._affine = affine
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()

    async def keep(self) -> None:
        """Run a process, and another one whenever it ends, until stopped."""
        backoff = _BACKOFF_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            status = await self._run_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > _STABLE_SECONDS:
                backoff = _BACKOFF_SECONDS
            _log.error("worker_ended", worker=self._number, status=status, restart_seconds=backoff)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), backoff)
            backoff = min(2 * backoff, _BACKOFF_SECONDS_MAX)

    def stop(self) -> None:
        """Ask the process to drain and end; no other one follows."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _run_once(self) -> int:
        command = (sys.executable, "-m", "inventory_grpc.server.worker", str(os.getpid()))
        # A session of its own: Ctrl-C in a terminal is the parent's to pass on, once.
        self._process = process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        if self._affine:
            # It has no settings yet, and so no other thread that would be left out.
            with suppress(ProcessLookupError):
                keep_on_one_cpu(process.pid, self._number - 1)
        if self._stopping.is_set():
            self.stop()
        assert process.stdin is not None
        assert process.stdout is not None
        # Not as arguments: the settings hold passwords, and everybody can read a command line.
        process.stdin.write(self._told)
        process.stdin.close()
        if await process.stdout.readline() == READY_LINE:
            _log.info("worker_ready", worker=self._number, pid=process.pid)
            self.ready.set()
        return await process.wait()
