"""The embedded PostgreSQL as one object: make, start, connect, stop."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import quote

from inventory_grpc.embedded import account as accounts
from inventory_grpc.embedded import binaries, cluster, lock, sockets
from inventory_grpc.embedded.launch import Launcher
from inventory_grpc.embedded.postmaster import Command, Keeper

_log = logging.getLogger(__name__)

Role = Literal["service", "owner", "superuser"]

_ROLE_NAMES: Final[Mapping[Role, str]] = {
    "service": cluster.SERVICE_ROLE,
    "owner": cluster.OWNER_ROLE,
    "superuser": cluster.SUPERUSER_ROLE,
}

_LOG_BYTES_MAX: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Running:
    home: cluster.Cluster
    credentials: cluster.Credentials
    keeper: Keeper
    socket_dir: Path
    version: str


class EmbeddedPostgres:
    """A PostgreSQL server as a child process, from `with` to the end of its block.

    The first start makes the cluster in `data_dir`, with the database
    `inventory` and its roles. There is no TCP port: clients use a Unix socket
    in a private directory and a password. The server dies with this process,
    is started again when it dies alone, and keeps what was committed either
    way. `settings` are PostgreSQL parameters, such as `{"fsync": "off"}`.

    Entering raises `DataDirInUseError` (another process serves the directory),
    `BinariesNotFoundError`, `ProgramFailedError` or `StartFailedError`; all are
    `EmbeddedPostgresError`.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self._data_dir = data_dir.absolute()
        self._settings = dict(settings or {})
        self._resources = ExitStack()
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            self._running = self._start(resources)
            self._resources = resources.pop_all()
        _log.info("PostgreSQL %s (pid %d) serves %s", self.version, self.pid, self._data_dir)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()
        self._running = None

    def url(self, database: str = cluster.DATABASE, role: Role = "service") -> str:
        """The SQLAlchemy URL of a database for a role; it contains the password."""
        running = self._state()
        password = getattr(running.credentials, role)
        host = quote(str(running.socket_dir), safe="")
        return f"postgresql+psycopg2://{_ROLE_NAMES[role]}:{password}@/{database}?host={host}"

    @property
    def pid(self) -> int:
        """The process id of the postmaster; another one after it was started again."""
        return self._state().keeper.ready_pid()

    @property
    def version(self) -> str:
        """The version of the server, such as "18.6"."""
        return self._state().version

    @property
    def data(self) -> Path:
        """What PostgreSQL calls its data directory."""
        return self._state().home.data

    def _state(self) -> _Running:
        assert self._running is not None, "used outside its with block"
        return self._running

    def _start(self, resources: ExitStack) -> _Running:
        account = accounts.unprivileged()
        base = accounts.place(self._data_dir, account)
        resources.enter_context(lock.locked(base))
        home = cluster.Cluster(base / "cluster")
        launcher = Launcher(binaries.find(home.major(), account), account)
        if home.exists():
            _clear_leftovers(home, account)
        else:
            cluster.create(home, launcher, durable=self._settings.get("fsync") != "off")
        socket_dir = resources.enter_context(sockets.socket_directory(base, account))
        keeper = Keeper(self._command(launcher, home.data, socket_dir))
        resources.callback(keeper.stop)
        keeper.start()
        return _Running(home, home.credentials(), keeper, socket_dir, launcher.binaries.version)

    def _command(self, launcher: Launcher, data: Path, socket_dir: Path) -> Command:
        quoted = str(socket_dir).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{quoted}"',
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(launcher, data, data / "postgresql.log", options)


def _clear_leftovers(home: cluster.Cluster, account: accounts.Account | None) -> None:
    lock.settle_orphan(home.data)
    lines = lock.postmaster_lines(home.data)
    if len(lines) >= 5:
        sockets.remove_stale(lines[4], account)
    log = home.data / "postgresql.log"
    if log.exists() and log.lstat().st_size > _LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
