"""One serving process: its parts, started together and stopped in order."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self

import grpc
import structlog

from inventory_grpc.rpc.encode import resume_token
from inventory_grpc.rpc.errors import encode_refusal
from inventory_grpc.rpc.guard import Guard
from inventory_grpc.rpc.registry import MetadataLimit, register
from inventory_grpc.rpc.servicers import build_servicers
from inventory_grpc.server.address import Address
from inventory_grpc.server.admission import Admission
from inventory_grpc.server.channelz import Channelz
from inventory_grpc.server.database_watch import DatabaseWatch
from inventory_grpc.server.door import ServerDoors
from inventory_grpc.server.errors import AddressTakenError
from inventory_grpc.server.fair_threads import FairThreads, of_all, of_the_call
from inventory_grpc.server.health import SERVICE_NAME, Health
from inventory_grpc.server.identifying import Identifying
from inventory_grpc.server.observing import Observing
from inventory_grpc.server.options import server_options
from inventory_grpc.server.pruning import Pruner
from inventory_grpc.server.quotas import Quotas, default_limits, threads_at_once
from inventory_grpc.server.reflection import add_reflection
from inventory_grpc.server.state_metrics import State
from inventory_grpc.server.sweeping import Sweeper
from inventory_grpc.server.tarpit import Tarpit
from inventory_grpc.server.threads import DaemonThreads
from inventory_grpc.server.tls import Certificates, tls_certificates
from inventory_grpc.server.watching import Watching
from inventory_grpc.services.mutations import Mutations
from inventory_grpc.services.reads import Reads
from inventory_grpc.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_log = structlog.stdlib.get_logger(__name__)

_FLUSH_SECONDS: Final = 1.0
"""What last answers get to reach their clients once nothing is in flight."""


_CLOSE_SECONDS_MAX: Final = 10.0
"""What batches whose callers are gone get; their statements have limits of their own."""


@dataclass(frozen=True, slots=True)
class _Parts:
    mutations: Mutations
    reads: Reads
    threads: DaemonThreads
    admission: Admission
    health: Health
    server: grpc.aio.Server
    watch: DatabaseWatch
    replica_watch: DatabaseWatch | None
    pruner: Pruner
    sweeper: Sweeper
    watching: Watching
    identifying: Identifying | None
    observing: Observing
    channelz: Channelz | None
    tarpit: Tarpit
    ready: asyncio.Event


class Application:
    """A server in this process and event loop, whether the database is there or not."""

    def __init__(self, settings: Settings, parts: _Parts, address: Address) -> None:
        self._settings = settings
        self._parts = parts
        self.address = address
        """Where it listens, with the port that it got."""

    @classmethod
    async def start(
        cls,
        settings: Settings,
        *,
        share_port: bool = False,
        exporter: "SpanExporter | None" = None,
    ) -> Self:
        """Listen and answer. `settings.database_url` must be set.

        `share_port` lets other processes of this user listen on the same port; `exporter` gets the
        spans of traces, instead of who the settings name. Raises StartError.
        """
        certificates = tls_certificates(settings)
        observing = Observing.open(settings, exporter)
        channelz = await Channelz.start(settings)
        identifying = await Identifying.start(settings)
        parts = _build(settings, identifying, observing, channelz, share_port=share_port)
        wanted = Address.parse(settings.listen)
        try:
            port = _open_port(parts.server, wanted, certificates)
        except RuntimeError:
            await _close(parts)
            raise AddressTakenError(str(wanted)) from None
        await parts.server.start()
        parts.tarpit.start(0 if wanted.path else port)
        parts.watch.start()
        if parts.replica_watch is not None:
            parts.replica_watch.start()
        parts.pruner.start()
        parts.sweeper.start()
        parts.watching.start()
        observing.start(_state(settings, parts, certificates))
        return cls(settings, parts, wanted if wanted.path else wanted.with_port(port))

    @property
    def port(self) -> int:
        """The TCP port; 0 on a Unix socket."""
        return self.address.port

    @property
    def target(self) -> str:
        """What a client on this machine connects to."""
        return str(self.address.client)

    async def wait_ready(self) -> None:
        """Wait until the database was servable for the first time."""
        await self._parts.ready.wait()

    async def stop(self) -> bool:
        """Say so, refuse new calls, finish those in flight within `drain_seconds`, close.

        False when the database hangs so that a thread of the write path cannot end.
        """
        parts, settings = self._parts, self._settings
        parts.health.drain()
        _log.info("draining", in_flight=parts.admission.in_flight)
        # Balancers that ask for the health need a moment in which calls still succeed.
        await asyncio.sleep(settings.drain_notice_ms / 1000)
        parts.admission.drain()
        parts.watching.drain()
        if not await parts.admission.wait_idle(settings.drain_seconds):
            _log.warning("drain_cut_short", in_flight=parts.admission.in_flight)
        await parts.watching.wait_ended(settings.drain_seconds)
        closed = await _close(parts)
        _log.info("stopped")
        return closed


def _build(
    settings: Settings,
    identifying: Identifying | None,
    observing: Observing,
    channelz: Channelz | None,
    *,
    share_port: bool,
) -> _Parts:
    assert settings.database_url is not None, "the caller knows the database"
    admission = Admission(settings.in_flight_max)
    threads = DaemonThreads(settings.read_pool_size, "read")
    mutations = Mutations.start(settings, encode_refusal, resume_token, observing.of_batches)
    fair = FairThreads(threads, threads_at_once(settings))
    reads = Reads.start(settings, fair.line(of_all))
    server = grpc.aio.server(options=server_options(settings, share_port=share_port))
    watching = Watching(settings, mutations)
    servicers = build_servicers(mutations, reads, watching.changes, watching.limits)
    authenticator = identifying.authenticator if identifying else None
    quotas = Quotas(default_limits(settings))
    doors = ServerDoors(authenticator, quotas, admission, watching.admission)
    guard = Guard(doors, fair.line(of_the_call), observing)
    tarpit = Tarpit()
    limit = MetadataLimit(settings.metadata_bytes_max, tarpit.exceeded)
    names = register(server, servicers, guard, limit)
    # A client needs one of each for every connection that it has.
    health = Health(names, settings.connections_max)
    health.add_to(server)
    if settings.reflection:
        add_reflection(server, [*names, SERVICE_NAME], settings.connections_max)
    ready = asyncio.Event()

    def on_database(servable: bool) -> None:  # noqa: FBT001 - its only fact
        health.set_ready(ready=servable)
        if servable:
            ready.set()

    watch = DatabaseWatch(settings.database_url, on_database)
    pruner = Pruner(
        settings.database_url,
        timedelta(hours=settings.answers_kept_hours),
        timedelta(days=settings.changes_kept_days),
    )
    sweeper = Sweeper(settings.database_url, mutations, settings.hold_sweep_seconds)
    return _Parts(
        mutations, reads, threads, admission, health, server, watch,
        _replica_watch(settings, reads), pruner, sweeper, watching, identifying, observing,
        channelz, tarpit, ready,
    )  # fmt: skip


def _open_port(server: grpc.aio.Server, address: Address, certificates: Certificates | None) -> int:
    if certificates is None:
        return server.add_insecure_port(str(address))
    return server.add_secure_port(str(address), certificates.credentials())


def _state(settings: Settings, parts: _Parts, certificates: Certificates | None) -> State:
    return State(
        settings, parts.admission, parts.mutations, parts.reads, parts.threads, parts.watching,
        parts.sweeper, parts.watch, parts.replica_watch, certificates, parts.observing.access_log,
        parts.tarpit,
    )  # fmt: skip


def _replica_watch(settings: Settings, reads: Reads) -> DatabaseWatch | None:
    if settings.read_database_url is None:
        return None

    def on_replica(servable: bool) -> None:  # noqa: FBT001 - its only fact
        reads.use_replica(well=servable)

    return DatabaseWatch(settings.read_database_url, on_replica, replica=True)


async def _close(parts: _Parts) -> bool:
    parts.health.close()
    await parts.tarpit.stop()
    await parts.server.stop(_FLUSH_SECONDS)
    await parts.sweeper.stop()
    await parts.watching.stop()
    if parts.identifying is not None:
        await parts.identifying.stop()
    closed = await _close_mutations(parts.mutations)
    # A read whose caller is gone may still run; its time is limited.
    parts.threads.shutdown()
    parts.reads.close()
    await parts.pruner.stop()
    await parts.watch.stop()
    if parts.replica_watch is not None:
        await parts.replica_watch.stop()
    await parts.observing.stop()
    if parts.channelz is not None:
        await parts.channelz.stop()
    return closed


async def _close_mutations(mutations: Mutations) -> bool:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS_MAX):
            await mutations.close()
    except TimeoutError:
        _log.warning("writes_left_behind", reason="the database does not answer")
        return False
    return True
