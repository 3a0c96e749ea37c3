"""From the settings to a served port, and back to nothing."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Final

import structlog
import uvloop

from inventory_grpc.demo import ORDERED_SKU
from inventory_grpc.server import logging
from inventory_grpc.server.address import Address, check_free
from inventory_grpc.server.affinity import SUPPORTED, keep_on_one_cpu
from inventory_grpc.server.app import Application
from inventory_grpc.server.channelz import check_channelz
from inventory_grpc.server.descriptors import raise_limit
from inventory_grpc.server.errors import StartError
from inventory_grpc.server.exposure import check_exposure
from inventory_grpc.server.identifying import check_access
from inventory_grpc.server.observing import check_traces
from inventory_grpc.server.prepare import prepare_database
from inventory_grpc.server.ready import command_line, entrance
from inventory_grpc.server.signals import end_within, stop_on_signals
from inventory_grpc.server.tls import tls_certificates
from inventory_grpc.server.workers import check_private_ports, supervise
from inventory_grpc.settings import Settings

_log = structlog.stdlib.get_logger(__name__)

_HANGING_SECONDS_MAX: Final = 5.0
"""What is left to do once everything is drained, such as stopping an embedded database."""

_COLLECT_AFTER_OBJECTS: Final = 20_000

OnReady = Callable[[Address], None]


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the process's exit status.

    `settings.database_url` must be set; an embedded database is started before and stopped after
    this by its owner. A server that cannot start says why in one line on standard error.
    """
    raise_limit()
    return _run(_serve(settings))


def serve_as_worker(settings: Settings, on_ready: OnReady) -> int:
    """Serve as one of several processes; the parent holds the port and prepared the database."""
    logging.configure(settings.log_level, settings.log_format)
    return _run(_serve_in_worker(settings, on_ready))


def announce(settings: Settings, address: Address) -> None:
    """Print the line to paste, the only one on standard output."""
    _log.info("ready", listen=str(address), hint="the line on standard output is a call to paste")
    sku = ORDERED_SKU if settings.demo else None
    line = command_line(address, demo_sku=sku, entrance=entrance(settings))
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(main: Coroutine[None, None, None]) -> int:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _serve(settings: Settings) -> None:
    stop = stop_on_signals()
    # Before the database is touched: whoever starts a second server by mistake learns it at once.
    check_free(Address.parse(settings.listen))
    check_exposure(settings)
    check_access(settings)
    check_channelz(settings)
    check_traces(settings)
    check_private_ports(settings)
    if settings.worker_cpu_affinity == "auto" and not SUPPORTED:
        _log.warning("worker_cpu_affinity_not_supported", platform=sys.platform)
    # Several workers would each find it out for themselves, and be started again for ever.
    tls_certificates(settings)
    if not await _finished_before(stop, prepare_database(settings)):
        return
    if settings.workers > 1:
        await supervise(settings, stop, lambda address: announce(settings, address))
    else:
        await _serve_until(stop, settings, lambda address: announce(settings, address))


async def _serve_in_worker(settings: Settings, on_ready: OnReady) -> None:
    await _serve_until(stop_on_signals(), settings, on_ready, share_port=True)


async def _serve_until(
    stop: asyncio.Event, settings: Settings, on_ready: OnReady, *, share_port: bool = False
) -> None:
    if settings.worker_cpu_affinity == "auto":
        # Any will do, but not the same for all servers of a machine.
        keep_on_one_cpu(0, os.getpid())
    app = await Application.start(settings, share_port=share_port)
    _log.info("serving", listen=str(app.address))
    _spare_the_collector()
    if await _finished_before(stop, app.wait_ready()):
        on_ready(app.address)
        await stop.wait()
    if not await app.stop():
        end_within(_HANGING_SECONDS_MAX)


def _spare_the_collector() -> None:
    """What is loaded by now stays; a batch makes thousands of objects, none of them in a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 50, 100)


async def _finished_before(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Run `work` unless `stop` is set first, which cancels it; whether it finished."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
        return False
    working.result()
    return True
